// RandomEvent: well-formed events of every kind with every field, by reflection, for property
// tests: a field that is added to the protos is covered without a change here.
#pragma once

#include <cstddef>
#include <optional>
#include <random>

#include "google/protobuf/message.h"
#include "libs/event/event.h"

namespace daemoneye::event {

struct RandomEventOptions {
  // Absent: any but CONTROL, which is no position of a log.
  std::optional<v1::EventKind> kind;
  // How likely a field is set.
  double field_probability = 0.5;
  size_t max_text_characters = 12;
  int max_repeated = 3;
};

// Sequence, origin and correlation are random like all else. Texts are UTF-8 of all lengths,
// control and bidi characters and backslashes among them; times are valid; enums have known values.
Event RandomEvent(std::mt19937_64& random, const RandomEventOptions& options = {});

// Fills any message so.
void FillRandomly(std::mt19937_64& random, const RandomEventOptions& options,
                  google::protobuf::Message& message);

}  // namespace daemoneye::event
