#include "services/collector_gateway/trigger_fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "google/protobuf/text_format.h"
#include "google/protobuf/util/time_util.h"

namespace daemoneye::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

v1::Trigger Parse(const std::string& text) {
  v1::Trigger trigger;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &trigger)) << text;
  return trigger;
}

// "field: message" of the first problem; empty: none.
std::string ProblemOf(const std::string& text, const FieldCheckOptions& options = {}) {
  const auto problems = CheckTriggerFields(Parse(text), options);
  return problems.empty() ? "" : problems[0].field() + ": " + problems[0].message();
}

TEST(TriggerFieldsTest, AcceptsWhatIsWithinBounds) {
  EXPECT_EQ(ProblemOf("id: 'a.B_-9' condition { sql: 'pid = 1' }"), "");
  EXPECT_EQ(ProblemOf("id: 'a' condition { sql: 'x' window { seconds: 3600 } key: 'k' } "
                      "dedup_window { } request_timeout { seconds: 3600 } rate_per_minute: 10000"),
            "");
  EXPECT_EQ(ProblemOf("id: 'a' condition { suspicious_parent_child { } }"), "");
  EXPECT_EQ(ProblemOf("condition { hash_mismatch { } }", {.id_may_be_empty = true}), "");
}

TEST(TriggerFieldsTest, NamesTheFieldThatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"condition { sql: 'x' }", "id: must be"},
      {"id: 'a b' condition { sql: 'x' }", "id: must be"},
      {"id: 'a'", "condition: "},
      {"id: 'a' condition { sql: 'x' window { seconds: 3601 } }", "condition.window: must be"},
  };
  for (const auto& [text, problem] : cases) {
    EXPECT_THAT(ProblemOf(text), HasSubstr(problem)) << text;
  }
}

TEST(TriggerFieldsTest, AFileMayNotSetWhatTheServerSets) {
  EXPECT_TRUE(CheckServersFields(Parse("id: 'a'"), "t[0]").ok());
  for (const char* text : {"etag: 'x'", "effective_sql: 'x'", "suspended: 'x'", "updated_at { }",
                           "muted_until { }", "managed_by: TRIGGER_MANAGER_API"}) {
    EXPECT_THAT(CheckServersFields(Parse(text), "t[0]").message(),
                HasSubstr("is set by the server"));
  }
}

TEST(TriggerFieldsTest, AMuteEnds) {
  const absl::Time now = absl::FromUnixSeconds(1'700'000'000);
  v1::Trigger trigger;
  EXPECT_TRUE(CheckMute(trigger, now).ok());
  trigger.mutable_muted_until()->set_seconds(absl::ToUnixSeconds(now + absl::Hours(24 * 30)));
  EXPECT_TRUE(CheckMute(trigger, now).ok());
  trigger.mutable_muted_until()->set_seconds(absl::ToUnixSeconds(now + absl::Hours(24 * 31)));
  EXPECT_THAT(CheckMute(trigger, now).message(), HasSubstr("at most 30 days"));
  trigger.mutable_muted_until()->set_nanos(-1);
  EXPECT_THAT(CheckMute(trigger, now).message(), HasSubstr("is not a time"));
}

}  // namespace
}  // namespace daemoneye::gateway
