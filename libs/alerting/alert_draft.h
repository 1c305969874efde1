// AlertDraft: what a trigger or a workflow hands to AlertEngine::Raise.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "daemoneye/v1/alert.pb.h"

namespace daemoneye::alerting {

// What became of an alert that was raised.
enum class AlertFate {
  kStored,    // it is in the store, now or since before
  kHeldBack,  // like one that was raised a moment ago
  kShed,      // it could not be taken, or not be stored until the end: it may be raised again
  kRefused,   // the store never takes it
};

struct AlertDraft {
  // id, sequence, time, state, suppressed and the acknowledgement are the engine's; what stands
  // there is overwritten. Texts, evidence and details beyond the bounds of alert.proto are cut.
  v1::Alert alert;
  // Alerts like it are held back for so long; nullopt: the engine's default. Zero: never.
  std::optional<absl::Duration> dedup_window;
  // Like it, and held back before they came here: told together with what the engine held back.
  uint64_t suppressed = 0;
  // Tells alerts apart that are alike otherwise, such as the key of a windowed trigger. Not shown.
  std::string dedup_scope;
  // UUID text: however often it is raised, it is stored once. Empty: the engine's choice.
  std::string id;
  // Told once; quick. By the thread that raises it, or the one that stores it. May be empty.
  std::function<void(AlertFate)> done;
};

}  // namespace daemoneye::alerting
