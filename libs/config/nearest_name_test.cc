#include "libs/config/nearest_name.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace daemoneye::config {
namespace {

TEST(NearestNameTest, FindsATypingMistakeAndNothingFarAway) {
  const std::vector<std::string> known = {"interval", "ring_bytes", "ring_events", "log_level"};
  EXPECT_EQ(NearestName("intervall", known), "interval");
  EXPECT_EQ(NearestName("intreval", known), "interval");
  EXPECT_EQ(NearestName("ring_byte", known), "ring_bytes");
  EXPECT_EQ(NearestName("loglevel", known), "log_level");
  EXPECT_EQ(NearestName("frobnicate", known), "");
  EXPECT_EQ(NearestName("", known), "");
  EXPECT_EQ(DidYouMean("intervall", known), " (did you mean interval?)");
  EXPECT_EQ(DidYouMean(std::string(1 << 20, 'x'), known), "");
}

}  // namespace
}  // namespace daemoneye::config
