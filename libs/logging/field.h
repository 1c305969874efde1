// Field: a key and a value of a log line. Made on the stack, allocates nothing, borrows its text.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace daemoneye::logging {

struct Field {
  // A status is held by pointer and made text only when the line is written.
  using Value = std::variant<bool, int64_t, uint64_t, double, std::string_view, absl::Duration,
                             const absl::Status*>;

  Field(std::string_view k, bool v) : key(k), value(v) {}
  Field(std::string_view k, std::signed_integral auto v) : key(k), value(int64_t{v}) {}
  Field(std::string_view k, std::unsigned_integral auto v) : key(k), value(uint64_t{v}) {}
  Field(std::string_view k, double v) : key(k), value(v) {}
  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const std::string& v) : key(k), value(std::string_view(v)) {}
  Field(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}
  Field(std::string_view k, absl::Duration v) : key(k), value(v) {}
  Field(std::string_view k, const absl::Status& v) : key(k), value(&v) {}

  std::string_view key;
  Value value;
};

}  // namespace daemoneye::logging
