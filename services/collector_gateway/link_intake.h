// LinkIntake: what a gateway takes over from one monitor's stream, and what it refuses.
//
// Believes nobody: every event is parsed once, must carry an origin that the link vouched for and
// the next sequence. One that does not parse or has another's origin is dropped alone and counted;
// what shows that the monitor lies about its log closes the link. What is missing becomes a loss
// event at its place in the gateway's log.
//
// Threads:    one at a time.
// Ownership:  borrows the bus, the pool and the clock, which outlive it.
// Cost:       one parse and one copy of the bytes an event; nothing is serialised again.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "libs/base/clock.h"
#include "libs/event/event.h"
#include "libs/event/event_pool.h"
#include "libs/event_bus/event_bus.h"

namespace daemoneye::gateway {

// Why an event was not passed on. A closed set: metrics label and RejectedCount.reason.
enum class Rejection {
  kUnparsable,       // not a CollectionEvent, or text that is not UTF-8
  kForgedOrigin,     // an origin that the link did not vouch for
  kDuplicateOrigin,  // an origin that another link serves
  kTooLarge,         // over the bound; closes the link
  kSequenceBack,     // a sequence that was passed already; closes the link
  kSnapshotTooLong,  // more snapshot events than the bound; closes the link
};
constexpr int kRejectionCount = 6;
std::string_view RejectionName(Rejection reason);

// received = accepted + the sum of rejected. A snapshot's events are state, not positions of a log:
// they are counted only where they are rejected.
struct LinkCounts {
  uint64_t received = 0;
  uint64_t accepted = 0;
  uint64_t accepted_by_kind[8] = {};  // by v1::EventKind; what a later version adds is under 0
  // Loss events that the link added to the gateway's log.
  uint64_t notices = 0;
  uint64_t gaps = 0;
  uint64_t lost = 0;
  uint64_t rejected[kRejectionCount] = {};
  // Events whose event_time was more than a day away from observed_time, which then stands in for
  // it.
  uint64_t retimed = 0;

  void Add(const LinkCounts& other);
};

class LinkIntake {
 public:
  struct Limits {
    size_t max_event_bytes = 128 << 10;
    size_t max_snapshot_events = 1'000'000;
  };

  // Whether this link may bring events of an origin: kForgedOrigin, kDuplicateOrigin, or nullopt
  // for yes.
  using OriginCheck = std::function<std::optional<Rejection>(const v1::Origin&)>;
  // Called for every control message, in its place among the events.
  using ControlHandler = std::function<absl::Status(const v1::StreamControl&)>;

  LinkIntake(event_bus::EventBus& bus, event::EventPool& pool, base::Clock& clock, Limits limits,
             OriginCheck check_origin, ControlHandler on_control)
      : bus_(bus),
        clock_(clock),
        limits_(limits),
        check_origin_(std::move(check_origin)),
        on_control_(std::move(on_control)),
        parser_(pool) {}

  // Goes on with the log `stream_id` of `monitor` behind `position`; 0 is its beginning.
  void Begin(std::string monitor, std::string stream_id, uint64_t position);
  // A snapshot follows; its bound counts from here.
  void BeginSnapshot() { snapshot_events_ = 0; }

  // The bytes of one StreamEventBatchesResponse. Not OK: the link must be closed, for the reason
  // given.
  absl::Status AcceptBatch(std::string_view message);
  // The bytes of one CollectionEvent, from a monitor without batches.
  absl::Status AcceptEvent(std::string_view event);

  // Records that positions [first, last] will never come: one gap, one loss event.
  void RecordGap(uint64_t first, uint64_t last, std::optional<uint64_t> count);

  const std::string& stream_id() const { return stream_id_; }
  uint64_t position() const { return position_; }
  const LinkCounts& counts() const { return counts_; }

 private:
  // One event's bytes, without a frame.
  absl::Status Take(std::string_view bytes);
  absl::Status TakeSnapshot();
  absl::Status TakeSequenced(std::string_view bytes);
  // Moves the position to `sequence`; what lies between becomes a loss event.
  void Advance(uint64_t sequence);
  void CountAccepted();
  void Reject(Rejection reason);
  void ReportLoss(std::string_view reason, std::optional<uint64_t> count, uint64_t first,
                  uint64_t last);
  // The event being taken: the last one parsed.
  event::Event& current() { return parser_.last(); }
  void AppendCurrent(std::string_view bytes);
  void DropCurrent() { parser_.DropLast(); }
  // Publishes what was taken, so that what comes next stands behind it.
  void Flush();

  event_bus::EventBus& bus_;
  base::Clock& clock_;
  const Limits limits_;
  const OriginCheck check_origin_;
  const ControlHandler on_control_;

  std::string monitor_;
  std::string stream_id_;
  uint64_t position_ = 0;
  size_t snapshot_events_ = 0;
  // Dropped since the position without a sequence that could be read: part of the hole before the
  // next event.
  uint64_t unplaced_ = 0;
  // What was taken but not published: the frames of the events that parser_ holds.
  event_bus::FramedEvents pending_;
  event::EventListParser parser_;
  event::EventList snapshot_;
  LinkCounts counts_;
};

}  // namespace daemoneye::gateway
