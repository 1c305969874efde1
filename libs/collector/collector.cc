#include "libs/collector/collector.h"

#include <algorithm>
#include <string>
#include <utility>

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "libs/base/mutex.h"
#include "libs/base/status_macros.h"
#include "libs/base/thread.h"
#include "libs/collector/health_tracker.h"
#include "libs/collector/intake.h"
#include "libs/collector/supervisor.h"

namespace daemoneye::collector {
namespace {

using base::operator+;

// Part of shutdown_timeout that is kept back for publishing what the sources left.
absl::Duration DrainReserve(absl::Duration shutdown_timeout) {
  return std::min(absl::Seconds(1), shutdown_timeout / 10);
}

bool IsSourceName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

// Waits for the answers of many sources. Shared with calls under way, which may answer late.
class Answers {
 public:
  void Expect(const std::string& name) {
    base::MutexLock lock(mu_);
    waiting_.push_back(name);
  }
  void Add(const std::string& name, const absl::Status& status) {
    base::MutexLock lock(mu_);
    std::erase(waiting_, name);
    if (error_.ok() && !status.ok()) {
      error_ =
          absl::Status(status.code(), fmt::format("{}: {}", name, std::string(status.message())));
    }
    changed_.NotifyAll();
  }
  // The first error; DeadlineExceeded names who did not answer.
  absl::Status Await(base::Monotonic deadline, base::Clock& clock) {
    base::MutexLock lock(mu_);
    while (!waiting_.empty() && clock.MonotonicNow() < deadline) {
      clock.WaitUntil(changed_, mu_, deadline);
    }
    if (!error_.ok() || waiting_.empty()) return error_;
    return absl::DeadlineExceededError(
        fmt::format("sources did not answer in time: {}", fmt::join(waiting_, ", ")));
  }

 private:
  base::Mutex mu_;
  base::CondVar changed_;
  std::vector<std::string> waiting_ GUARDED_BY(mu_);
  absl::Status error_ GUARDED_BY(mu_);
};

class CollectorImpl final : public Collector {
 public:
  CollectorImpl(CollectorConfig config, event_bus::EventBus& bus, base::Clock& clock,
                CollectorCallbacks callbacks)
      : config_(std::move(config)),
        bus_(bus),
        clock_(clock),
        callbacks_(std::move(callbacks)),
        intake_(std::make_shared<Intake>(config_, clock)),
        tracker_(std::make_shared<HealthTracker>(
            HealthTracker::Listeners{.on_source_changed = callbacks_.on_source_changed,
                                     .on_running_changed = callbacks_.on_running_changed})),
        wake_(std::make_shared<Wake>()),
        supervisor_(config_, clock_, wake_, TelemetryCallback()) {
    intake_->SetPublisher([this](Intake::Batch& batch) { Publish(batch); });
  }

  ~CollectorImpl() override { Stop().IgnoreError(); }

  absl::Status Register(std::unique_ptr<EventSource> source) override;
  absl::Status Start() override;
  bool AwaitStarted() override;
  absl::Status Stop() override;
  absl::Status Refresh(base::Monotonic deadline) override;
  std::vector<SourceStatus> CheckHealth(base::Monotonic deadline) override;
  std::vector<SourceStatus> sources() const override;
  SourceCaps capabilities() const override { return tracker_->capabilities(); }
  RunningSources running() const override { return tracker_->running(); }
  CollectorStatistics statistics() const override { return intake_->Statistics(); }

 private:
  enum class Phase { kCreated, kStarted, kStopped };

  std::function<void()> TelemetryCallback() {
    if (!callbacks_.on_telemetry) return nullptr;
    return [this] { callbacks_.on_telemetry(intake_->Statistics()); };
  }
  void Pump();
  void Publish(Intake::Batch& batch);
  void TellBatch(const Intake::Batch& batch, size_t positions) const;

