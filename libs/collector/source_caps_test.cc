#include "libs/collector/source_caps.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace daemoneye::collector {
namespace {

TEST(SourceCapsTest, FlagsAndEnumValuesAreTheSameInBothDirections) {
  EXPECT_EQ(CapOf(v1::SOURCE_CAP_PROCESS), SourceCaps::kProcess);
  EXPECT_EQ(CapOf(v1::SOURCE_CAP_SYSTEM_WIDE), SourceCaps::kSystemWide);
  EXPECT_EQ(CapOf(v1::SOURCE_CAP_UNSPECIFIED), SourceCaps::kNone);
  EXPECT_EQ(CapOf(static_cast<v1::SourceCap>(99)), SourceCaps::kNone);
  EXPECT_THAT(CapList(SourceCaps::kProcess | SourceCaps::kRealtime | SourceCaps::kSystemWide),
              testing::ElementsAre(v1::SOURCE_CAP_PROCESS, v1::SOURCE_CAP_REALTIME,
                                   v1::SOURCE_CAP_SYSTEM_WIDE));
  EXPECT_TRUE(CapList(SourceCaps::kNone).empty());
}

}  // namespace
}  // namespace daemoneye::collector
