#pragma once

// Tells ThreadSanitizer of an order that a library gives, but which it cannot see because the
// library is not built with it: what a thread did before Release(address) has happened before what
// another does after Acquire(address). Nothing in other builds.

#if defined(__SANITIZE_THREAD__)  // g++
#define GATELOG_THREAD_SANITIZER
#elif defined(__has_feature)  // clang
#if __has_feature(thread_sanitizer)
#define GATELOG_THREAD_SANITIZER
#endif
#endif

#ifdef GATELOG_THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>
#endif

namespace gatelog::happens_before {

inline void Release([[maybe_unused]] void* address) {
#ifdef GATELOG_THREAD_SANITIZER
  __tsan_release(address);
#endif
}

inline void Acquire([[maybe_unused]] void* address) {
#ifdef GATELOG_THREAD_SANITIZER
  __tsan_acquire(address);
#endif
}

}  // namespace gatelog::happens_before
