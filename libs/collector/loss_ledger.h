// LossLedger: what was lost at each stage and why, and the loss events that tell it.
//
// A loss is told at once, further ones of the same stage and reason together a second later.
//
// Threads:    none of its own; the caller's lock guards it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/collector/collector_statistics.h"
#include "libs/event/event.h"

namespace daemoneye::collector {

inline constexpr absl::Duration kLossNoticeInterval = absl::Seconds(1);
// Stages with reasons that are told apart; beyond, all is "other".
inline constexpr size_t kMaxLossKinds = 64;

struct Loss {
  std::string_view stage;
  std::string_view reason;
  // Source that lost it.
  std::string_view source;
  // Absent: not known.
  std::optional<uint64_t> count;
  // False for what no account counts: snapshot events.
  bool is_counted = true;
};

class LossLedger {
 public:
  // `monitor` becomes LossEvent.monitor.
  explicit LossLedger(std::string monitor) : monitor_(std::move(monitor)) {}

  void Record(const Loss& loss, absl::Time now);

  // When the next loss event is due; nullopt when nothing is untold.
  std::optional<base::Monotonic> next_due() const;

  // The loss events due at `now`; all that is untold when `flush`.
  event::EventList TakeDue(base::Monotonic now, absl::Time wall, bool flush);

  // What was recorded as counted, by stage and reason.
  std::vector<DropCount> drops() const;

 private:
  struct Entry {
    std::string stage;
    std::string reason;
    bool is_counted = true;
    uint64_t total = 0;
    uint64_t unknown = 0;
    // Since the last loss event.
    bool is_untold = false;
    std::string source;  // empty when there were several
    uint64_t count = 0;
    bool is_count_known = true;
    absl::Time since;
    absl::Time until;
    std::optional<base::Monotonic> not_before;
  };

  Entry& Find(const Loss& loss);
  event::Event Tell(Entry& entry, absl::Time wall) const;

  const std::string monitor_;
  std::vector<Entry> entries_;
};

}  // namespace daemoneye::collector
