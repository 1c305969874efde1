// What an operator does with a server: start, ask, scrape, change its settings, end it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <map>
#include <sstream>

#include "tests/support/client.h"
#include "tests/support/instrumented.h"
#include "tests/support/servers.h"

namespace daemoneye {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using testing_support::Client;
using testing_support::Ended;
using testing_support::EventStream;
using testing_support::kEyectl;
using testing_support::kGateway;
using testing_support::kProcmond;
using testing_support::RunToEnd;
using testing_support::Server;
using testing_support::TempDirectory;

constexpr char kPromtool[] = "/usr/bin/promtool";

absl::Duration StopBound() {
  return testing_support::IsInstrumented() ? absl::Seconds(10) : absl::Seconds(1);
}

class OperableTest : public ::testing::Test {
 protected:
  std::unique_ptr<Server> Start(const std::string& program, std::vector<std::string> flags,
                                const std::string& name = "s") {
    auto server = std::make_unique<Server>(program, directory_.Socket(name), flags);
    server->Ready();
    return server;
  }
  Ended RunProgram(const std::string& program, std::vector<std::string> flags,
                   std::vector<std::string> environment = {}) {
    flags.insert(flags.begin(), program);
    return RunToEnd({.argv = flags, .environment = environment, .user = {}});
  }

