#include "services/collector_gateway/gateway_store.h"

#include <fmt/format.h>

#include <utility>

#include "google/protobuf/util/time_util.h"
#include "libs/base/status_macros.h"
#include "libs/logging/logging.h"

namespace daemoneye::gateway {

GatewayStore::GatewayStore(const monitor::ComponentContext& context)
    : bus_(context.bus),
      clock_(context.clock),
      monitor_(context.publisher.monitor()),
      ledger_([this] { return bus_.statistics().next_sequence - 1; }, clock_) {}

absl::StatusOr<std::unique_ptr<GatewayStore>> GatewayStore::Open(
    const monitor::ComponentContext& context) {
  std::unique_ptr<GatewayStore> out(new GatewayStore(context));
  const std::string& directory = context.config.GetString("data_dir");
  if (directory.empty()) return out;
  auto opened = monitor::OpenStore(directory + "/daemoneye.db", context.clock);
  if (!opened.ok()) {
    // Nobody asked for the default directory, so its absence stops nobody.
    if (context.config.layer("data_dir") != config::Layer::kDefault) return opened.status();
    logging::Warning("nothing is kept over a restart: set --data_dir",
                     {{"error", opened.status()}});
    return out;
  }
  out->store_ = *std::move(opened);
  out->history_ =
      std::make_unique<monitor::StoreHistory>(out->store_->events(), out->bus_.stream_id());
  monitor::StoreWriterOptions options =
      monitor::MakeStoreWriterOptions(context.config, context.metrics);
  GatewayStore* self = out.get();
  options.take_marks = [self](uint64_t stored) { return self->ledger_.Take(stored); };
  options.on_missed = [self, log = options.on_missed](const event_bus::MissedRange& missed) {
    log(missed);
    self->PublishLoss(missed);
  };
  options.on_health = [log = options.on_health,
                       changed = context.on_readiness_changed](const absl::Status& status) {
    log(status);
    changed();
  };
  monitor::TellWhenOpen(
      *out->store_, out->clock_,
      [self] {
        if (self->on_open_) self->on_open_();
      },
      options);
  out->writer_ = std::make_unique<monitor::StoreWriter>(out->bus_, *out->store_, out->clock_,
                                                        std::move(options));
  out->metrics_ = monitor::AddStoreMetrics(context.metrics, *out->store_, *out->writer_);
  return out;
}

absl::Status GatewayStore::Start() {
  return writer_ == nullptr ? absl::OkStatus() : writer_->Start();
}

void GatewayStore::Stop() {
  if (writer_ == nullptr) return;
  writer_->Stop();
  const uint64_t published = bus_.statistics().published;
  const uint64_t stored = writer_->statistics().position;
  if (stored < published) {
    logging::Warning("stopped before all events were stored: monitors are asked for them again",
                     {{"left", published - stored}});
  }
}

std::string GatewayStore::problem() const {
  if (writer_ == nullptr) return "";
  const absl::Status writer = writer_->health();
  if (!writer.ok()) return fmt::format("events are not stored: {}", std::string(writer.message()));
  const absl::Status file = store_->health();
  return file.ok() ? "" : fmt::format("the store fails: {}", std::string(file.message()));
}

std::optional<uint64_t> GatewayStore::StoredPosition(const std::string& stream_id) const {
  if (store_ == nullptr) return std::nullopt;
  const absl::StatusOr<uint64_t> position = store_->events().LastPosition(stream_id);
  if (!position.ok() || *position == 0) return std::nullopt;
  return *position;
}

void GatewayStore::NotePosition(const std::string& stream_id, uint64_t sequence) {
  if (store_ != nullptr) ledger_.Note(stream_id, sequence);
}

void GatewayStore::PublishLoss(const event_bus::MissedRange& missed) {
  event::Event event;
  event.set_source("gateway-store");
  *event.mutable_event_time() =
      google::protobuf::util::TimeUtil::NanosecondsToTimestamp(absl::ToUnixNanos(clock_.Now()));
  *event.mutable_observed_time() = event.event_time();
  v1::LossEvent& loss = *event.mutable_loss();
  loss.set_monitor(monitor_);
  loss.set_stage("store");
  loss.set_reason("behind");
  loss.set_count(missed.last_sequence - missed.first_sequence + 1);
  loss.set_stream_id(bus_.stream_id());
  loss.set_first_sequence(missed.first_sequence);
  loss.set_last_sequence(missed.last_sequence);
  *loss.mutable_until() = event.event_time();
  event::EventList events;
  events.push_back(std::move(event));
  bus_.Publish(std::move(events));
  losses_.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace daemoneye::gateway
