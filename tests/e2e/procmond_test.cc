// procmond as a process of its own, over its unix socket, with this machine's /proc behind it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <map>

#include "libs/linux/procfs/test_child.h"
#include "tests/support/client.h"
#include "tests/support/instrumented.h"
#include "tests/support/processes.h"
#include "tests/support/servers.h"

namespace daemoneye {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;
using testing_support::Client;
using testing_support::EventStream;
using testing_support::kProcmond;
using testing_support::ProcessesOf;
using testing_support::Server;
using testing_support::SnapshotOnly;
using testing_support::TempDirectory;

// What a task may be incomplete for: in a container not even root sees all that runs.
constexpr char kMayNotBeLookedAt[] = "may not be looked at";
constexpr uid_t kNobody = 65534;

class ProcmondTest : public ::testing::Test {
 protected:
  std::unique_ptr<Server> Start(const std::vector<std::string>& flags) {
    auto server = std::make_unique<Server>(kProcmond, directory_.Socket("p"), flags);
    server->Ready();
    return server;
  }

  TempDirectory directory_;
};

TEST_F(ProcmondTest, ASnapshotIsTheMachinesProcessesAndEnds) {
  const auto server = Start({});
  const auto old = ProcessesOf("/proc", absl::Seconds(3));
  EventStream stream = Client(server->address()).StreamEvents(SnapshotOnly());
  const std::vector<v1::CollectionEvent> messages = stream.Rest();
  EXPECT_EQ(stream.Finish(), absl::OkStatus());
  const auto now = ProcessesOf("/proc", absl::ZeroDuration());

  ASSERT_GE(messages.size(), 2u);
  ASSERT_TRUE(messages.front().control().has_stream_started());
  EXPECT_EQ(messages.front().control().stream_started().publisher().monitor(), "procmond");
  ASSERT_TRUE(messages.back().control().has_snapshot_complete());
  const v1::SnapshotComplete& complete = messages.back().control().snapshot_complete();
  EXPECT_EQ(complete.count(), messages.size() - 2);
  EXPECT_GE(complete.total(), complete.count());
  EXPECT_EQ(complete.read(), complete.total());

  std::map<uint32_t, uint64_t> told;
  for (size_t i = 1; i + 1 < messages.size(); ++i) {
    const v1::ProcessEvent& process = messages[i].process();
    EXPECT_EQ(process.action(), v1::PROCESS_ACTION_SNAPSHOT);
    EXPECT_EQ(messages[i].sequence(), 0u);
    EXPECT_EQ(messages[i].origin().monitor(), "procmond");
    const uint64_t ticks = testing_support::StartTicks(process.process_key());
    EXPECT_TRUE(told.emplace(process.pid(), ticks).second) << "twice: " << process.pid();
  }
  for (const auto& [pid, ticks] : old) {
    if (now.contains(pid) && now.at(pid) == ticks) {
      EXPECT_THAT(told, Contains(std::pair(pid, ticks))) << "not told";
    }
  }
  for (const auto& [pid, ticks] : told) {
    EXPECT_TRUE(!now.contains(pid) || now.at(pid) >= ticks) << "told, and never was: " << pid;
  }
}

TEST_F(ProcmondTest, NegotiationGrantsWhatItCanAndNamesWhatItCannot) {
  const auto server = Start({});
  v1::NegotiateCapabilitiesRequest request;
  request.set_client_id("test");
  request.add_required_caps(v1::SOURCE_CAP_PROCESS);
  request.add_required_caps(v1::SOURCE_CAP_NETWORK);
  const auto answer = Client(server->address()).Negotiate(request);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_THAT(answer->granted_caps(),
              AllOf(Contains(v1::SOURCE_CAP_PROCESS), Not(Contains(v1::SOURCE_CAP_NETWORK))));
  ASSERT_EQ(answer->refused_caps_size(), 1);
  EXPECT_EQ(answer->refused_caps(0).cap(), v1::SOURCE_CAP_NETWORK);
  EXPECT_FALSE(answer->refused_caps(0).reason().empty());
  EXPECT_THAT(answer->features(), UnorderedElementsAre(v1::FEATURE_RESUME, v1::FEATURE_BATCHES,
                                                       v1::FEATURE_SNAPSHOT, v1::FEATURE_TASKS));
  ASSERT_EQ(answer->sources_size(), 2);
  EXPECT_EQ(answer->sources(0).name(), "process-exec");
  EXPECT_EQ(answer->sources(1).name(), "process-scan");
  for (const auto& source : answer->sources()) {
    EXPECT_EQ(source.state(), v1::SOURCE_STATE_RUNNING) << source.name();
  }
  EXPECT_EQ(answer->stream_id().size(), 36u);
  EXPECT_GT(answer->limits().max_request_bytes(), 0u);
}

TEST_F(ProcmondTest, StatusTellsSourcesAndWhereEachSettingCameFrom) {
  const auto server = Start({"--interval=7"});
  const auto status = Client(server->address()).GetStatus();
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_TRUE(status->ready());
  std::map<std::string, v1::SourceHealth> sources;
  for (const v1::SourceHealth& source : status->sources()) sources[source.name()] = source;
  EXPECT_GT(sources["process-scan"].last_scan_read(), 1u);
  // Each there could be is told: what it does, or why it is left out.
  for (const char* name : {"process-exec", "process-connector", "process-scan"}) {
    ASSERT_TRUE(sources.contains(name)) << name;
    EXPECT_TRUE(sources[name].state() == v1::SOURCE_STATE_RUNNING ||
                !sources[name].detail().empty())
        << name;
  }
  std::map<std::string, std::string> settings;
  for (const v1::ConfigValue& value : status->config()) {
    settings[value.name()] = value.value() + " by " + value.origin();
  }
  EXPECT_EQ(settings["collection_interval"], "7s by flag");
  EXPECT_EQ(settings["max_processes_per_cycle"], "0 by default");
}

TEST_F(ProcmondTest, EveryHealthNameServesAndAnUnknownOneIsNotFound) {
  const auto server = Start({});
  const Client client(server->address());
  for (const char* name : {"", "daemoneye.v1.MonitorService", "liveness", "readiness"}) {
    EXPECT_EQ(client.Health(name), "SERVING") << name;
  }
  EXPECT_EQ(client.Health("daemoneye.v1.NoSuchService"), "NOT_FOUND");
}

TEST_F(ProcmondTest, ReflectionListsAndDescribesEveryService) {
  const auto server = Start({});
  const Client client(server->address());
  const std::string list = client.Reflect("list_services", "");
  for (const char* name : {"daemoneye.v1.MonitorService", "grpc.health.v1.Health",
                           "grpc.reflection.v1alpha.ServerReflection"}) {
    EXPECT_THAT(list, HasSubstr(name));
    EXPECT_THAT(client.Reflect("file_containing_symbol", name), HasSubstr("file_descriptor_proto"));
  }
}

TEST_F(ProcmondTest, TheSeedsOwnLineRunsAndHashesCome) {
  const auto server = Start(
      {"--interval", "60", "--max_processes", "500", "--enhanced_metadata", "--compute_hashes"});

  // With the snapshot when it is known by then, else in a MODIFIED behind it. Any process will do:
  // a scan reads 500, and there may be more.
  EventStream stream = Client(server->address()).StreamEvents({});
  const auto hashed = stream.Until([](const v1::CollectionEvent& event) {
    return event.process().has_executable_hash() &&
           event.process().executable_path().starts_with("/usr/bin/");
  });
  ASSERT_TRUE(hashed.has_value());
  EXPECT_EQ(hashed->process().executable_hash(),
            testing_support::Sha256OfFile(hashed->process().executable_path()));
  EXPECT_EQ(hashed->process().hash_algorithm(), "sha256");
  if (hashed->process().action() == v1::PROCESS_ACTION_MODIFIED) {
    EXPECT_THAT(hashed->process().modified_fields(), Contains("executable_hash"));
  }

  const procfs::TestChild child(procfs::TestChild::ProgramPath());
  v1::ExecuteTaskRequest task;
  task.set_task_id("h");
  task.set_type(v1::TASK_TYPE_CHECK_PROCESS_HASH);
  task.mutable_filter()->add_pids(static_cast<uint32_t>(child.pid()));
  const auto answer = Client(server->address()).ExecuteTask(task);
  ASSERT_EQ(answer.status, absl::OkStatus());
  ASSERT_EQ(answer.records.size(), 1u);
  EXPECT_EQ(answer.records[0].process().executable_hash(),
            testing_support::Sha256OfFile(procfs::TestChild::ProgramPath()));
  ASSERT_TRUE(answer.summary.has_value());
  EXPECT_THAT(answer.summary->completeness().reasons(), Each(HasSubstr(kMayNotBeLookedAt)));
}

TEST_F(ProcmondTest, AStartAndAnEndBetweenTwoScansAreToldWithOneKey) {
  const auto server = Start({"--interval=5", "--sources=scan"});
  EventStream stream = Client(server->address()).StreamEvents({});
  stream.Until([](const auto& event) { return event.control().has_snapshot_complete(); });

  auto child = std::make_unique<procfs::TestChild>(procfs::TestChild::ProgramPath(),
                                                   std::vector<std::string>{"name=e2e-visitor"});
  const auto pid = static_cast<uint32_t>(child->pid());
  const auto start = stream.Until([&](const v1::CollectionEvent& event) {
    return event.process().pid() == pid && event.process().action() == v1::PROCESS_ACTION_START;
  });
  child.reset();
  const auto stop = stream.Until([&](const v1::CollectionEvent& event) {
    return event.process().pid() == pid && event.process().action() == v1::PROCESS_ACTION_STOP;
  });
  ASSERT_TRUE(start.has_value() && stop.has_value());
  EXPECT_EQ(start->process().name(), "e2e-visitor");
  EXPECT_EQ(start->process().ppid(), static_cast<uint32_t>(::getpid()));
  EXPECT_TRUE(start->process().first_image());
  EXPECT_EQ(start->process().process_key(), stop->process().process_key());
  EXPECT_GT(stop->sequence(), start->sequence());
  EXPECT_GE(stop->process().runtime().seconds(), 1);
}

TEST_F(ProcmondTest, AnIdleOneTakesLittleMemory) {
  if (testing_support::IsInstrumented()) GTEST_SKIP() << "a sanitizer's memory is not its own";
  const auto server = Start({});
  // Until then the kernel's types are read, which takes more.
  ASSERT_TRUE(server->AwaitLine({" started took="}).has_value());
  EXPECT_LT(server->AnonymousBytes(), 15u << 20);
}

TEST_F(ProcmondTest, RootAndNobodyComputeTheSameKeys) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can run procmond as nobody";
  std::filesystem::copy_file(kProcmond, directory_.File("procmond"));
  std::filesystem::permissions(directory_.path(), std::filesystem::perms(0755));
  std::filesystem::create_directory(directory_.File("n"));
  ASSERT_EQ(::chown(directory_.File("n").c_str(), kNobody, kNobody), 0);
  const procfs::TestChild child(procfs::TestChild::ProgramPath());

  Server by_root(kProcmond, directory_.Socket("p"), {});
  Server by_nobody(directory_.File("procmond"), directory_.Socket("n/p"), {}, kNobody);
  std::vector<std::string> keys;
  for (Server* server : {&by_root, &by_nobody}) {
    EventStream stream = Client(server->Ready().address()).StreamEvents(SnapshotOnly());
    const auto found = stream.Until([&](const v1::CollectionEvent& event) {
      return event.process().pid() == static_cast<uint32_t>(child.pid());
    });
    ASSERT_TRUE(found.has_value());
    keys.push_back(found->process().process_key());
    EXPECT_EQ(found->process().accessible(), server == &by_root);
  }
  EXPECT_EQ(keys[0], keys[1]);
}

}  // namespace
}  // namespace daemoneye
