#include "services/collector_gateway/frame_walker.h"

#include <string>
#include <vector>

#include "daemoneye/v1/monitor_service.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace daemoneye::gateway {
namespace {

std::vector<std::string> Walk(std::string_view message, absl::Status* status) {
  FrameWalker walker(message);
  std::vector<std::string> frames;
  while (true) {
    const auto frame = walker.Next();
    *status = frame.status();
    if (!frame.ok() || !frame->has_value()) return frames;
    frames.emplace_back(**frame);
  }
}

TEST(FrameWalkerTest, FindsEveryEventOfARealMessageAndPassesOverTheRest) {
  v1::StreamEventBatchesResponse message;
  std::vector<std::string> expected;
  for (uint64_t i = 1; i <= 300; ++i) {
    v1::CollectionEvent& event = *message.add_events();
    event.set_sequence(i);
    event.mutable_process()->set_name(std::string(i, 'x'));
    expected.push_back(event.SerializeAsString());
  }
  message.set_stream_id("an id");
  absl::Status status;
  EXPECT_EQ(Walk(message.SerializeAsString(), &status), expected);
  EXPECT_TRUE(status.ok()) << status;
}

TEST(FrameWalkerTest, SaysWhatIsBrokenAndKeepsWhatStoodBefore) {
  v1::StreamEventBatchesResponse message;
  message.add_events()->set_sequence(7);
  const std::string good = message.SerializeAsString();
  const struct {
    std::string tail;
    const char* what;
  } cases[] = {
      {"\x80", "cut in a tag"},
      {std::string("\x10\xff", 2), "cut in a varint"},
      {std::string("\x0a\xff", 2), "cut in a length"},
      {std::string("\x0a\x05xy", 4), "longer than the message"},
      {"\x0b", "unknown wire type"},
      {std::string("\x09\x01", 2), "longer than the message"},
  };
  for (const auto& c : cases) {
    absl::Status status;
    EXPECT_EQ(Walk(good + c.tail, &status).size(), 1u) << c.what;
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << c.what;
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr(c.what));
  }
}

TEST(FrontSequenceTest, ReadsOnlyALeadingSequence) {
  v1::CollectionEvent event;
  event.set_sequence(0x0102030405060708);
  EXPECT_EQ(FrontSequence(event.SerializeAsString()), 0x0102030405060708u);
  event.clear_sequence();
  event.set_source("x");
  EXPECT_EQ(FrontSequence(event.SerializeAsString()), std::nullopt);
  EXPECT_EQ(FrontSequence(""), std::nullopt);
  EXPECT_EQ(FrontSequence("\x09\x01"), std::nullopt);
}

}  // namespace
}  // namespace daemoneye::gateway
