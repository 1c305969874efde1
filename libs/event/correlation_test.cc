#include "libs/event/correlation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/event/uuid.h"

namespace daemoneye::event {
namespace {

using ::testing::HasSubstr;

TEST(CorrelationTest, ChildrenKeepParentAndRoot) {
  v1::Correlation root;
  root.set_correlation_id("a");
  root.set_trace_id(std::string(32, '1'));
  root.set_workflow_stage("collect");
  const v1::Correlation child = ChildOf(root, "b");
  EXPECT_EQ(child.correlation_id(), "b");
  EXPECT_EQ(child.parent_id(), "a");
  EXPECT_EQ(child.root_id(), "a");
  const v1::Correlation grandchild = ChildOf(child, "c");
  EXPECT_EQ(grandchild.parent_id(), "b");
  EXPECT_EQ(grandchild.root_id(), "a");
  EXPECT_EQ(grandchild.trace_id(), root.trace_id());
  EXPECT_EQ(grandchild.workflow_stage(), "collect");
  EXPECT_EQ(RootOf(root), "a");
  EXPECT_EQ(ChildOf(root, std::string(300, 'x')).correlation_id().size(), 256u);
}

TEST(CorrelationTest, BoundsAreNamed) {
  v1::Correlation good;
  good.set_correlation_id(std::string(256, 'x'));
  good.set_workflow_stage(std::string(128, 'x'));
  good.set_trace_id("0123456789abcdef0123456789abcdef");
  for (int i = 0; i < 64; ++i) (*good.mutable_tags())[std::to_string(i)] = "v";
  EXPECT_TRUE(ValidateCorrelation(good).ok());
  const auto error = [&good](auto change) {
    v1::Correlation bad = good;
    change(bad);
    return std::string(ValidateCorrelation(bad).message());
  };
  EXPECT_THAT(error([](auto& c) { c.mutable_correlation_id()->push_back('x'); }),
              HasSubstr("correlation.correlation_id: 257 bytes, at most 256"));
  EXPECT_THAT(error([](auto& c) { c.set_parent_id(std::string(257, 'x')); }),
              HasSubstr("correlation.parent_id"));
  EXPECT_THAT(error([](auto& c) { c.set_root_id(std::string(257, 'x')); }),
              HasSubstr("correlation.root_id"));
  EXPECT_THAT(error([](auto& c) { c.mutable_workflow_stage()->push_back('x'); }),
              HasSubstr("correlation.workflow_stage: 129"));
  EXPECT_THAT(error([](auto& c) { c.set_trace_id("XYZ"); }), HasSubstr("correlation.trace_id"));
  EXPECT_THAT(error([](auto& c) { c.set_span_id("123"); }), HasSubstr("correlation.span_id"));
  EXPECT_THAT(error([](auto& c) { (*c.mutable_tags())["more"] = ""; }),
              HasSubstr("correlation.tags: 65 entries"));
}

TEST(CorrelationTest, EveryEventGetsAnIdAndKeepsTheOneItHas) {
  Event event;
  EnsureCorrelationId(event, "fallback");
  EXPECT_EQ(event.correlation().correlation_id(), "fallback");
  event.mutable_process()->set_process_key("key");
  EnsureCorrelationId(event, "other");
  EXPECT_EQ(event.correlation().correlation_id(), "fallback");
  event.clear_correlation();
  EnsureCorrelationId(event, "other");
  EXPECT_EQ(event.correlation().correlation_id(), "key");
  event.Clear();
  event.mutable_network()->set_connection_id(std::string(300, 'c'));
  EnsureCorrelationId(event, "other");
  EXPECT_EQ(event.correlation().correlation_id(), std::string(256, 'c'));
}

TEST(UuidTest, AreWellFormedAndDiffer) {
  const std::string uuid = NewUuid();
  EXPECT_TRUE(IsUuid(uuid)) << uuid;
  EXPECT_EQ(uuid[14], '4');
  EXPECT_THAT(std::string("89ab"), HasSubstr(uuid.substr(19, 1)));
  EXPECT_NE(uuid, NewUuid());
  EXPECT_FALSE(IsUuid(uuid.substr(1)));
  EXPECT_FALSE(IsUuid(std::string(36, 'a')));
}

}  // namespace
}  // namespace daemoneye::event
