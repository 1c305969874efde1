#include "libs/linux/privilege/capability_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace daemoneye::privilege {
namespace {

using ::testing::ElementsAre;

TEST(CapabilitySetTest, NamesAreThoseOfTheManual) {
  const CapabilitySet all = {Capability::kDacReadSearch,  Capability::kSetpcap,
                             Capability::kNetBindService, Capability::kNetAdmin,
                             Capability::kSysPtrace,      Capability::kSysAdmin,
                             Capability::kPerfmon,        Capability::kBpf};
  EXPECT_THAT(all.Names(), ElementsAre("cap_dac_read_search", "cap_setpcap", "cap_net_bind_service",
                                       "cap_net_admin", "cap_sys_ptrace", "cap_sys_admin",
                                       "cap_perfmon", "cap_bpf"));
  EXPECT_EQ(CapabilitySet().ToString(), "none");
  EXPECT_EQ((CapabilitySet{Capability::kBpf, Capability::kPerfmon}).ToString(),
            "cap_perfmon,cap_bpf");
}

TEST(CapabilitySetTest, OneThatIsNotKnownIsItsNumber) {
  EXPECT_EQ(CapabilitySet(uint64_t{1} << 63).ToString(), "63");
}

TEST(CapabilitySetTest, HasTheOperationsOfASet) {
  const CapabilitySet both = {Capability::kBpf, Capability::kPerfmon};
  const CapabilitySet one = {Capability::kBpf};
  EXPECT_EQ(both - one, CapabilitySet{Capability::kPerfmon});
  EXPECT_EQ(both & one, one);
  EXPECT_EQ((both - one) | one, both);
  EXPECT_TRUE((one - both).empty());
  EXPECT_TRUE(both.Contains(Capability::kPerfmon));
  EXPECT_FALSE(one.Contains(Capability::kPerfmon));
}

}  // namespace
}  // namespace daemoneye::privilege
