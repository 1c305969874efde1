#include "libs/metrics/metrics_server.h"

#include <fmt/format.h>
#include <prometheus/exposer.h>
#include <signal.h>

#include <exception>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "libs/base/clock.h"
#include "libs/base/listen_address.h"
#include "libs/base/mutex.h"
#include "libs/base/status_macros.h"
#include "libs/base/thread.h"
#include "libs/metrics/listen_socket.h"
#include "libs/metrics/registry_impl.h"

namespace daemoneye::metrics {
namespace {

// How long a connection may be open without a whole request. A scraper sends it at once; a silent
// client holds up Stop by no more than this.
constexpr int kRequestTimeoutMs = 500;

// Blocks every signal for the calling thread while alive: threads made meanwhile never take one, as
// signals belong to main.
class BlockSignals {
 public:
  BlockSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~BlockSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

}  // namespace

class MetricsServer::Impl {
 public:
  static absl::StatusOr<std::unique_ptr<Impl>> Create(const base::ListenAddress& address,
                                                      const Registry& registry) {
    auto impl = std::make_unique<Impl>();
    const std::vector<std::string> options = {
        "listening_ports",    address.ToString(),
        "num_threads",        "2",
        "enable_keep_alive",  "no",
        "request_timeout_ms", std::to_string(kRequestTimeoutMs),
    };
    try {
      const BlockSignals block;
      impl->exposer_ = std::make_unique<prometheus::Exposer>(options);
      impl->collectable_ = registry.impl_;
      impl->exposer_->RegisterCollectable(impl->collectable_);
      impl->bound_ = address;
      impl->bound_.port = static_cast<uint16_t>(impl->exposer_->GetListeningPorts().at(0));
    } catch (const std::exception&) {
      // The vendor does not say why; binding the address ourselves does.
      RETURN_IF_ERROR(CheckBindable(address));
      return absl::UnavailableError(
          fmt::format("metrics_address={}: cannot be served", address.ToString()));
    }
    return impl;
  }

  // The vendor's accepting thread looks at its stop flag only when its poll returns: after 2 s, or
  // at a connection. So connections are made until it has seen the flag.
  void Stop() {
    if (exposer_ == nullptr) return;
    const base::Thread closer("metrics-stop", [this](std::stop_token) {
      exposer_.reset();
      base::MutexLock lock(mu_);
      closed_ = true;
      closed_changed_.NotifyAll();
    });
    do {
      ConnectOnce(bound_);
    } while (!AwaitClosed(absl::Milliseconds(2)));
  }

  const base::ListenAddress& bound() const { return bound_; }

 private:
  bool AwaitClosed(absl::Duration time) {
    using base::operator+;
    base::Clock& clock = base::Clock::Real();
    base::MutexLock lock(mu_);
    if (!closed_) clock.WaitUntil(closed_changed_, mu_, clock.MonotonicNow() + time);
    return closed_;
  }

  std::unique_ptr<prometheus::Exposer> exposer_;
  std::shared_ptr<prometheus::Collectable> collectable_;
  base::ListenAddress bound_;
  base::Mutex mu_;
  base::CondVar closed_changed_;
  bool closed_ GUARDED_BY(mu_) = false;
};

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(std::string_view address,
                                                                    const Registry& registry) {
  if (address.empty()) return nullptr;
  auto listen = base::ParseTcpListenAddress(address);
  if (!listen.ok()) {
    return absl::InvalidArgumentError(
        fmt::format("metrics_address: {}", std::string(listen.status().message())));
  }
  if (listen->host == "localhost") listen->host = "127.0.0.1";  // the vendor takes no name
  ASSIGN_OR_RETURN(std::unique_ptr<Impl> impl, Impl::Create(*listen, registry));
  return std::unique_ptr<MetricsServer>(new MetricsServer(std::move(impl)));
}

MetricsServer::MetricsServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

MetricsServer::~MetricsServer() { Stop(); }

void MetricsServer::Stop() { impl_->Stop(); }

uint16_t MetricsServer::port() const { return impl_->bound().port; }

std::string MetricsServer::address() const { return impl_->bound().ToString(); }

}  // namespace daemoneye::metrics
