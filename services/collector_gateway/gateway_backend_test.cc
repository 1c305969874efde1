#include "services/collector_gateway/gateway_backend.h"

#include <cstdlib>
#include <filesystem>
#include <optional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libs/event_bus/local_event_bus.h"
#include "services/collector_gateway/fake_monitor.h"

namespace daemoneye::gateway {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

class GatewayBackendTest : public testing::Test {
 protected:
  GatewayBackendTest() {
    // Not the test's own directory: a socket's path has at most 107 bytes.
    char pattern[] = "/tmp/backend-XXXXXX";
    directory_ = mkdtemp(pattern);
    options_.links.timing.min_backoff = absl::Milliseconds(10);
    options_.links.timing.max_backoff = absl::Milliseconds(50);
    options_.on_link_change = [this](const MonitorLink::Status&) {
      base::MutexLock lock(mu_);
      changed_.NotifyAll();
    };
  }
  ~GatewayBackendTest() override {
    backend_.reset();
    std::filesystem::remove_all(directory_);
  }

  std::string Path(const std::string& name) const { return directory_ + "/" + name; }

  void Dial(const std::vector<std::string>& names) {
    std::vector<MonitorAddress> addresses;
    for (const std::string& name : names) {
      addresses.push_back(*ParseMonitorAddress("unix://" + Path(name)));
    }
    backend_.emplace(std::move(addresses), bus_, base::Clock::Real(), options_);
    backend_->announcements().SetListener([this] {
      base::MutexLock lock(mu_);
      changed_.NotifyAll();
    });
    backend_->Start();
  }

  // A monitor of its own log with one source.
  void Serve(FakeMonitor& monitor, const std::string& name, v1::SourceCap cap) {
    monitor.negotiation.set_monitor(name);
    monitor.negotiation.set_stream_id(name + "-1111-4111-8111-111111111111");
    monitor.negotiation.clear_granted_caps();
    monitor.negotiation.add_granted_caps(cap);
    monitor.negotiation.clear_sources();
    monitor.negotiation.add_sources()->set_name(name + "-source");
    monitor.live = [&monitor](const v1::StreamEventsRequest&) {
      return FakeMonitor::Script{{monitor.Started(true, 1)}, false};
    };
    monitor.Start(Path(name));
  }

  // The last word on capabilities, once it names so many sources.
  v1::CapabilitiesChanged AwaitSources(int count) {
    base::MutexLock lock(mu_);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (true) {
      const std::optional<v1::CapabilitiesChanged> last = Last();
      if (last.has_value() && last->sources_size() == count) return *last;
      if (!changed_.WaitUntil(mu_, deadline)) {
        ADD_FAILURE() << (last.has_value() ? last->DebugString() : "nothing was told");
        return {};
      }
    }
  }
  std::optional<v1::CapabilitiesChanged> Last() {
    std::optional<v1::CapabilitiesChanged> last;
    for (const auto& bytes : backend_->announcements().Since(0).events) {
      v1::CollectionEvent event;
      EXPECT_TRUE(event.ParseFromString(*bytes));
      if (event.control().has_capabilities_changed()) last = event.control().capabilities_changed();
    }
    return last;
  }

  std::string directory_;
  base::Mutex mu_;
  base::CondVar changed_;
  event_bus::LocalEventBus bus_{{}, base::Clock::Real()};
  GatewayBackend::Options options_;
  std::optional<GatewayBackend> backend_;
};

TEST_F(GatewayBackendTest, TellsWhatAllLinksThatStreamCanDoTogether) {
  FakeMonitor process, network;
  Serve(process, "p", v1::SOURCE_CAP_PROCESS);
  Dial({"p", "n"});
  const v1::CapabilitiesChanged one = AwaitSources(1);
  EXPECT_THAT(one.caps(), ElementsAre(v1::SOURCE_CAP_PROCESS));
  EXPECT_THAT(one.sources(), ElementsAre("p-source"));
  EXPECT_THAT(one.origins(), ElementsAre(process.negotiation.stream_id()));
  EXPECT_THAT(one.reason(), testing::HasSubstr("STREAMING"));

  Serve(network, "n", v1::SOURCE_CAP_NETWORK);
  const v1::CapabilitiesChanged two = AwaitSources(2);
  EXPECT_THAT(two.caps(), ElementsAre(v1::SOURCE_CAP_PROCESS, v1::SOURCE_CAP_NETWORK));
  EXPECT_THAT(two.sources(), UnorderedElementsAre("p-source", "n-source"));

  process.Stop();
  const v1::CapabilitiesChanged left = AwaitSources(1);
  EXPECT_THAT(left.caps(), ElementsAre(v1::SOURCE_CAP_NETWORK));
  EXPECT_THAT(left.sources(), ElementsAre("n-source"));
  EXPECT_THAT(left.origins(), ElementsAre(network.negotiation.stream_id()));
}

TEST_F(GatewayBackendTest, AMonitorThatClaimsTheWorldLeavesRoomForWhatIsToldOfAll) {
  FakeMonitor liar;
  liar.negotiation.add_via("99999999-1111-4111-8111-111111111111");
  for (int i = 0; i < 3000; ++i) {
    v1::Publisher& publisher = *liar.negotiation.add_origins();
    publisher.set_stream_id(std::to_string(i) + std::string(60, 's'));
    publisher.set_monitor(std::string(200, 'm'));
    publisher.set_host("h");
  }
  Serve(liar, "l", v1::SOURCE_CAP_PROCESS);
  Dial({"l"});
  const v1::CapabilitiesChanged change = AwaitSources(1);
  EXPECT_GT(change.origins_size(), 1000);
  EXPECT_LT(change.ByteSizeLong(), 128u << 10);
  v1::NegotiateCapabilitiesResponse negotiation;
  backend_->Describe(negotiation);
  EXPECT_GT(negotiation.origins_size(), 1000);
  EXPECT_LT(negotiation.ByteSizeLong(), 1u << 20);
}

TEST_F(GatewayBackendTest, WhatTheServerItselfAddedToTheLogIsInTheAccount) {
  options_.fill_server_status = [](v1::GetStatusResponse& response) {
    response.mutable_accounting()->set_notices(3);
  };
  Dial({"absent"});
  v1::GetStatusResponse status;
  backend_->FillStatus(status);
  EXPECT_EQ(status.accounting().notices(), 3u);
}

TEST_F(GatewayBackendTest, ALinkThatNeverConnectsIsNoNews) {
  FakeMonitor process;
  Serve(process, "p", v1::SOURCE_CAP_PROCESS);
  Dial({"p", "absent"});
  AwaitSources(1);
  const auto attempts = [&] { return backend_->links().statuses()[0].reconnects; };
  const uint64_t version = backend_->announcements().version();
  const uint64_t before = attempts();
  // Nobody is told of them, so they are looked for.
  for (int i = 0; i < 1000 && attempts() < before + 3; ++i) {
    base::MutexLock lock(mu_);
    changed_.WaitUntil(mu_, std::chrono::steady_clock::now() + std::chrono::milliseconds(20));
  }
  EXPECT_GE(attempts(), before + 3);
  EXPECT_EQ(backend_->announcements().version(), version);
}

}  // namespace
}  // namespace daemoneye::gateway
