// What is kept over a restart: a gateway's store, its queries, and procmond's database, with the
// real binaries.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "fmt/format.h"
#include "libs/linux/procfs/test_child.h"
#include "tests/support/client.h"
#include "tests/support/servers.h"

namespace daemoneye {
namespace {

using procfs::TestChild;
using ::testing::HasSubstr;
using ::testing::Not;
using testing_support::Client;
using testing_support::Ended;
using testing_support::EventStream;
using testing_support::kEyectl;
using testing_support::kGateway;
using testing_support::kPatience;
using testing_support::kProcmond;
using testing_support::LiveOnly;
using testing_support::RunToEnd;
using testing_support::Server;
using testing_support::TempDirectory;

// How long to wait before asking again for what must come.
constexpr absl::Duration kAskAgain = absl::Milliseconds(100);

class StoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<Server> StartProcmond(std::vector<std::string> flags = {}) {
    flags.push_back("--interval=5");
    auto server = std::make_unique<Server>(kProcmond, directory_.Socket("p"), flags);
    server->Ready();
    return server;
  }
  std::unique_ptr<Server> StartGateway(std::vector<std::string> flags = {}) {
    flags.push_back("--data_dir=" + data_dir_);
    flags.push_back("--monitors=" + directory_.Socket("p"));
    return std::make_unique<Server>(kGateway, directory_.Socket("g"), flags);
  }
  Ended Query(const std::string& sql, std::vector<std::string> flags = {"--json"}) {
    std::vector<std::string> argv = {kEyectl, "query", "--address=" + directory_.Socket("g")};
    argv.insert(argv.end(), flags.begin(), flags.end());
    argv.push_back(sql);
    return RunToEnd({.argv = argv});
  }
  // The first row of the answer; null when there is none. Asks again until there is one.
  nlohmann::json AwaitRow(const std::string& sql) {
    const absl::Time deadline = absl::Now() + kPatience;
    while (true) {
      const Ended ended = Query(sql);
      EXPECT_EQ(ended.code, 0) << ended.output;
      if (const size_t begin = ended.output.find('{'); begin != std::string::npos) {
        const size_t end = ended.output.find('\n', begin);
        return nlohmann::json::parse(ended.output.substr(begin, end - begin));
      }
      if (ended.code != 0 || absl::Now() > deadline) return nullptr;
      absl::SleepFor(kAskAgain);
    }
  }

