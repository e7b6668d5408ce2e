// Runs the fuzzed functions over seeded random and mutated inputs, so that every build exercises
// them. A broken promise aborts; the seed below and the order of the tests make the run repeatable.
#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "device/terminal/frame_codec.h"
#include "device/uhppote/message.h"
#include "gsdk/event.pb.h"
#include "tests/fuzz/fuzz_entries.h"

namespace gatelog::fuzz {
namespace {

constexpr std::uint64_t kSeed = 20'260'101;
constexpr int kRounds = 20'000;
constexpr std::size_t kInputSizeMax = 4'096;

class Mutator {
 public:
  explicit Mutator(std::vector<std::string> corpus) : corpus_(std::move(corpus)), random_(kSeed) {}

  // Half are mutations of a corpus entry, some two of them spliced, the rest is noise.
  std::string Next() {
    std::string input;
    if (Below(4) != 0) input = Pick();
    if (Below(4) == 0) input = input.substr(0, Below(input.size() + 1)) + Pick();
    if (input.empty()) {
      for (std::size_t size = Below(64); size > 0; --size) input.push_back(Byte());
    }
    for (std::size_t changes = Below(6); changes > 0; --changes) Change(input);
    return input.substr(0, kInputSizeMax);
  }

 private:
  std::size_t Below(std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_);
  }
  char Byte() {
    static constexpr unsigned char kTelling[] = {0x00, 0x01, 0x7f, 0x80, 0xff, 0x08, 0x22};
    return static_cast<char>(Below(3) == 0 ? kTelling[Below(sizeof kTelling)] : Below(256));
  }
  const std::string& Pick() { return corpus_[Below(corpus_.size())]; }

  void Change(std::string& input) {
    const std::size_t at = Below(input.size() + 1);
    if (at == input.size()) {
      input.push_back(Byte());
      return;
    }
    switch (Below(5)) {
      case 0:
        input[at] = static_cast<char>(input[at] ^ (1 << Below(8)));
        break;
      case 1:
        input[at] = Byte();
        break;
      case 2:
        input.insert(at, 1, Byte());
        break;
      case 3:
        input.erase(at, 1 + Below(4));
        break;
      default:
        input.insert(at, input.substr(at, 1 + Below(16)));
        break;
    }
  }