  TempDirectory directory_;
};

TEST_F(OperableTest, SigtermEndsWithZeroWithinASecondWithStreamsOpenAndAScrapeJustDone) {
  const auto procmond = Start(kProcmond, {"--metrics_address=127.0.0.1:0"}, "p");
  const auto gateway =
      Start(kGateway, {"--metrics_address=127.0.0.1:0", "--monitors=" + procmond->address()}, "g");
  for (Server* server : {procmond.get(), gateway.get()}) {
    EventStream one = Client(server->address()).StreamEvents({});
    EventStream two = Client(server->address()).StreamEvents(testing_support::LiveOnly());
    ASSERT_TRUE(one.Next().has_value() && two.Next().has_value());
    EXPECT_THAT(server->Metrics(), HasSubstr("daemoneye_build_info"));
    EXPECT_LE(server->Terminate(), StopBound());
    EXPECT_EQ(one.Finish().code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(two.Finish().code(), absl::StatusCode::kUnavailable);
  }
}

TEST_F(OperableTest, SigtermEndsAServerThatIsStillStarting) {
  for (const char* program : {kProcmond, kGateway}) {
    Server server(program, directory_.Socket("s"), {});  // it listens, and no more is known
    EXPECT_LE(server.Terminate(), StopBound());
  }
}

TEST_F(OperableTest, SigintEndsItAsWell) {
  const auto procmond = Start(kProcmond, {});
  procmond->Signal(SIGINT);
  EXPECT_EQ(procmond->AwaitExit(), 0);
  EXPECT_FALSE(std::filesystem::exists(directory_.File("s"))) << "it takes its socket away";
}

TEST_F(OperableTest, PromtoolFindsNothingOnEitherPage) {
  if (!std::filesystem::exists(kPromtool)) GTEST_SKIP() << "promtool is not installed";
  const auto procmond = Start(kProcmond, {"--metrics_address=127.0.0.1:0"}, "p");
  const auto gateway =
      Start(kGateway, {"--metrics_address=127.0.0.1:0", "--monitors=" + procmond->address()}, "g");
  for (Server* server : {procmond.get(), gateway.get()}) {
    const std::string page = directory_.Write("page", server->Metrics());
    const Ended ended = RunProgram("/bin/sh", {"-c", "exec promtool check metrics <" + page});
    EXPECT_EQ(ended.code, 0) << ended.output;
    EXPECT_THAT(ended.output, IsEmpty());
  }
  for (const char* name : {"daemoneye_events_observed_total", "daemoneye_source_up",
                           "daemoneye_scan_duration_seconds", "daemoneye_event_latency_seconds",
                           "daemoneye_kernel_forks_total", "daemoneye_config_last_reload_success",
                           "\nprocess_resident_memory_bytes", "daemoneye_queue_length"}) {
    EXPECT_THAT(procmond->Metrics(), HasSubstr(name));
  }
  // Where a live source may run.
  if (procmond->Metrics().find("daemoneye_source_up{source=\"process-exec\"}") !=
      std::string::npos) {
    for (const char* name : {"daemoneye_canaries_total", "daemoneye_canary_misses_total",
                             "daemoneye_canary_latency_seconds_bucket",
                             "daemoneye_probe_forks_total", "daemoneye_sight_mismatches_total"}) {
      EXPECT_THAT(procmond->Metrics(), HasSubstr(std::string(name) + "{source=\"process-exec\""));
    }
  }
  for (const char* name : {"daemoneye_monitor_up", "daemoneye_gateway_events_received_total",
                           "daemoneye_gateway_gaps_total", "daemoneye_gateway_lost_events_total"}) {
    EXPECT_THAT(gateway->Metrics(), HasSubstr(name));
  }
}

TEST_F(OperableTest, HangupTakesAGoodFileOverAndRefusesABadOneWhole) {
  const std::string config = directory_.Write("c.yaml", "log_level: info\nring_events: 1000\n");
  const auto procmond = Start(kProcmond, {"--config=" + config, "--metrics_address=127.0.0.1:0"});
  const Client client(procmond->address());
  const auto setting = [&](const std::string& name) {
    const auto status = client.GetStatus();
    EXPECT_TRUE(status.ok());
    for (const v1::ConfigValue& value : status->config()) {
      if (value.name() == name) return value.value() + " by " + value.origin();
    }
    return std::string("none");
  };
  EXPECT_EQ(setting("log_level"), "\"info\" by file");

  directory_.Write("c.yaml", "log_level: debug\nring_events: 1000\n");
  procmond->Signal(SIGHUP);
  ASSERT_TRUE(procmond->AwaitLine({"configuration reloaded", "log_level"}).has_value());
  EXPECT_EQ(setting("log_level"), "\"debug\" by file");
  EXPECT_EQ(client.GetStatus()->config_generation(), 2u);
  EXPECT_THAT(procmond->Metrics(), AllOf(HasSubstr("daemoneye_config_generation 2\n"),
                                         HasSubstr("daemoneye_config_last_reload_success 1\n")));

  // Unknown key, value out of bounds, a key that needs a restart: named, and nothing is taken over.
  for (const auto& [text, named] : std::map<std::string, std::string>{
           {"log_level: info\nlog_levle: info\n", "log_levle"},
           {"log_level: info\ncollection_interval: 4s\n", "collection_interval"},
           {"log_level: info\nring_events: 2000\n", "ring_events"},
           {"log_level: [\n", "c.yaml"}}) {
    directory_.Write("c.yaml", text);
    procmond->Signal(SIGHUP);
    ASSERT_TRUE(procmond->AwaitLine({"configuration not reloaded", named}).has_value()) << text;
    EXPECT_EQ(setting("log_level"), "\"debug\" by file");
    EXPECT_EQ(client.GetStatus()->config_generation(), 2u);
    EXPECT_THAT(procmond->Metrics(), HasSubstr("daemoneye_config_last_reload_success 0\n"));
  }
}

TEST_F(OperableTest, AFileThatChangesIsReadWithoutASignal) {
  const std::string config = directory_.Write("c.yaml", "log_level: info\n");
  const auto gateway = Start(kGateway, {"--config=" + config});
  directory_.Write("c.yaml", "log_level: debug\n");
  EXPECT_TRUE(gateway->AwaitLine({"configuration reloaded", "log_level"}).has_value());
}

TEST_F(OperableTest, CheckConfigSaysGoodOrWhatIsWrong) {
  const std::string good = directory_.Write("good.yaml", "log_level: debug\n");
  const std::string bad = directory_.Write("bad.yaml", "log_level: loud\n");
  for (const char* program : {kProcmond, kGateway}) {
    Ended ended = RunProgram(program, {"--config=" + good, "--check_config"});
    EXPECT_EQ(ended.code, 0) << ended.output;
    EXPECT_THAT(ended.output, HasSubstr("good"));
    ended = RunProgram(program, {"--config=" + bad, "--check_config"});
    EXPECT_EQ(ended.code, 2);
    EXPECT_THAT(ended.output, AllOf(HasSubstr("log_level"), HasSubstr("loud")));
  }
}

TEST_F(OperableTest, WhatPrintConfigPrintsReadsBackAsTheSame) {
  const std::string file = directory_.Write("c.yaml", "labels: {rack: \"a: 1\", zone: 'b#2'}\n");
  for (const char* program : {kProcmond, kGateway}) {
    const Ended printed =
        RunProgram(program, {"--config=" + file, "--node-name=host \"x\"", "--print_config"},
                   {"DAEMONEYE_LOG_LEVEL=warning"});
    ASSERT_EQ(printed.code, 0) << printed.output;
    EXPECT_THAT(printed.output, AllOf(HasSubstr("from flag"), HasSubstr("from file"),
                                      HasSubstr("from environment"), HasSubstr("default")));
    const std::string again = directory_.Write("printed.yaml", printed.output);
    const Ended reread = RunProgram(program, {"--config=" + again, "--print_config"});
    ASSERT_EQ(reread.code, 0) << reread.output;
    // Everything but the comments, which tell the layer.
    const auto values = [](const std::string& text) {
      std::string kept;
      std::istringstream lines(text);
      for (std::string line; std::getline(lines, line);) {
        const size_t comment = line.rfind("  # ");
        if (!line.starts_with("#")) kept += line.substr(0, comment) + "\n";
      }
      return kept;
    };
    EXPECT_EQ(values(reread.output), values(printed.output));
  }
}

TEST_F(OperableTest, HealthCheckExitsWithZeroOnlyWhereAServerServes) {
  const auto flags = [&](const std::string& name) {
    return std::vector<std::string>{"--config=", "--listen=" + directory_.Socket(name),
                                    "--health_check"};
  };
  Ended ended = RunProgram(kProcmond, flags("p"));
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.output, HasSubstr("no answer"));
  const auto procmond = Start(kProcmond, {}, "p");
  ended = RunProgram(kProcmond, flags("p"));
  EXPECT_EQ(ended.code, 0) << ended.output;

  // A gateway without any of its monitors lives, and is not ready.
  Server gateway(kGateway, directory_.Socket("g"), {"--monitors=" + directory_.Socket("none")});
  ended = RunProgram(kGateway, flags("g"));
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.output, HasSubstr("NOT_SERVING"));
}

