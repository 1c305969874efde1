#include "libs/sources/process/suspicion_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>
#include <vector>

namespace daemoneye::process {
namespace {

using ::testing::ElementsAreArray;

ProcessFacts Daemon() {
  return {.pid = 42,
          .start_ticks = 1000,
          .layout = 7,
          .image = {.device = 1, .inode = 2, .mode = S_IFREG | 0755},
          .executable = "/usr/sbin/daemon"};
}

struct RuleCase {
  std::string_view name;
  // Changes to what was, what is, and what is around it.
  void (*arrange)(ProcessFacts& previous, ProcessFacts& current, RuleContext& context);
  // "rule severity" of what is found.
  std::vector<std::string> expected;
};

class SuspicionRulesTest : public testing::TestWithParam<RuleCase> {};

TEST_P(SuspicionRulesTest, FindsExactlyWhatIsOdd) {
  ProcessFacts previous = Daemon(), current = Daemon();
  RuleContext context{.now_ticks = 100'000, .ticks_per_second = 100};
  GetParam().arrange(previous, current, context);
  std::vector<std::string> found;
  for (const Suspicion& suspicion : CheckAll(&previous, current, context)) {
    EXPECT_FALSE(suspicion.reason.empty());
    found.push_back(std::string(RuleName(suspicion.rule)) + " " +
                    v1::Severity_Name(suspicion.severity));
  }
  EXPECT_THAT(found, ElementsAreArray(GetParam().expected));
}

#define ARRANGE [](ProcessFacts & was, ProcessFacts & is, RuleContext & around)
#define UNUSED static_cast<void>(was), static_cast<void>(is), static_cast<void>(around)

INSTANTIATE_TEST_SUITE_P(
    Cases, SuspicionRulesTest,
    testing::Values(
        RuleCase{"Nothing", ARRANGE { UNUSED;
}  // namespace
, {}
}  // namespace daemoneye::process
, RuleCase{"AnotherImageUnderTheSameLayout", ARRANGE{UNUSED;
is.image.inode = 3;
}
, {"executable_changed SEVERITY_HIGH"}
}
, RuleCase{"AnotherImageByExec", ARRANGE{UNUSED;
is.image.inode = 3;
is.layout = 8;
}
, {}
}
, RuleCase{"AnotherImageWhereTheLayoutIsNotVisible", ARRANGE{UNUSED;
is.image.inode = 3;
was.layout = is.layout = 0;
}
, {}
}
, RuleCase{"TheImageWasMovedOnDisk", ARRANGE{UNUSED;
is.executable = "/usr/sbin/daemon.old";
}
, {}
}
, RuleCase{"StartWithinTheClocksResolution", ARRANGE{UNUSED;
is.start_ticks = around.now_ticks + 100;
}
, {}
}
, RuleCase{"StartInTheFuture", ARRANGE{UNUSED;
is.start_ticks = around.now_ticks + 101;
}
, {"start_in_future SEVERITY_HIGH"}
}
, RuleCase{"UpForYears", ARRANGE{UNUSED;
around.now_ticks = 100ull * 86'400 * 3650;
}
, {}
}
, RuleCase{"StartWithItsParent", ARRANGE{UNUSED;
around.parent_start_ticks = 1000;
}
, {}
}
, RuleCase{"StartBeforeItsParent", ARRANGE{UNUSED;
around.parent_start_ticks = 1001;
}
, {"start_inconsistent SEVERITY_LOW"}
}
, RuleCase{"ReplacedOnDisk", ARRANGE{UNUSED;
is.is_mismatched = true;
}
, {"executable_replaced SEVERITY_MEDIUM"}
}
, RuleCase{"ReplacedByAPackage", ARRANGE{UNUSED;
is.is_mismatched = around.is_from_package = true;
}
, {"executable_replaced SEVERITY_LOW"}
}
, RuleCase{"ReplacedWhileAPackageManagerWorks", ARRANGE{UNUSED;
is.is_mismatched = around.is_package_manager_busy = true;
}
, {}
}
, RuleCase{"Memfd", ARRANGE{UNUSED;
is.is_memfd = true;
is.executable = "/memfd:x";
}
, {"memfd_executable SEVERITY_HIGH"}
}
, RuleCase{"MemfdUnderAContainerRuntime", ARRANGE{UNUSED;
is.is_memfd = around.has_runtime_parent = true;
}
, {}
}
, RuleCase{"SealedMemfdOfInit", ARRANGE{UNUSED;
is.is_memfd = around.is_sealed_child_of_init = true;
}
, {}
}
, RuleCase{"InTmp", ARRANGE{UNUSED;
is.executable = "/tmp/x";
}
, {"temporary_directory SEVERITY_MEDIUM"}
}
, RuleCase{"InSharedMemory", ARRANGE{UNUSED;
is.executable = "/dev/shm/x";
}
, {"temporary_directory SEVERITY_MEDIUM"}
}
, RuleCase{"InADirectoryThatOnlyBeginsSo", ARRANGE{UNUSED;
is.executable = "/tmpx/x";
}
, {}
}
, RuleCase{"SetuidOfTheSystem", ARRANGE{UNUSED;
is.executable = "/usr/bin/sudo";
is.image.mode |= S_ISUID;
}
, {}
}
, RuleCase{"SetuidElsewhere", ARRANGE{UNUSED;
is.executable = "/home/u/sudo";
is.image.mode |= S_ISUID;
}
, {"setuid_outside_system SEVERITY_HIGH"}
}
, RuleCase{"SetuidInTmpIsTwoThings", ARRANGE{UNUSED;
is.executable = "/tmp/sudo";
is.image.mode |= S_ISUID;
}
, {"temporary_directory SEVERITY_MEDIUM", "setuid_outside_system SEVERITY_HIGH"}
}),
    [](const auto& info) {
  return std::string(info.param.name); });

TEST(SuspicionRulesReasonTest, ShowsHostilePathsBoundedAndPrintable) {
  ProcessFacts current = Daemon();
  const std::string path = "/tmp/\x1b[2J\xff" + std::string(5000, 'x');
  current.executable = path;
  const auto suspicion = CheckTemporaryDirectory(current);
  ASSERT_TRUE(suspicion.has_value());
  EXPECT_LT(suspicion->reason.size(), 512u);
  EXPECT_EQ(suspicion->reason.find('\x1b'), std::string::npos);
}

TEST(ContainerRuntimeTest, IsKnownByItsPathNotByItsName) {
  for (const std::string_view path :
       {"/usr/bin/runc", "/usr/sbin/runc", "/usr/bin/crun", "/usr/bin/containerd-shim-runc-v2",
        "/usr/bin/conmon", "/var/lib/rancher/k3s/data/current/bin/containerd"}) {
    EXPECT_TRUE(IsContainerRuntime(path)) << path;
  }
  for (const std::string_view path : {"", "runc", "/tmp/runc", "/home/u/runc", "/usr/bin/runcx"}) {
    EXPECT_FALSE(IsContainerRuntime(path)) << path;
  }
}

}  // namespace
}  // namespace daemoneye::process
