#pragma once

#include <cstdio>
#include <cstdlib>
#include <string_view>

// What is fuzzed: functions that take any bytes and abort when a promise is broken. With
// -DGATELOG_FUZZ=ON each becomes a libFuzzer program; fuzz_test runs them all over seeded inputs in
// every build.
namespace gatelog::fuzz {

// The same frames and the same error, however the bytes are cut; what was read can be written and
// read again.
void FrameReaderTakes(std::string_view bytes);

// A record that ParseEvent accepts is an EventLog to every client, with the same values; an image
// likewise.
void EventParseTakes(std::string_view bytes);

// Every body of a frame, given to whatever waits for an answer.
void AnswerTakes(std::string_view bytes);

// Any message that a board or its host may send: what is read can be written and read again.
void BoardPacketTakes(std::string_view bytes);

}  // namespace gatelog::fuzz

#define FUZZ_EXPECT(condition)                                                             \
  do {                                                                                     \
    if (!(condition)) {                                                                    \
      std::fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                        \
    }                                                                                      \
  } while (false)

// Makes a libFuzzer program of the file's function.
#ifdef GATELOG_LIBFUZZER
#define FUZZ_TARGET(function)                                                          \
  extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size);  \
  extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) { \
    gatelog::fuzz::function({reinterpret_cast<const char*>(data), size});              \
    return 0;                                                                          \
  }
#else
#define FUZZ_TARGET(function)
#endif
