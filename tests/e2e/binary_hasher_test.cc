// binary-hasher as a process of its own: asked over its unix socket, scraped, ended.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "daemoneye/v1/analyzer_service.pb.h"
#include "libs/base/thread.h"
#include "libs/linux/procfs/test_child.h"
#include "libs/rpc/status_conversion.h"
#include "tests/support/client.h"
#include "tests/support/instrumented.h"
#include "tests/support/processes.h"
#include "tests/support/servers.h"

namespace daemoneye {
namespace {

namespace fs = std::filesystem;
using procfs::TestChild;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing_support::Client;
using testing_support::Ended;
using testing_support::RunToEnd;
using testing_support::Server;
using testing_support::TempDirectory;

constexpr char kHasher[] = "services/binary_hasher/binary_hasher";
constexpr char kPromtool[] = "/usr/bin/promtool";
constexpr char kService[] = "daemoneye.v1.AnalyzerService";
constexpr uid_t kNobody = 65534;

class BinaryHasherTest : public ::testing::Test {
 protected:
  BinaryHasherTest() {
    fs::create_directory(directory_.File("root"));
    fs::create_directory(directory_.File("n"));
  }
  std::string InRoot(const std::string& name) const { return directory_.File("root/" + name); }
  std::string Write(const std::string& name, const std::string& text) const {
    std::ofstream(InRoot(name)) << text;
    return InRoot(name);
  }
  // So large that it takes seconds to read, and nothing on the disk.
  std::string WriteSparse(const std::string& name) const {
    fs::resize_file(Write(name, ""), uint64_t{10} << 30);
    return InRoot(name);
  }
  std::unique_ptr<Server> Start(std::vector<std::string> flags, const std::string& name = "h") {
    flags.push_back("--roots=" + directory_.File("root"));
    flags.emplace_back("--metrics_address=127.0.0.1:0");
    auto server = std::make_unique<Server>(kHasher, directory_.Socket(name), flags);
    server->Ready();
    return server;
  }
  static v1::AnalyzeRequest ForPath(const std::string& path) {
    v1::AnalyzeRequest request;
    request.set_analysis_type(v1::ANALYSIS_TYPE_BINARY_HASH);
    request.mutable_target()->set_path(path);
    return request;
  }
  static absl::StatusOr<v1::AnalyzeResponse> Analyze(const Client& client,
                                                     const v1::AnalyzeRequest& request) {
    return client.Call<v1::AnalyzeResponse>("/daemoneye.v1.AnalyzerService/Analyze", request);
  }
  static std::string Sha256(const v1::AnalyzeResponse& response) {
    const auto& fields = response.result().result().fields();
    return fields.contains("sha256") ? fields.at("sha256").string_value() : "";
  }

