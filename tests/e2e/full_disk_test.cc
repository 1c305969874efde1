// A data directory on a disk that is full, with the real gateway: it serves, says what it does not
// keep, and keeps it again once there is room.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

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
using testing_support::kEyectl;
using testing_support::kGateway;
using testing_support::kPatience;
using testing_support::kProcmond;
using testing_support::RunToEnd;
using testing_support::Server;
using testing_support::TempDirectory;

constexpr absl::Duration kAskAgain = absl::Milliseconds(100);

// A small disk of its own.
class FullDiskTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: it mounts a small file system";
    std::filesystem::create_directory(disk_);
    if (::mount("none", disk_.c_str(), "tmpfs", 0, "size=8m") != 0) {
      GTEST_SKIP() << "cannot mount a file system here";
    }
    is_mounted_ = true;
  }
  void TearDown() override {
    if (is_mounted_) ::umount2(disk_.c_str(), MNT_DETACH);
  }

  void Fill() const {
    std::ofstream file(disk_ + "/ballast", std::ios::binary);
    const std::string block(4096, 'x');
    while (file.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  std::string Query(const std::string& sql) const {
    return RunToEnd(
               {.argv = {kEyectl, "query", "--address=" + directory_.Socket("g"), "--csv", sql}})
        .output;
  }
  std::string Await(const std::string& sql, const std::string& text) const {
    const absl::Time deadline = absl::Now() + kPatience;
    std::string output;
    while (output.find(text) == std::string::npos && absl::Now() < deadline) {
      output = Query(sql);
      absl::SleepFor(kAskAgain);
    }
    return output;
  }

  TempDirectory directory_;
  const std::string disk_ = directory_.File("disk");
  bool is_mounted_ = false;
};

TEST_F(FullDiskTest, StartsStreamsSaysSoAndKeepsWhatTheRingHoldsOnceThereIsRoom) {
  Fill();
  // The disk is small: scans alone, whatever the machine does beside.
  Server procmond(kProcmond, directory_.Socket("p"), {"--interval=5", "--sources=scan"});
  procmond.Ready();
  Server gateway(kGateway, directory_.Socket("g"),
                 {"--data_dir=" + disk_ + "/data", "--monitors=" + directory_.Socket("p"),
                  "--metrics_address=127.0.0.1:0"});
  gateway.Ready();
  EXPECT_THAT(gateway.output(), HasSubstr("the store cannot be opened yet; streams go on"));
  const Client client(gateway.address());
  testing_support::EventStream stream = client.StreamEvents(testing_support::LiveOnly());
  ASSERT_TRUE(stream.Next().has_value());
  const TestChild child(TestChild::ProgramPath());
  const auto start = stream.Until([&](const v1::CollectionEvent& event) {
    return event.process().pid() == static_cast<uint32_t>(child.pid());
  });
  ASSERT_TRUE(start.has_value());
  const auto status = client.GetStatus();
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_THAT(status->ShortDebugString(), HasSubstr("events are not stored"));
  EXPECT_THAT(gateway.Metrics(), HasSubstr("daemoneye_store_up 0"));
  EXPECT_THAT(Query("SELECT 1"), HasSubstr("RESOURCE_EXHAUSTED"));

  std::filesystem::remove(disk_ + "/ballast");
  const std::string stored =
      Await(fmt::format("SELECT name FROM process_events WHERE origin_stream_id = '{}' AND "
                        "origin_sequence = {}",
                        start->origin().stream_id(), start->origin().sequence()),
            start->process().name());
  EXPECT_THAT(stored, HasSubstr(start->process().name()));
  EXPECT_TRUE(gateway.AwaitLine({"events are stored again"}).has_value());
  EXPECT_THAT(gateway.Metrics(), HasSubstr("daemoneye_store_up 1"));
  // The stored triggers are loaded right behind it.
  std::string told = "stored";
  for (const absl::Time until = absl::Now() + kPatience;
       told.find("stored") != std::string::npos && absl::Now() < until;) {
    told = client.GetStatus()->ShortDebugString();
    absl::SleepFor(kAskAgain);
  }
  EXPECT_THAT(told, Not(HasSubstr("stored")));

  // And once more, while it runs.
  Fill();
  EXPECT_TRUE(gateway.AwaitLine({"events cannot be stored; streams go on"}, 3 * kPatience));
  std::filesystem::remove(disk_ + "/ballast");
  EXPECT_TRUE(gateway.AwaitLine({"events are stored again"}).has_value());
  EXPECT_LE(gateway.Terminate(), absl::Seconds(10));
}

}  // namespace
}  // namespace daemoneye
