// GatewayStore: what a gateway keeps in its --data_dir: the store, who writes the events into it,
// and from where each monitor is resumed.
//
// Without a data_dir, or where the default one cannot be written, there is none, and nothing is
// kept over a restart.
//
// Lifecycle:  Start, then Stop once nothing is published any more.
// Threads:    any.
// Ownership:  borrows the bus, the metrics and the clock, which outlive it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/monitor/component_main.h"
#include "libs/monitor/store_history.h"
#include "libs/monitor/store_options.h"
#include "services/collector_gateway/position_ledger.h"

namespace daemoneye::gateway {

class GatewayStore {
 public:
  // FailedPrecondition: another process has the file, or it is no store. Unavailable:
  // the directory that was given cannot be written. A full disk is no error: see SetOnOpen.
  static absl::StatusOr<std::unique_ptr<GatewayStore>> Open(
      const monitor::ComponentContext& context);

  absl::Status Start();
  void Stop();

  // Has `on_open` called when a disk that was too full at the start let the store be opened. Before
  // Start; by a thread of the store's.
  void SetOnOpen(std::function<void()> on_open) { on_open_ = std::move(on_open); }

  // Null where nothing is kept.
  storage::SqliteStore* store() { return store_.get(); }
  // Why nothing is stored now; empty when all is well, or nothing is to be stored.
  std::string problem() const;

  // Where the store says that a monitor's log was taken over up to; nullopt: it does not know it.
  std::optional<uint64_t> StoredPosition(const std::string& stream_id) const;
  // What the store holds of the gateway's own log; null where nothing is kept.
  const event_bus::LogHistory* history() const { return history_.get(); }
  void NotePosition(const std::string& stream_id, uint64_t sequence);
  // Loss events that were added to the log.
  uint64_t losses() const { return losses_.load(std::memory_order_relaxed); }

 private:
  explicit GatewayStore(const monitor::ComponentContext& context);

  // What the ring lost before it was stored is a loss for everybody who asks later.
  void PublishLoss(const event_bus::MissedRange& missed);

  event_bus::EventBus& bus_;
  base::Clock& clock_;
  const std::string monitor_;
  std::atomic<uint64_t> losses_ = 0;
  PositionLedger ledger_;
  std::function<void()> on_open_;
  std::unique_ptr<storage::SqliteStore> store_;
  std::unique_ptr<monitor::StoreWriter> writer_;
  std::unique_ptr<monitor::StoreHistory> history_;
  std::vector<metrics::CallbackHandle> metrics_;
};

}  // namespace daemoneye::gateway
