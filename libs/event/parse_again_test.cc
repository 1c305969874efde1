#include "libs/event/parse_again.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "libs/event/random_event.h"

namespace daemoneye::event {
namespace {

// Equal for equal events: maps in order, presence of empty submessages, NaN as any other bits.
std::string BytesOf(const Event& event) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream out(&stream);
    out.SetSerializationDeterministic(true);
    event.SerializeToCodedStream(&out);
  }
  return bytes;
}

TEST(ParseAgainTest, MakesOfAUsedEventWhatParsingMakesOfANewOne) {
  std::mt19937_64 random(7);
  Event used;
  for (int i = 0; i < 3000; ++i) {
    // Of one kind for a while, so that payloads are used again, too.
    const auto kind = static_cast<v1::EventKind>(1 + i / 10 % 6);
    const std::string bytes =
        RandomEvent(random, {.kind = kind, .field_probability = 0.7}).SerializeAsString();
    Event fresh;
    ASSERT_TRUE(fresh.ParseFromString(bytes));
    ASSERT_TRUE(ParseAgain(bytes, used));
    ASSERT_EQ(BytesOf(fresh), BytesOf(used)) << used.DebugString();
  }
}

TEST(ParseAgainTest, AgreesWithParsingAboutBytesThatWereChanged) {
  std::mt19937_64 random(8);
  Event used;
  int refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = RandomEvent(random, {.max_text_characters = 3}).SerializeAsString();
    if (bytes.empty()) continue;
    bytes[random() % bytes.size()] = static_cast<char>(random());
    if (i % 3 == 0) bytes.resize(random() % bytes.size());
    Event fresh;
    const bool parses = fresh.ParseFromString(bytes);
    refused += !parses;
    ASSERT_EQ(ParseAgain(bytes, used), parses) << i;
    if (!parses) continue;
    ASSERT_EQ(BytesOf(fresh), BytesOf(used)) << used.DebugString();
  }
  EXPECT_GT(refused, 1000);
}

TEST(ParseAgainTest, ACopyIntoAUsedEventIsACopy) {
  std::mt19937_64 random(9);
  Event used;
  for (int i = 0; i < 2000; ++i) {
    const auto kind = static_cast<v1::EventKind>(1 + i / 10 % 6);
    const Event event = RandomEvent(random, {.kind = kind, .field_probability = 0.7});
    CopyAgain(event, used);
    ASSERT_EQ(BytesOf(event), BytesOf(used)) << used.DebugString();
  }
  const std::string before = BytesOf(used);
  CopyAgain(used, used);
  EXPECT_EQ(BytesOf(used), before);
}

TEST(ParseAgainTest, KeepsWhatTheBytesBringAgain) {
  Event event;
  event.mutable_origin()->set_host("a-host-whose-name-is-long.example.org");
  event.mutable_observed_time()->set_seconds(1);
  event.mutable_process()->set_process_key("a-key-that-does-not-fit-into-the-object");
  const std::string bytes = event.SerializeAsString();
  Event used;
  ASSERT_TRUE(ParseAgain(bytes, used));
  const v1::ProcessEvent* const process = &used.process();
  const v1::Origin* const origin = &used.origin();
  const char* const key = used.process().process_key().data();
  ASSERT_TRUE(ParseAgain(bytes, used));
  EXPECT_EQ(&used.process(), process);
  EXPECT_EQ(&used.origin(), origin);
  EXPECT_EQ(used.process().process_key().data(), key);
  ASSERT_TRUE(ParseAgain("", used));
  EXPECT_FALSE(used.has_origin());
  EXPECT_EQ(used.payload_case(), Event::PAYLOAD_NOT_SET);
}

TEST(ParseAgainTest, AFieldOfAnotherWireTypeIsNoSubmessage) {
  Event used;
  used.mutable_origin()->set_host("host");
  // Field 2, origin, as a varint: an unknown field.
  ASSERT_TRUE(ParseAgain(std::string_view("\x10\x01", 2), used));
  EXPECT_FALSE(used.has_origin());
}

}  // namespace
}  // namespace daemoneye::event
