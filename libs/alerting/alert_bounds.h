// BoundAlert: makes an alert fit the bounds of alert.proto.
#pragma once

#include "daemoneye/v1/alert.pb.h"

namespace daemoneye::alerting {

inline constexpr size_t kMaxTitleBytes = 512;
inline constexpr size_t kMaxTextBytes = 4096;
inline constexpr int kMaxEvidence = 16;
inline constexpr int kMaxAttackIds = 32;
inline constexpr int kMaxReasons = 16;
inline constexpr size_t kMaxDetails = 100;
inline constexpr size_t kMaxDetailsBytes = 64 << 10;

// Cuts texts (never within a UTF-8 sequence), escapes those that are not UTF-8, drops what is too
// many. An unspecified or unknown severity becomes MEDIUM, as for a trigger that has none.
void BoundAlert(v1::Alert& alert);

}  // namespace daemoneye::alerting
