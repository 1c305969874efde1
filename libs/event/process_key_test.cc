#include "libs/event/process_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace daemoneye::event {
namespace {

constexpr std::string_view kBootId = "0123abcd-4567-89ef-0123-456789abcdef";

TEST(ProcessKeyTest, IsBootIdNamespacePidAndStart) {
  const auto space = MakeProcessKeySpace(kBootId, 4026531836);
  ASSERT_TRUE(space.ok());
  EXPECT_EQ(FormatProcessKey({*space, 42, 123456}), "0123abcd456789ef-4026531836-42-123456");
}

TEST(ProcessKeyTest, SurvivesFormatAndParse) {
  for (const ProcessKey& key :
       {ProcessKey{}, ProcessKey{{1, 2}, 3, 4}, ProcessKey{{~0ull, ~0ull}, ~0u, ~0ull}}) {
    EXPECT_EQ(ParseProcessKey(FormatProcessKey(key)), key);
  }
}

TEST(ProcessKeyTest, RefusesWhatItDoesNotWrite) {
  for (const std::string_view text :
       {"", "-", "0123abcd456789ef", "0123abcd456789ef-1-2", "0123abcd456789ef-1-2-",
        "0123ABCD456789EF-1-2-3", "0123abcd456789ef-01-2-3", "0123abcd456789ef-1-+2-3",
        "0123abcd456789ef-1-2-3 ", "0123abcd456789ef-1-4294967296-3", "0123abcd456789ef-1--2-3",
        "0123abcd456789ef-1-2-3-4"}) {
    EXPECT_EQ(ParseProcessKey(text), std::nullopt) << text;
  }
}

TEST(ProcessKeyTest, RefusesABootIdThatIsNoUuid) {
  for (const std::string_view text : {"", "0123", "0123abcd-4567-89ef-0123-456789abcdeg",
                                      "0123abcd-4567-89ef-0123-456789abcdef0"}) {
    EXPECT_EQ(MakeProcessKeySpace(text, 1).status().code(), absl::StatusCode::kInvalidArgument)
        << text;
  }
}

}  // namespace
}  // namespace daemoneye::event
