// Alerts, the store and a webhook, where the process is killed in the middle: what was stored
// arrives, in order, once or more.

#include <gmock/gmock.h>

#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "libs/alerting/alert_engine.h"
#include "libs/alerting/outbox.h"
#include "libs/alerting/webhook_sink.h"
#include "libs/base/clock.h"
#include "libs/storage/sqlite/sqlite_store.h"
#include "tests/support/child_process.h"
#include "tests/support/http_server.h"
#include "tests/support/temp_directory.h"

namespace daemoneye {
namespace {

using testing_support::ChildProcess;
using testing_support::HttpReply;
using testing_support::HttpRequest;
using testing_support::HttpServer;
using testing_support::kPatience;
using testing_support::TempDirectory;

constexpr int kRounds = 3;
constexpr int kAlertsARound = 1000;
constexpr size_t kRequestsBeforeTheKill = 100;

absl::StatusOr<std::unique_ptr<storage::SqliteStore>> OpenStore(const std::string& folder) {
  return storage::SqliteStore::Open({.path = folder + "/daemoneye.db", .now = absl::Now()});
}

// What the child does: raises `count` alerts and ends when the webhook has all that is stored.
int RaiseAndDeliver(const std::string& folder, const std::string& url, int count) {
  auto store = OpenStore(folder);
  auto sink = alerting::WebhookSink::Create({.url = url}, base::Clock::Real());
  if (!store.ok() || !sink.ok()) return 1;
  alerting::Outbox outbox((*store)->alerts(), base::Clock::Real());
  std::vector<alerting::SinkSpec> specs;
  specs.push_back({.name = "hook", .sink = *std::move(sink)});
  if (!outbox.SetSinks(std::move(specs)).ok()) return 1;
  alerting::AlertEngine engine({}, (*store)->alerts(), outbox, base::Clock::Real());
  engine.Start();
  for (int i = 0; i < count; ++i) {
    alerting::AlertDraft draft;
    draft.alert.set_trigger_id("t");
    draft.alert.set_process_key(fmt::format("p{}", i));
    if (engine.Raise(std::move(draft)) != alerting::RaiseOutcome::kAccepted) return 1;
  }
  engine.Stop();
  outbox.Stop(kPatience);
  return 0;
}

std::unique_ptr<ChildProcess> StartChild(const std::string& folder, const std::string& url,
                                         int count) {
  return std::make_unique<ChildProcess>(testing_support::ChildSpec{
      .argv = {"/proc/self/exe", "--raise", folder, url, std::to_string(count)}});
}

TEST(AlertsCrashTest, WhatWasStoredArrivesInOrderThoughTheSenderIsKilledAgainAndAgain) {
  const TempDirectory folder;
  HttpServer server([](const HttpRequest&) { return HttpReply{}; });
  for (int round = 0; round < kRounds; ++round) {
    const size_t before = server.requests().size();
    const auto child = StartChild(folder.path(), server.url(), kAlertsARound);
    server.AwaitRequests(before + kRequestsBeforeTheKill);
    child->Kill();
  }
  const auto last = StartChild(folder.path(), server.url(), 0);
  ASSERT_EQ(last->AwaitExit(), 0);

  std::vector<std::string> arrived, stored;
  std::set<std::string> seen;
  for (const HttpRequest& request : server.requests()) {
    const std::string id = nlohmann::json::parse(request.body)["id"];
    if (seen.insert(id).second) arrived.push_back(id);
  }
  const auto store = OpenStore(folder.path());
  ASSERT_TRUE(store.ok()) << store.status();
  const auto alerts = (*store)->alerts().ReadAfter({}, 0, kRounds * kAlertsARound);
  ASSERT_TRUE(alerts.ok()) << alerts.status();
  for (const v1::Alert& alert : *alerts) stored.push_back(alert.id());
  EXPECT_EQ(arrived, stored);
  EXPECT_GE(stored.size(), kRounds * kRequestsBeforeTheKill);
  EXPECT_EQ((*store)->alerts().Outbox("hook")->pending, 0u);
  EXPECT_EQ((*store)->alerts().Outbox("hook")->dead, 0u);
}

}  // namespace
}  // namespace daemoneye

int main(int argc, char** argv) {
  if (argc == 5 && std::string_view(argv[1]) == "--raise") {
    return daemoneye::RaiseAndDeliver(argv[2], argv[3], std::atoi(argv[4]));
  }
  ::testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