  TempDirectory directory_;
  const std::string data_dir_ = directory_.File("data");
  const std::string database_ = data_dir_ + "/daemoneye.db";
};

TEST_F(StoreTest, GivesBackWhatProcmondSawByItsOrigin) {
  const auto procmond = StartProcmond();
  const auto gateway = StartGateway();
  gateway->Ready();
  const TestChild child(TestChild::ProgramPath());
  const nlohmann::json row = AwaitRow(
      fmt::format("SELECT name, origin_stream_id AS stream, origin_sequence AS sequence, host FROM "
                  "process_events WHERE action = 'START' AND pid = {}",
                  child.pid()));
  ASSERT_TRUE(row.is_object());
  const nlohmann::json again = AwaitRow(fmt::format(
      "SELECT pid FROM process_events WHERE origin_stream_id = '{}' AND origin_sequence = {}",
      row["stream"].get<std::string>(), row["sequence"].get<int64_t>()));
  EXPECT_EQ(again["pid"], child.pid());
  const nlohmann::json living = AwaitRow(fmt::format(
      "SELECT p.name, m.state FROM processes p, monitors m WHERE p.pid = {}", child.pid()));
  EXPECT_EQ(living["state"], "STREAMING");
  EXPECT_THAT(Query("SELECT count(*) AS n FROM process_events", {"--csv"}).output,
              HasSubstr("n\n"));
  EXPECT_THAT(Query("DELETE FROM process_events").output, HasSubstr("may not be modified"));
  EXPECT_THAT(Query("SELECT nme FROM process_events").output, HasSubstr("at position 8"));
}

TEST_F(StoreTest, StoresNothingTwiceAndLosesNothingWhenTheGatewayIsKilled) {
  const auto procmond = StartProcmond({"--samples=all"});
  std::string stream_id;
  for (int run = 0; run < 3; ++run) {
    SCOPED_TRACE(run);
    const auto gateway = StartGateway();
    gateway->Ready();
    const TestChild child(TestChild::ProgramPath());
    const nlohmann::json row = AwaitRow(fmt::format(
        "SELECT origin_stream_id AS s FROM process_events WHERE action = 'START' AND pid = {}",
        child.pid()));
    ASSERT_TRUE(row.is_object());
    stream_id = row["s"];
    gateway->Kill();
  }
  const auto gateway = StartGateway();
  gateway->Ready();
  const nlohmann::json row = AwaitRow(fmt::format(
      "SELECT count(*) AS n, count(DISTINCT origin_sequence) AS d, min(origin_sequence) AS first,"
      " max(origin_sequence) AS last FROM process_events WHERE origin_stream_id = '{}'",
      stream_id));
  EXPECT_EQ(row["n"], row["d"]);
  EXPECT_EQ(row["n"].get<int64_t>(), row["last"].get<int64_t>() - row["first"].get<int64_t>() + 1);
  // Resumed where the store says, so nothing came a second time.
  const auto links = Client(gateway->address()).ListMonitors();
  ASSERT_TRUE(links.ok()) << links.status();
  EXPECT_EQ(links->monitors(0).gaps(), 0u);
}

// Each child is one alert: raised, stored and sent to a file while the gateway is killed again and
// again.
TEST_F(StoreTest, LosesNoAlertThatWasToldWhenTheGatewayIsKilled) {
  const auto procmond = StartProcmond();
  const std::string file = directory_.File("alerts.jsonl");
  const std::string config = directory_.File("gateway.yaml");
  std::ofstream(config) << fmt::format(
      "default_triggers: false\n"
      "triggers:\n"
      "- id: child\n"
      "  condition: {{sql: \"first_image AND executable_path = '{}'\"}}\n"
      "  severity: HIGH\n"
      "sinks:\n"
      "- {{name: file, type: file, path: {}}}\n",
      std::filesystem::canonical(TestChild::ProgramPath()).string(), file);
  std::set<std::string> told;
  for (int run = 0; run < 3; ++run) {
    SCOPED_TRACE(run);
    const auto gateway = StartGateway({"--config=" + config});
    gateway->Ready();
    std::vector<std::unique_ptr<TestChild>> children;
    for (int i = 0; i < 20; ++i) {
      children.push_back(std::make_unique<TestChild>(TestChild::ProgramPath()));
    }
    // Killed as soon as it has told of one of them, with the others on their way.
    const nlohmann::json row =
        AwaitRow(fmt::format("SELECT id FROM alerts WHERE pid = {}", children.front()->pid()));
    ASSERT_TRUE(row.is_object());
    std::istringstream answer(Query("SELECT id FROM alerts", {"--csv"}).output);
    for (std::string line; std::getline(answer, line);) {
      if (line != "id") told.insert(line);
    }
    gateway->Kill();
  }
  const auto gateway = StartGateway({"--config=" + config});
  gateway->Ready();
  const nlohmann::json row = AwaitRow("SELECT count(*) AS n, count(DISTINCT id) AS d FROM alerts");
  EXPECT_EQ(row["n"], row["d"]);
  EXPECT_GE(told.size(), 3u);
  const std::string stored = Query("SELECT id FROM alerts", {"--csv"}).output;
  for (const std::string& id : told) EXPECT_THAT(stored, HasSubstr(id));
  // The file has all of them, once or more.
  const absl::Time deadline = absl::Now() + kPatience;
  std::string sent;
  const auto is_sent = [&](const std::string& id) { return sent.find(id) != std::string::npos; };
  while (!std::ranges::all_of(told, is_sent) && absl::Now() < deadline) {
    std::ifstream in(file);
    sent.assign(std::istreambuf_iterator<char>(in), {});
    absl::SleepFor(kAskAgain);
  }
  EXPECT_TRUE(std::ranges::all_of(told, is_sent));
  EXPECT_THAT(gateway->output(), Not(HasSubstr("set aside")));
}

TEST_F(StoreTest, SetsABrokenFileAsideAndSaysSo) {
  const auto procmond = StartProcmond();
  {
    const auto gateway = StartGateway();
    gateway->Ready();
    gateway->Terminate();
  }
  std::ofstream(database_, std::ios::binary | std::ios::in).write("no database at all", 18);
  const auto gateway = StartGateway();
  EXPECT_THAT(gateway->output(), HasSubstr("the store was broken: set aside"));
  gateway->Ready();
  const nlohmann::json row = AwaitRow("SELECT method, details FROM audit");
  EXPECT_EQ(row["method"], "store set aside");
}

TEST_F(StoreTest, LeavesAFileThatAnotherGatewayHas) {
  const auto gateway = StartGateway();
  const Ended second =
      RunToEnd({.argv = {kGateway, "--listen=" + directory_.Socket("h"),
                         "--config=", "--metrics_address=", "--data_dir=" + data_dir_}});
  EXPECT_EQ(second.code, 1);
  EXPECT_THAT(second.output, HasSubstr("in use by another process"));
}

TEST_F(StoreTest, AnswersNoQueryWhereNothingIsStored) {
  const Server gateway(kGateway, directory_.Socket("g"), {"--data_dir="});
  EXPECT_THAT(Query("SELECT 1").output, HasSubstr("nothing is stored"));
  const Ended tables =
      RunToEnd({.argv = {kEyectl, "query", "--address=" + directory_.Socket("g"), "--tables"}});
  EXPECT_THAT(tables.output, HasSubstr("process_events"));
  EXPECT_THAT(tables.output, HasSubstr("audit"));
}

TEST_F(StoreTest, ProcmondResumesBeyondItsRingFromItsDatabase) {
  // A scan fits the ring, so that the store has it before the next one comes; three do not.
  const auto processes = std::ranges::count_if(
      std::filesystem::directory_iterator("/proc"),
      [](const auto& entry) { return std::isdigit(entry.path().filename().c_str()[0]) != 0; });
  const auto procmond =
      StartProcmond({"--samples=all", fmt::format("--ring_events={}", 2 * processes + 100),
                     "--database=" + directory_.File("p.db")});
  Client client(procmond->address());
  const auto negotiated = client.Negotiate();
  ASSERT_TRUE(negotiated.ok()) << negotiated.status();
  // Until the ring has let go of its first events.
  const absl::Time deadline = absl::Now() + kPatience;
  uint64_t oldest = 0;
  while (oldest < 20 && absl::Now() < deadline) {
    const auto now = client.Negotiate();
    ASSERT_TRUE(now.ok()) << now.status();
    oldest = now->oldest_sequence();
    absl::SleepFor(kAskAgain);
  }
  ASSERT_GE(oldest, 20u);
  v1::StreamEventsRequest request = LiveOnly();
  *request.mutable_filter() = testing_support::EveryEvent();
  request.mutable_filter()->set_own(true);
  request.set_follow(false);
  request.mutable_resume()->set_stream_id(negotiated->stream_id());
  request.mutable_resume()->set_after_sequence(1);
  EventStream stream = client.StreamEvents(request);
  uint64_t next = 2;
  for (const v1::CollectionEvent& event : stream.Rest()) {
    EXPECT_FALSE(event.control().has_missed());
    if (event.sequence() == 0) continue;
    EXPECT_EQ(event.sequence(), next);
    next = event.sequence() + 1;
  }
  EXPECT_GT(next, oldest);
}

}  // namespace
}  // namespace daemoneye