  const CollectorConfig config_;
  event_bus::EventBus& bus_;
  base::Clock& clock_;
  const CollectorCallbacks callbacks_;
  const std::shared_ptr<Intake> intake_;
  const std::shared_ptr<HealthTracker> tracker_;
  const std::shared_ptr<Wake> wake_;
  Supervisor supervisor_;
  base::Thread pump_;
  Phase phase_ = Phase::kCreated;
  absl::Status stop_status_;
};

absl::Status CollectorImpl::Register(std::unique_ptr<EventSource> source) {
  const SourceDescriptor& descriptor = source->descriptor();
  if (phase_ != Phase::kCreated) {
    return absl::FailedPreconditionError(
        fmt::format("the collector was started: source={}", descriptor.name));
  }
  if (!IsSourceName(descriptor.name)) {
    return absl::InvalidArgumentError(
        fmt::format("a source's name must be of [a-z0-9-]: source={}", descriptor.name));
  }
  for (const auto& runner : supervisor_.runners()) {
    if (runner->name() == descriptor.name) {
      return absl::AlreadyExistsError(
          fmt::format("a source of that name is registered: source={}", descriptor.name));
    }
  }
  if (supervisor_.runners().size() >= config_.max_event_sources) {
    return absl::ResourceExhaustedError(
        fmt::format("no room for another source: source={} max_event_sources={}", descriptor.name,
                    config_.max_event_sources));
  }
  const size_t number = tracker_->Add(descriptor);
  auto handle = std::make_shared<SourceHandle>(std::move(source), intake_, wake_);
  supervisor_.Add(std::make_unique<SourceRunner>(
      SourceRunner::Shared{.handle = std::move(handle), .tracker = tracker_, .wake = wake_}, number,
      config_, clock_));
  return absl::OkStatus();
}

absl::Status CollectorImpl::Start() {
  if (phase_ != Phase::kCreated) return absl::FailedPreconditionError("started before");
  if (supervisor_.runners().empty()) {
    return absl::FailedPreconditionError("no event source is registered");
  }
  phase_ = Phase::kStarted;
  pump_ = base::Thread("col-pump", [this](std::stop_token) { Pump(); });
  supervisor_.Start();
  return absl::OkStatus();
}

bool CollectorImpl::AwaitStarted() {
  if (phase_ != Phase::kStarted) return false;
  supervisor_.AwaitSettled();
  return tracker_->running().names.size() == supervisor_.runners().size();
}

void CollectorImpl::Pump() {
  while (std::optional<Intake::Batch> batch = intake_->Take()) Publish(*batch);
}

void CollectorImpl::Publish(Intake::Batch& batch) {
  if (!batch.notices.empty()) bus_.Publish(std::move(batch.notices));
  const size_t positions = batch.event_count > 0 ? bus_.Publish(std::move(batch.events)) : 0;
  intake_->OnPublished(batch, positions);
  if (config_.enable_debug_logging && callbacks_.on_debug) TellBatch(batch, positions);
}

void CollectorImpl::TellBatch(const Intake::Batch& batch, size_t positions) const {
  callbacks_.on_debug(fmt::format("published a batch: events={} positions={} notices={}",
                                  batch.event_count, positions, batch.notice_count));
}

absl::Status CollectorImpl::Stop() {
  if (phase_ != Phase::kStarted) {
    phase_ = Phase::kStopped;
    return stop_status_;
  }
  phase_ = Phase::kStopped;
  tracker_->MuteRunning();
  const std::vector<std::string> left_behind = supervisor_.Stop(
      clock_.MonotonicNow() + (config_.shutdown_timeout - DrainReserve(config_.shutdown_timeout)));
  intake_->Close();
  pump_.StopAndJoin();  // publishing waits for nobody, so neither does this
  if (!left_behind.empty()) {
    stop_status_ = absl::DeadlineExceededError(
        fmt::format("sources were left behind: {}", fmt::join(left_behind, ", ")));
  }
  return stop_status_;
}

absl::Status CollectorImpl::Refresh(base::Monotonic deadline) {
  const auto answers = std::make_shared<Answers>();
  for (size_t i = 0; i < supervisor_.runners().size(); ++i) {
    if (!tracker_->is_running(i)) continue;  // nothing to observe
    SourceRunner& runner = *supervisor_.runners()[i];
    const std::string& name = runner.name();
    answers->Expect(name);
    const bool is_posted = runner.Probe([answers, name, deadline](SourceHandle& handle) {
      answers->Add(name,
                   handle.sink.run() != 0 ? handle.source->Refresh(deadline) : absl::OkStatus());
    });
    if (!is_posted) answers->Add(name, absl::ResourceExhaustedError("too many calls wait"));
  }
  const absl::Status status = answers->Await(deadline, clock_);
  if (!intake_->AwaitPublished(deadline) && status.ok()) {
    return absl::DeadlineExceededError("what was observed is not published yet");
  }
  return status;
}

std::vector<SourceStatus> CollectorImpl::CheckHealth(base::Monotonic deadline) {
  const auto answers = std::make_shared<Answers>();
  for (const auto& runner : supervisor_.runners()) {
    const std::string& name = runner->name();
    answers->Expect(name);
    const bool is_posted = runner->CheckHealth(
        [answers, name](const SourceHealth&) { answers->Add(name, absl::OkStatus()); });
    if (!is_posted) answers->Add(name, absl::OkStatus());
  }
  answers->Await(deadline, clock_).IgnoreError();  // who is silent keeps the health last known
  return sources();
}

std::vector<SourceStatus> CollectorImpl::sources() const {
  std::vector<SourceStatus> sources = tracker_->sources();
  const CollectorStatistics statistics = intake_->Statistics();
  for (size_t i = 0; i < sources.size(); ++i) {  // both number sources as they were registered
    sources[i].observed = statistics.sources[i].observed;
    sources[i].last_event_time = statistics.sources[i].last_event_time;
  }
  return sources;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Collector>> Collector::Create(CollectorConfig config,
                                                             event_bus::EventBus& bus,
                                                             base::Clock& clock,
                                                             CollectorCallbacks callbacks) {
  RETURN_IF_ERROR(config.Validate());
  return std::make_unique<CollectorImpl>(std::move(config), bus, clock, std::move(callbacks));
}

absl::Status Collector::Run(std::stop_token stop) {
  RETURN_IF_ERROR(Start());
  base::Mutex mu;
  base::CondVar cv;
  std::stop_callback wake(stop, [&] {
    base::MutexLock lock(mu);
    cv.NotifyAll();
  });
  {
    base::MutexLock lock(mu);
    while (!stop.stop_requested()) cv.Wait(mu);
  }
  return Stop();
}

}  // namespace daemoneye::collector
