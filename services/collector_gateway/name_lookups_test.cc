#include "services/collector_gateway/name_lookups.h"

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/collector/call_thread.h"

namespace daemoneye::gateway {
namespace {

using base::MutexLock;

class NameLookupsTest : public testing::Test {
 protected:
  ~NameLookupsTest() override {
    lookups_.reset();
    collector::CallThread::JoinLeftBehind();
  }

  void Ask(const std::vector<std::string>& names, NameLookups::Resolver resolver,
           absl::Duration interval) {
    std::vector<MonitorAddress> addresses;
    addresses.reserve(names.size());
    for (const std::string& name : names) addresses.push_back({.text = name, .is_resolved = true});
    lookups_ = std::make_unique<NameLookups>(
        std::move(addresses), std::move(resolver), interval, base::Clock::Real(),
        [this](const MonitorAddress& address, const NameLookups::Answer& answer) {
          MutexLock lock(mu_);
          told_.push_back(address.text + (answer.ok() ? ":" + answer->at(0) : " failed"));
          changed_.NotifyAll();
        });
    lookups_->Start();
  }

  std::vector<std::string> Await(size_t count) {
    MutexLock lock(mu_);
    while (told_.size() < count) changed_.Wait(mu_);
    return told_;
  }

  base::Mutex mu_;
  base::CondVar changed_;
  std::vector<std::string> told_ GUARDED_BY(mu_);
  std::unique_ptr<NameLookups> lookups_;
};

TEST_F(NameLookupsTest, AsksAgainAndTellsFailuresToo) {
  auto calls = std::make_shared<std::atomic<int>>(0);
  Ask(
      {"a"},
      [calls](const MonitorAddress&) -> NameLookups::Answer {
        const int call = ++*calls;
        if (call == 2) return absl::UnavailableError("no");
        return std::vector<std::string>{std::to_string(call)};
      },
      absl::Milliseconds(1));
  EXPECT_THAT(std::vector(Await(3)).front(), "a:1");
  EXPECT_EQ(Await(3)[1], "a failed");
  EXPECT_EQ(Await(3)[2], "a:3");
}

TEST_F(NameLookupsTest, ANameWithoutAnAnswerHoldsUpNeitherAnotherNorStop) {
  std::promise<void> gate;
  auto hanging_calls = std::make_shared<std::atomic<int>>(0);
  Ask(
      {"hangs", "b"},
      [opened = gate.get_future().share(), hanging_calls](const MonitorAddress& name) {
        if (name.text == "hangs") {
          ++*hanging_calls;
          opened.wait();
        }
        return std::vector<std::string>{"1"};
      },
      absl::Milliseconds(1));
  EXPECT_THAT(Await(3), testing::Each("b:1"));
  lookups_->Stop();
  lookups_.reset();
  EXPECT_EQ(*hanging_calls, 1) << "asked for again while the first call still ran";
  const size_t told = Await(0).size();
  gate.set_value();
  collector::CallThread::JoinLeftBehind();
  EXPECT_EQ(Await(0).size(), told) << "told after Stop";
}

}  // namespace
}  // namespace daemoneye::gateway