  const std::vector<std::string> corpus_;
  std::mt19937_64 random_;
};

std::string current_input;

extern "C" void PrintInput(int) {
  std::fputs("the input, in hexadecimal: ", stderr);
  for (const char c : current_input) std::fprintf(stderr, "%02x", static_cast<unsigned char>(c));
  std::fputs("\n", stderr);
}

void RunAll(std::vector<std::string> corpus, void (*takes)(std::string_view)) {
  std::signal(SIGABRT, PrintInput);
  const auto run = [takes](std::string input) {
    current_input = std::move(input);
    takes(current_input);
  };
  for (const std::string& input : corpus) run(input);
  Mutator mutator(std::move(corpus));
  for (int i = 0; i < kRounds; ++i) run(mutator.Next());
  std::signal(SIGABRT, SIG_DFL);
}

// protobuf would write a line for each text that is not UTF-8.
class Fuzz : public ::testing::Test {
 protected:
  google::protobuf::LogSilencer silencer_;
};

gsdk::event::EventLog FullRecord() {
  gsdk::event::EventLog log;
  log.set_id(12);
  log.set_timestamp(1'700'000'000);
  log.set_deviceid(541000001);
  log.set_userid("alice");
  log.set_entityid(7);
  log.set_eventcode(0x1300);
  log.set_subcode(2);
  log.set_hasimage(true);
  log.set_temperature(3'650);
  log.set_carddata("card");
  log.mutable_inputinfo()->set_port(2);
  log.mutable_alarmzoneinfo()->set_zoneid(9);
  log.mutable_interlockzoneinfo()->set_zoneid(10);
  return log;
}

std::vector<std::string> Records() {
  gsdk::event::EventLog with_doors = FullRecord();
  with_doors.mutable_interlockzoneinfo()->add_doorids(300);
  with_doors.mutable_interlockzoneinfo()->add_doorids(2);
  gsdk::event::ImageLog image;
  image.set_id(12);
  image.set_timestamp(1'700'000'000);
  image.set_userid("alice");
  image.set_jpgimage("\xFF\xD8\xFF\xD9");
  return {FullRecord().SerializeAsString(), with_doors.SerializeAsString(),
          image.SerializeAsString(), "\x08\x05", ""};
}

std::vector<std::string> Frames() {
  std::vector<terminal::Frame> frames(10);
  for (terminal::Frame& frame : frames) frame.set_request_id(1);
  auto& chunk = *frames[0].mutable_log_chunk();
  for (std::uint32_t id = 10; id < 14; ++id) {
    chunk.add_ids(id);
    chunk.add_records("\x08\x0a");
  }
  frames[1] = frames[0];
  frames[1].mutable_log_chunk()->mutable_last()->set_generation(7);
  frames[2].mutable_log_status()->set_last_id(9);
  frames[2].mutable_log_status()->set_generation(7);
  frames[3].mutable_image_chunk()->add_images(Records()[2]);
  frames[3].mutable_image_chunk()->set_last(true);
  frames[4].mutable_image_filters()->add_filters("filter");
  frames[5].mutable_done();
  frames[6].mutable_error()->set_code(terminal::v1::Error::BUSY);
  frames[6].mutable_error()->set_text("10.0.0.5:40112");
  frames[7].mutable_hello_reply()->mutable_identity()->set_device_id(1);
  frames[8].mutable_answer()->set_response("one part");
  frames[8].mutable_answer()->set_more(true);
  frames[9].mutable_answer()->set_response("the last");
  std::vector<std::string> encoded;
  std::string all;
  for (const terminal::Frame& frame : frames) {
    std::string& bytes = encoded.emplace_back();
    EXPECT_TRUE(terminal::AppendFrame(frame, bytes).ok());
    all += bytes;
  }
  encoded.push_back(all);
  encoded.push_back(std::string(4, '\0'));
  encoded.push_back(std::string("\x06\x40\x00\x00", 4));
  return encoded;
}

std::vector<std::string> Packets() {
  using namespace uhppote;
  constexpr SerialNumber kSerial = 405'419'896;
  const EventRecord record{.index = 70,
                           .type = 2,
                           .granted = true,
                           .door = 3,
                           .direction = 1,
                           .card = 8'165'538,
                           .time = BcdOf(absl::CivilSecond(2021, 5, 28, 15, 40, 47)),
                           .reason = 44};
  Status status{.event = record};
  status.system_time = absl::CivilSecond(2021, 5, 28, 15, 40, 48);
  CardReply card{.number = 8'165'538};
  card.from = absl::CivilDay(2023, 1, 1);
  return {Encode(kSerial, status),
          Encode(kSerial, status, kStartOfOldPush),
          Encode(kSerial, EventReply{record}),
          Encode(kSerial, card),
          Encode(kSerial, ControllerReply{}),
          Encode(kSerial, SetEventIndexRequest{29}),
          Encode(kSerial, PcControlRequest{true}),
          Encode(kSerial, TimeReply{absl::CivilSecond(2021, 5, 28, 13, 51, 30)})};
}

TEST_F(Fuzz, FrameReader) { RunAll(Frames(), FrameReaderTakes); }
TEST_F(Fuzz, EventParse) { RunAll(Records(), EventParseTakes); }
TEST_F(Fuzz, Answer) { RunAll(Frames(), AnswerTakes); }
TEST_F(Fuzz, BoardPacket) { RunAll(Packets(), BoardPacketTakes); }

}  // namespace
}  // namespace gatelog::fuzz
