#include "libs/linux/bpf/bpf_support.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace daemoneye::bpf {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

BpfSupport Everything() {
  BpfSupport support;
  support.has_btf = true;
  support.has_cap_bpf = true;
  support.has_cap_perfmon = true;
  support.is_in_initial_user_namespace = true;
  return support;
}

TEST(BpfSupportTest, NothingStandsAgainstAProcessWithBothCapabilities) {
  EXPECT_TRUE(Everything().Check().ok());
  BpfSupport support = Everything();
  support.lockdown = "integrity";
  EXPECT_TRUE(support.Check().ok());
}

TEST(BpfSupportTest, SysAdminIsBoth) {
  BpfSupport support = Everything();
  support.has_cap_bpf = support.has_cap_perfmon = false;
  support.has_cap_sys_admin = true;
  EXPECT_TRUE(support.Check().ok());
}

TEST(BpfSupportTest, NamesWhatIsMissing) {
  BpfSupport support = Everything();
  support.has_cap_perfmon = false;
  EXPECT_EQ(support.Check().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(support.Check().message()), HasSubstr("cap_perfmon"));
  EXPECT_THAT(std::string(support.Check().message()), Not(HasSubstr("cap_bpf")));
  support.lockdown = "confidentiality";
  EXPECT_THAT(std::string(support.Check().message()), HasSubstr("lockdown"));
  support.is_in_initial_user_namespace = false;
  EXPECT_EQ(support.Obstacles().size(), 3u);
}

TEST(BpfSupportTest, AKernelWithoutTypesCannot) {
  BpfSupport support = Everything();
  support.has_btf = false;
  support.has_cap_bpf = false;
  EXPECT_EQ(support.Check().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(support.Check().message()), HasSubstr("CONFIG_DEBUG_INFO_BTF"));
  EXPECT_THAT(std::string(support.Check().message()), HasSubstr("cap_bpf"));
}

TEST(BpfSupportTest, ReadsThisMachine) {
  const BpfSupport support = ReadBpfSupport();
  EXPECT_FALSE(support.kernel_release.empty());
  EXPECT_NE(support.pid_namespace_inode, 0u);
}

}  // namespace
}  // namespace daemoneye::bpf
