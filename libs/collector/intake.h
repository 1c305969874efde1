// Intake: the one bounded queue between event sources and the pump, and the account of every event.
//
// Capacity is in events, of all sources and of each. Above the threshold a producer waits; what
// waited too long is shed, counted and told by a loss event. Taking events, losses that are due and
// accounting share one lock, so the account adds up at every moment.
//
// One thread publishes at a time: the pump, or a producer that has something to give while nobody
// does (PublishReady), which saves it the pump's wake-up and keeps what it allocated on its thread.
//
// Threads:    all methods from any; Take from the pump alone, OnPublished from who took.
// Ownership:  shared by the collector and by each source's sink, so that a source that was left
//             behind still finds it; borrows the clock, and does not touch it once Close returned.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/collector/collector_config.h"
#include "libs/collector/collector_statistics.h"
#include "libs/collector/loss_ledger.h"
#include "libs/event/event.h"

namespace daemoneye::collector {

// True for an event that is state, not a change: no position of the log.
bool IsSnapshot(const event::Event& event);

class Intake {
 public:
  // What the pump publishes next: the notices, then the events.
  struct Batch {
    event::EventList notices;
    event::EventList events;
    // Of `events` as they were taken, since publishing moves them away.
    size_t event_count = 0;
    size_t notice_count = 0;
    CountByKind by_kind = {};     // snapshot events not counted
    uint64_t position_count = 0;  // sum of by_kind
  };

  Intake(const CollectorConfig& config, base::Clock& clock);

  // Adds a source, shut. Returns its number. Before any other call.
  size_t AddSource(std::string name);

  // From here on its events are taken.
  void Open(size_t source);
  // From here on they are refused. Those that are queued will still be published.
  void Shut(size_t source);

  // See EventSink. With kByCaller the pump is not woken: PublishReady is about to be called.
  enum class Publish { kByPump, kByCaller };
  absl::Status Emit(size_t source, event::EventList events, Publish publish = Publish::kByPump);
  bool AwaitRoom(size_t source, base::Monotonic deadline);
  void ReportLoss(size_t source, std::string_view stage, std::string_view reason,
                  std::optional<uint64_t> count);
  void CountFiltered(size_t source, uint64_t count);

  // The next batch, waiting for one; nullopt when closed and empty.
  std::optional<Batch> Take();
  // The next batch, if there is one now and nobody else publishes.
  std::optional<Batch> TryTake();
  // What PublishReady hands batches to; it calls OnPublished. Before any source is opened.
  void SetPublisher(std::function<void(Batch&)> publisher) { publisher_ = std::move(publisher); }
  // Publishes what is queued, unless somebody is at it, who then goes on with that.
  void PublishReady();
  // `batch` was published: `positions` of its events became positions of the log.
  void OnPublished(const Batch& batch, uint64_t positions);

  // Waits until all that is queued now is published; false at `deadline`.
  bool AwaitPublished(base::Monotonic deadline);

  // Shuts all sources for good and waits until no producer waits any more. Take gives what is left.
  void Close();

  CollectorStatistics Statistics() const;
  SourceCounts Counts(size_t source) const;

 private:
  struct Source {
    SourceCounts counts;
    size_t queued = 0;
    bool is_open = false;
  };
  // Events of one Emit, from `next` on.
  struct Piece {
    event::EventList events;
    size_t next = 0;
    size_t source = 0;
    size_t remaining() const { return events.size() - next; }
  };

  // Events of `source` that may be queued now.
  size_t RoomLocked(const Source& source) const REQUIRES(mu_);
  // Waits for room; false at `deadline` or when the source was shut.
  bool AwaitRoomLocked(const Source& source, base::Monotonic deadline) REQUIRES(mu_);
  void PushLocked(size_t source, event::EventList events, Publish publish) REQUIRES(mu_);
  absl::Status ShedLocked(Source& source, const event::EventList& events, size_t next)
      REQUIRES(mu_);
  void AwaitWorkLocked() REQUIRES(mu_);
  // Moves what is queued into `batch` until it is full.
  void FillLocked(Batch& batch) REQUIRES(mu_);
  // As FillLocked, until nobody has more to give.
  void GatherLocked(Batch& batch) REQUIRES(mu_);
  void TakeFrontLocked(Batch& batch) REQUIRES(mu_);
  // Wall time, without touching the clock once closed.
  absl::Time NowLocked() const REQUIRES(mu_) { return is_closed_ ? closed_at_ : clock_.Now(); }

  const CollectorConfig config_;
  const size_t threshold_;
  base::Clock& clock_;
  std::function<void(Batch&)> publisher_;
  mutable base::Mutex mu_;
  base::CondVar work_;       // for the pump
  base::CondVar room_;       // for producers
  base::CondVar published_;  // for AwaitPublished
  base::CondVar left_;       // for Close
  std::vector<Source> sources_ GUARDED_BY(mu_);
  std::deque<Piece> queue_ GUARDED_BY(mu_);
  size_t queued_ GUARDED_BY(mu_) = 0;
  size_t producers_waiting_ GUARDED_BY(mu_) = 0;  // in Emit or AwaitRoom
  size_t emits_waiting_ GUARDED_BY(mu_) = 0;      // in Emit: they have more to give
  size_t published_waiting_ GUARDED_BY(mu_) = 0;  // in AwaitPublished
  // A batch was taken and is not yet published.
  bool is_publishing_ GUARDED_BY(mu_) = false;
  bool is_closed_ GUARDED_BY(mu_) = false;
  absl::Time closed_at_ GUARDED_BY(mu_);
  // Events ever queued, and ever published.
  uint64_t pushed_ GUARDED_BY(mu_) = 0;
  uint64_t done_ GUARDED_BY(mu_) = 0;
  LossLedger losses_ GUARDED_BY(mu_);
  CollectorStatistics statistics_ GUARDED_BY(mu_);  // but for what Statistics() fills in
};

}  // namespace daemoneye::collector