  TempDirectory directory_;
};

TEST_F(BinaryHasherTest, TellsWhatItCanDoAndAnswersHealthAndReflection) {
  const auto server = Start({"--node_name=this", "--max_file_size=1GiB"});
  const Client client(server->address());
  const auto can = client.Call<v1::NegotiateAnalysisResponse>(
      "/daemoneye.v1.AnalyzerService/NegotiateAnalysis", v1::NegotiateAnalysisRequest());
  ASSERT_TRUE(can.ok()) << can.status();
  EXPECT_EQ(can->name(), "binary-hasher");
  EXPECT_EQ(can->host(), "this");
  ASSERT_EQ(can->analysis_types_size(), 1);
  EXPECT_EQ(can->analysis_types(0), v1::ANALYSIS_TYPE_BINARY_HASH);
  EXPECT_EQ(can->limits().max_concurrent(), 10u);
  EXPECT_EQ(can->limits().max_queue(), 1'000u);
  EXPECT_EQ(can->limits().max_target_bytes(), uint64_t{1} << 30);
  EXPECT_EQ(can->limits().max_duration().seconds(), 30);
  EXPECT_EQ(can->instance_id().size(), 36u);
  for (const char* name : {"", kService, "liveness", "readiness"}) {
    EXPECT_EQ(client.Health(name), "SERVING") << name;
  }
  EXPECT_THAT(client.Reflect("list_services", ""), HasSubstr(kService));
  EXPECT_THAT(client.Reflect("file_containing_symbol", kService), HasSubstr("AnalyzeRequest"));
  EXPECT_EQ(client.Health("daemoneye.v1.MonitorService"), "NOT_FOUND");
}

TEST_F(BinaryHasherTest, HashesAProcessAndAFile) {
  const auto server = Start({});
  const Client client(server->address());
  const std::string path = InRoot("program");
  TestChild::CopyProgram(path);
  const std::string digest = testing_support::Sha256OfFile(path);
  const auto file = Analyze(client, ForPath(path));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(Sha256(*file), digest);
  EXPECT_TRUE(file->result().authoritative());
  EXPECT_EQ(file->result().verdict(), v1::ANALYSIS_VERDICT_UNKNOWN);

  const TestChild child(path);
  v1::AnalyzeRequest request;
  request.set_analysis_type(v1::ANALYSIS_TYPE_BINARY_HASH);
  request.mutable_target()->set_pid(static_cast<uint32_t>(child.pid()));
  (*request.mutable_context()->mutable_parameters())["expected_sha256"] = std::string(64, '0');
  const auto process = Analyze(client, request);
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_EQ(Sha256(*process), digest);
  EXPECT_EQ(process->result().verdict(), v1::ANALYSIS_VERDICT_SUSPICIOUS);
  EXPECT_THAT(server->Metrics(),
              HasSubstr("daemoneye_analysis_requests_total{code=\"OK\",type=\"BINARY_HASH\"} 2\n"));
}

TEST_F(BinaryHasherTest, RefusalsDoNotTellWhatThereIs) {
  const auto server = Start({"--max_file_size=1MiB"});
  const Client client(server->address());
  ASSERT_EQ(::mkfifo(InRoot("fifo").c_str(), 0600), 0);
  fs::create_symlink("/etc/passwd", InRoot("link"));
  const absl::Status absent = Analyze(client, ForPath(InRoot("none"))).status();
  EXPECT_EQ(absent.code(), absl::StatusCode::kNotFound);
  for (const std::string& path : {InRoot("fifo"), InRoot("link"), directory_.File("root"),
                                  std::string("/etc/passwd"), std::string("/etc/none")}) {
    EXPECT_EQ(Analyze(client, ForPath(path)).status(), absent) << path;
  }
  const absl::Status parent = Analyze(client, ForPath(InRoot("../none"))).status();
  EXPECT_EQ(parent.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(parent.message()), HasSubstr("target.path"));
  EXPECT_EQ(Analyze(client, ForPath(WriteSparse("sparse"))).status().code(),
            absl::StatusCode::kResourceExhausted);
  v1::AnalyzeRequest yara = ForPath(InRoot("none"));
  yara.set_analysis_type(v1::ANALYSIS_TYPE_YARA_SCAN);
  EXPECT_EQ(Analyze(client, yara).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(client.CallRaw("/daemoneye.v1.AnalyzerService/Analyze", "\xff\xff").code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(BinaryHasherTest, FiftyAtOnceAreAllAnsweredRight) {
  const auto server = Start({"--max_concurrent=4"});
  std::vector<std::string> digests;
  for (int i = 0; i < 50; ++i) {
    const std::string path = Write("f" + std::to_string(i), std::string(200'000, 'a' + i % 26));
    digests.push_back(testing_support::Sha256OfFile(path));
  }
  const Client client(server->address());
  std::vector<base::Thread> callers;
  for (int i = 0; i < 50; ++i) {
    callers.emplace_back("caller", [&, i](const std::stop_token&) {
      const auto response = Analyze(client, ForPath(InRoot("f" + std::to_string(i))));
      ASSERT_TRUE(response.ok()) << response.status();
      EXPECT_EQ(Sha256(*response), digests[static_cast<size_t>(i)]);
    });
  }
  callers.clear();
  EXPECT_THAT(server->Metrics(),
              AllOf(HasSubstr("daemoneye_analyses_running 0\n"),
                    HasSubstr("daemoneye_queue_length{queue=\"analyses\"} 0\n")));
}

TEST_F(BinaryHasherTest, BeyondItsRateItSaysWhenToComeBack) {
  const auto server = Start({"--max_rate=2"});
  const Client client(server->address());
  const v1::AnalyzeRequest request = ForPath(Write("abc", "abc"));
  EXPECT_TRUE(Analyze(client, request).ok());
  EXPECT_TRUE(Analyze(client, request).ok());
  const absl::Status refused = Analyze(client, request).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(rpc::RetryDelay(refused).has_value());
  EXPECT_THAT(server->Metrics(),
              HasSubstr("daemoneye_analyses_refused_total{reason=\"rate\"} 1\n"));
}

TEST_F(BinaryHasherTest, WhatTakesTooLongIsAnsweredAndGivesItsPlaceBack) {
  const auto server = Start({"--max_file_size=16GiB", "--max_duration=1s", "--max_concurrent=1"});
  const Client client(server->address());
  EXPECT_EQ(Analyze(client, ForPath(WriteSparse("sparse"))).status().code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(Analyze(client, ForPath(Write("abc", "abc"))).ok());
}

TEST_F(BinaryHasherTest, SigtermEndsItWithZeroWhateverItHashes) {
  const auto server = Start({"--max_file_size=16GiB", "--max_concurrent=1"});
  const Client client(server->address());
  const base::Thread caller("caller", [&](const std::stop_token&) {
    EXPECT_EQ(Analyze(client, ForPath(WriteSparse("sparse"))).status().code(),
              absl::StatusCode::kUnavailable);
  });
  // Nothing else tells that it has begun.
  while (server->Metrics().find("daemoneye_analyses_running 1\n") == std::string::npos) {
    ASSERT_EQ(client.Health(""), "SERVING");
  }
  EXPECT_LE(server->Terminate(),
            testing_support::IsInstrumented() ? absl::Seconds(10) : absl::Seconds(1));
  EXPECT_FALSE(fs::exists(directory_.File("h")));
}

TEST_F(BinaryHasherTest, PromtoolFindsNothing) {
  if (!fs::exists(kPromtool)) GTEST_SKIP() << "promtool is not installed";
  const auto server = Start({});
  const std::string page = server->Metrics();
  const Ended ended = RunToEnd(
      {.argv = {"/bin/sh", "-c", "exec promtool check metrics <" + directory_.Write("page", page)},
       .environment = {},
       .user = {}});
  EXPECT_EQ(ended.code, 0) << ended.output;
  EXPECT_THAT(ended.output, IsEmpty());
  for (const char* name :
       {"daemoneye_hashed_bytes_total 0\n", "daemoneye_hash_cache_misses_total 0\n",
        "daemoneye_queue_capacity{queue=\"analyses\"} 1000\n", "daemoneye_analysis_seconds",
        "daemoneye_build_info", "daemoneye_config_generation 1\n",
        "\nprocess_resident_memory_bytes"}) {
    EXPECT_THAT(page, HasSubstr(name));
  }
  EXPECT_THAT(page, Not(HasSubstr("daemoneye_ring_bytes"))) << "it has no bus";
}

TEST_F(BinaryHasherTest, ItsFlagsAreCheckedAndPrinted) {
  const auto run = [&](std::vector<std::string> flags) {
    flags.insert(flags.begin(), {kHasher, "--config="});
    return RunToEnd({.argv = std::move(flags), .environment = {}, .user = {}});
  };
  EXPECT_EQ(run({"--check_config"}).code, 0);
  const Ended printed = run({"--print_config"});
  EXPECT_THAT(printed.output,
              AllOf(HasSubstr("/usr"), HasSubstr("max_file_size: "), HasSubstr("baseline: "),
                    HasSubstr("unix:///run/daemoneye/binary-hasher.sock"),
                    HasSubstr("127.0.0.1:9468"), Not(HasSubstr("ring_bytes"))));
  const std::string bad = directory_.Write("bad", "nonsense\n");
  for (const auto& [flag, named] : std::vector<std::pair<std::string, std::string>>{
           {"--roots=usr", "roots: usr is no absolute path"},
           {"--baseline=" + directory_.File("none"), "baseline: "},
           {"--baseline=" + bad, "baseline: line 1: "},
           {"--ring_bytes=1MiB", "ring_bytes"},
           {"--max_concurrent=0", "max_concurrent"}}) {
    const Ended ended = run({flag, "--check_config"});
    EXPECT_EQ(ended.code, 2) << flag;
    EXPECT_THAT(ended.output, HasSubstr(named));
  }
}

TEST_F(BinaryHasherTest, AHangupReadsTheBaselineAgain) {
  const std::string path = Write("abc", "abc");
  const std::string digest = testing_support::Sha256OfFile(path);
  const std::string baseline =
      directory_.Write("baseline", std::string(64, '0') + "  " + path + "\n");
  const auto server = Start({"--baseline=" + baseline});
  const Client client(server->address());
  EXPECT_EQ(Analyze(client, ForPath(path))->result().verdict(), v1::ANALYSIS_VERDICT_SUSPICIOUS);
  directory_.Write("baseline", digest + "  " + path + "\n");
  server->Signal(SIGHUP);
  ASSERT_TRUE(server->AwaitLine({"configuration reloaded"}).has_value());
  EXPECT_EQ(Analyze(client, ForPath(path))->result().verdict(), v1::ANALYSIS_VERDICT_CLEAN);
  directory_.Write("baseline", "nonsense\n");
  server->Signal(SIGHUP);
  ASSERT_TRUE(server->AwaitLine({"configuration not reloaded", "baseline"}).has_value());
  EXPECT_EQ(Analyze(client, ForPath(path))->result().verdict(), v1::ANALYSIS_VERDICT_CLEAN);
}

TEST_F(BinaryHasherTest, NobodyHashesWhatEverybodyMayReadAndNothingElse) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
  // Where nobody may read it: the build's folder is root's.
  fs::copy_file(kHasher, directory_.File("hasher"));
  fs::permissions(directory_.path(),
                  fs::perms::owner_all | fs::perms::others_exec | fs::perms::others_read);
  ASSERT_EQ(::chown(directory_.File("n").c_str(), kNobody, kNobody), 0);
  ASSERT_EQ(::chmod(directory_.File("root").c_str(), 0755), 0);
  Server server(directory_.File("hasher"), directory_.Socket("n/h"),
                {"--roots=" + directory_.File("root")}, kNobody);
  const Client client(server.Ready().address());
  EXPECT_TRUE(server.output().find("CAP_SYS_PTRACE") != std::string::npos);
  ASSERT_EQ(::chmod(Write("open", "abc").c_str(), 0644), 0);
  ASSERT_EQ(::chmod(Write("secret", "abc").c_str(), 0600), 0);
  EXPECT_TRUE(Analyze(client, ForPath(InRoot("open"))).ok());
  EXPECT_EQ(Analyze(client, ForPath(InRoot("secret"))).status(),
            Analyze(client, ForPath(InRoot("none"))).status());
  v1::AnalyzeRequest others;
  others.set_analysis_type(v1::ANALYSIS_TYPE_BINARY_HASH);
  others.mutable_target()->set_pid(static_cast<uint32_t>(::getpid()));
  EXPECT_EQ(Analyze(client, others).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace daemoneye
