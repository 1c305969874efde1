// Whether this is a sanitizer's build, in which everything is slow and large.
#pragma once

namespace daemoneye::testing_support {

// Then figures are not held to the bounds of what ships.
constexpr bool IsInstrumented() {
#if defined(__SANITIZE_ADDRESS__) || defined(_GLIBCXX_TSAN)  // g++
  return true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)  // clang
  return true;
#else
  return false;
#endif
#else
  return false;
#endif
}

}  // namespace daemoneye::testing_support