TEST_F(OperableTest, HealthListenAnswersForHealthAlone) {
  const auto procmond = Start(kProcmond, {"--health_listen=" + directory_.Socket("h")});
  const Client client(directory_.Socket("h"));
  EXPECT_EQ(client.AwaitHealth("readiness", "SERVING"), absl::OkStatus());
  EXPECT_EQ(client.GetStatus().status().code(), absl::StatusCode::kUnimplemented);
}

TEST_F(OperableTest, SocketsAreClosedToStrangersAndReflectionCanBeOff) {
  const auto procmond =
      Start(kProcmond, {"--operator_listen=" + directory_.Socket("o"), "--reflection=false"});
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(directory_.File("s")).permissions(), perms(0660));
  EXPECT_EQ(std::filesystem::status(directory_.File("o")).permissions(), perms(0600));
  EXPECT_EQ(Client(directory_.Socket("o")).Health(""), "SERVING");
  EXPECT_THAT(Client(procmond->address()).Reflect("list_services", ""), HasSubstr("UNIMPLEMENTED"));
}

TEST_F(OperableTest, LogsAreOneJsonObjectALineWhereAsked) {
  const auto procmond = Start(kProcmond, {"--reflection=false"});
  const Ended ended = RunProgram(kProcmond, {"--config=", "--metrics_address=", "--log_format=json",
                                             "--listen=" + procmond->address()});
  EXPECT_EQ(ended.code, 1);
  std::istringstream lines(ended.output);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_THAT(
        line, MatchesRegex("\\{\"time\":\".*\",\"level\":\".*\",\"component\":\"procmond\".*\\}"));
  }
}

TEST_F(OperableTest, EyectlShowsWhatTheServersSay) {
  const auto procmond = Start(kProcmond, {}, "p");
  const auto gateway = Start(kGateway, {"--monitors=" + procmond->address()}, "g");
  const std::string address = "--address=" + gateway->address();
  const struct {
    std::vector<std::string> args;
    std::string shows;
  } cases[] = {{{"monitors", address}, "STREAMING"},
               {{"status", address}, "collector-gateway@"},
               {{"health", address}, "SERVING"},
               {{"events", "--follow=false", "--snapshot=count", address}, "-- snapshot of "},
               {{"task", "enumerate_processes", address}, " records"}};
  for (const auto& [args, shows] : cases) {
    const Ended ended = RunProgram(kEyectl, args);
    EXPECT_EQ(ended.code, 0) << args[0] << ": " << ended.output;
    EXPECT_THAT(ended.output, HasSubstr(shows));
    EXPECT_THAT(ended.output, Not(HasSubstr("\x1b")));
  }
  EXPECT_EQ(RunProgram(kEyectl, {"status", "--address=" + directory_.Socket("none")}).code, 1);
}

}  // namespace
}  // namespace daemoneye
