// LinkSet with names whose addresses come, go and do not come at all.

#include "services/collector_gateway/link_set.h"

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/collector/call_thread.h"
#include "libs/event/event_pool.h"
#include "libs/event_bus/local_event_bus.h"

namespace daemoneye::gateway {
namespace {

using base::MutexLock;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class LinkSetTest : public testing::Test {
 protected:
  ~LinkSetTest() override { links_.reset(); }

  void Dial(NameLookups::Resolver resolver) {
    LinkSet::Options options;
    options.tcp_credentials = grpc::InsecureChannelCredentials();
    options.resolve_interval = absl::Milliseconds(1);
    options.max_links_per_name = 2;
    options.resolver = std::move(resolver);
    links_.emplace(std::vector<MonitorAddress>{*ParseMonitorAddress("dns:///monitors:1")},
                   LinkDependencies{bus_,
                                    pool_,
                                    registry_,
                                    base::Clock::Real(),
                                    nullptr,
                                    "test",
                                    [](const MonitorLink&) {},
                                    {},
                                    {}},
                   options);
    links_->Start();
  }

  // Addresses of the links there are, once there are `count`: nobody tells, so it is looked for.
  std::vector<std::string> AwaitLinks(size_t count, int turns = 2000) {
    std::vector<std::string> addresses;
    for (int i = 0; i < turns && (i == 0 || links_->links().size() != count); ++i) {
      MutexLock lock(mu_);
      changed_.WaitUntil(mu_, std::chrono::steady_clock::now() + std::chrono::milliseconds(10));
    }
    for (const MonitorLink::Status& s : links_->statuses()) addresses.push_back(s.address);
    return addresses;
  }

  // What the resolver answers.
  void Answer(NameLookups::Answer answer) {
    MutexLock lock(mu_);
    answer_ = std::move(answer);
  }
  NameLookups::Resolver Resolver() {
    return [this](const MonitorAddress&) {
      MutexLock lock(mu_);
      return answer_;
    };
  }

  base::Mutex mu_;
  base::CondVar changed_;
  NameLookups::Answer answer_ GUARDED_BY(mu_) = absl::UnavailableError("no such name");
  event::EventPool pool_;
  OriginRegistry registry_{[](const v1::Publisher&) {}};
  event_bus::LocalEventBus bus_{{}, base::Clock::Real()};
  std::optional<LinkSet> links_;
};

TEST_F(LinkSetTest, HasALinkAnAddressAndKeepsThemWhileTheResolverFails) {
  Answer(std::vector<std::string>{"ipv4:127.0.0.1:1", "ipv4:127.0.0.2:1"});
  Dial(Resolver());
  EXPECT_THAT(AwaitLinks(2), ElementsAre("dns:///monitors:1 ipv4:127.0.0.1:1",
                                         "dns:///monitors:1 ipv4:127.0.0.2:1"));
  EXPECT_THAT(links_->unresolved(), IsEmpty());
  Answer(std::vector<std::string>{"ipv4:127.0.0.2:1"});
  EXPECT_THAT(AwaitLinks(1), ElementsAre("dns:///monitors:1 ipv4:127.0.0.2:1"));
  Answer(absl::UnavailableError("no such name"));
  for (int i = 0; i < 200 && links_->unresolved().empty(); ++i) AwaitLinks(0, 1);
  EXPECT_THAT(links_->unresolved(), ElementsAre(HasSubstr("no such name")));
  EXPECT_THAT(AwaitLinks(1), SizeIs(1));
}

TEST_F(LinkSetTest, ANameWithoutAnAddressIsListedWithTheReason) {
  Dial(Resolver());
  const auto is_told = [&] { return links_->statuses()[0].state == v1::MONITOR_STATE_RETRYING; };
  for (int i = 0; i < 200 && !is_told(); ++i) AwaitLinks(1, 1);
  ASSERT_THAT(links_->statuses(), SizeIs(1));
  EXPECT_EQ(links_->statuses()[0].name(), "dns:///monitors:1");
  EXPECT_THAT(links_->statuses()[0].last_error, HasSubstr("no such name"));
  EXPECT_THAT(links_->unresolved(), IsEmpty()) << "told once";
  Answer(std::vector<std::string>{"ipv4:127.0.0.1:1"});
  EXPECT_THAT(AwaitLinks(1), ElementsAre("dns:///monitors:1 ipv4:127.0.0.1:1"));
}

TEST_F(LinkSetTest, UsesNoMoreAddressesThanItsBoundAndSaysSo) {
  Answer(std::vector<std::string>{"ipv4:127.0.0.1:1", "ipv4:127.0.0.2:1", "ipv4:127.0.0.3:1"});
  Dial(Resolver());
  EXPECT_THAT(AwaitLinks(2), SizeIs(2));
  EXPECT_THAT(links_->unresolved(), ElementsAre(HasSubstr("3 addresses, only the first 2")));
}

TEST_F(LinkSetTest, StopsAtOnceWhileTheResolverHangs) {
  std::promise<void> asked, gate;
  Dial([&asked, opened = gate.get_future().share()](const MonitorAddress&) {
    asked.set_value();
    opened.wait();
    return std::vector<std::string>{"ipv4:127.0.0.1:1"};
  });
  asked.get_future().wait();
  ASSERT_THAT(links_->statuses(), SizeIs(1));
  EXPECT_EQ(links_->statuses()[0].state, v1::MONITOR_STATE_CONNECTING);
  EXPECT_EQ(links_->statuses()[0].last_error, "not resolved yet");
  links_->Stop();  // would wait for the gate
  EXPECT_THAT(links_->links(), IsEmpty());
  links_.reset();
  gate.set_value();
  collector::CallThread::JoinLeftBehind();
}

}  // namespace
}  // namespace daemoneye::gateway
