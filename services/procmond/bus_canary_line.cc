#include "services/procmond/bus_canary_line.h"

#include <cstddef>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "daemoneye/v1/event.pb.h"
#include "libs/base/mutex.h"
#include "libs/base/status_macros.h"

namespace daemoneye::procmond {
namespace {

// It ends at once; what waits longer is killed.
constexpr absl::Duration kEndPatience = absl::Seconds(1);

// Who wakes may be late: what is to be woken may be gone.
class Waker {
 public:
  explicit Waker(std::function<void()> wake) : wake_(std::move(wake)) {}
  void Wake() {
    base::MutexLock lock(mu_);
    if (wake_) wake_();
  }
  void Forget() {
    base::MutexLock lock(mu_);
    wake_ = nullptr;
  }

 private:
  base::Mutex mu_;
  std::function<void()> wake_ GUARDED_BY(mu_);
};

class BusWatch final : public process::CanaryWatch {
 public:
  BusWatch(std::string_view source, std::unique_ptr<event_bus::Subscription> subscription,
           std::shared_ptr<Waker> waker)
      : source_(source), subscription_(std::move(subscription)), waker_(std::move(waker)) {}
  ~BusWatch() override { waker_->Forget(); }

  absl::StatusOr<bool> HasCome(uint32_t pid) override {
    do {
      while (true) {
        ASSIGN_OR_RETURN(const event_bus::Delivery delivery, subscription_->Poll({}));
        if (delivery.missed.has_value()) {
          return absl::UnavailableError("the canary may be among events that fell out of the ring");
        }
        for (const event_bus::BatchSpan& span : delivery.spans) Note(span);
        if (delivery.caught_up) break;
      }
      if (come_.contains(pid)) return true;
    } while (!subscription_->Arm());
    return false;
  }
  bool has_progress() const override { return has_progress_; }

 private:
  void Note(const event_bus::BatchSpan& span) {
    for (size_t i = span.first; i < span.first + span.count; ++i) {
      const event_bus::EventTraits& traits = span.batch->traits(i);
      const bool is_canary = traits.is_own && traits.action == v1::PROCESS_ACTION_EXEC;
      if (!is_canary && (traits.is_own || has_progress_)) continue;
      const std::string_view bytes = span.batch->event_bytes(i);
      if (!event_.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) continue;
      if (event_.source() != source_) continue;
      if (is_canary) {
        come_.insert(event_.process().pid());
      } else {
        has_progress_ = true;
      }
    }
  }

  const std::string source_;
  const std::unique_ptr<event_bus::Subscription> subscription_;
  const std::shared_ptr<Waker> waker_;
  v1::CollectionEvent event_;
  absl::flat_hash_set<uint32_t> come_;
  bool has_progress_ = false;
};

}  // namespace

BusCanaryLine::BusCanaryLine(Options options, std::unique_ptr<canary::Canary> canary,
                             event_bus::EventBus& bus, base::Clock& clock)
    : options_(std::move(options)), canary_(std::move(canary)), bus_(bus), clock_(clock) {}

bool BusCanaryLine::is_open() const { return canary_ != nullptr && options_.is_exec_told(); }

absl::StatusOr<std::unique_ptr<process::CanaryWatch>> BusCanaryLine::Watch(
    std::function<void()> wake) {
  const auto waker = std::make_shared<Waker>(std::move(wake));
  event_bus::SubscribeOptions options;
  options.filter.add_kinds(v1::EVENT_KIND_PROCESS);
  options.filter.set_own(true);
  options.client_id = "sight-proof";
  options.on_ready = [waker] { waker->Wake(); };
  ASSIGN_OR_RETURN(std::unique_ptr<event_bus::Subscription> subscription,
                   bus_.Subscribe(std::move(options)));
  return std::make_unique<BusWatch>(options_.source, std::move(subscription), waker);
}

absl::StatusOr<process::SentCanary> BusCanaryLine::Spawn() {
  // One that was held up is there still.
  RETURN_IF_ERROR(canary_->Reap(absl::ZeroDuration()));
  process::SentCanary sent;
  ASSIGN_OR_RETURN(sent.pid, options_.spawn_own([&]() -> absl::StatusOr<uint32_t> {
    sent.start = clock_.MonotonicNow();
    return canary_->Spawn();
  }));
  return sent;
}

// One that does not end is killed, and reaped before the next.
void BusCanaryLine::Reap() { canary_->Reap(kEndPatience).IgnoreError(); }

}  // namespace daemoneye::procmond
