#include "libs/storage/sqlite/key_filter.h"

#include <gtest/gtest.h>

#include <string>

namespace daemoneye::storage {
namespace {

TEST(KeyFilterTest, HoldsEveryKeyOfAFullBlockAndFewOthers) {
  KeyFilter filter;
  const auto key = [](size_t i) { return "c0ffee-4026531836-" + std::to_string(i); };
  for (size_t i = 0; i < KeyFilter::kMaxEvents; ++i) {
    v1::CollectionEvent event;
    event.mutable_process()->set_process_key(key(i));
    event.mutable_process()->set_name("name-" + std::to_string(i));
    filter.Add(event);
  }
  size_t seem = 0;
  for (size_t i = 0; i < KeyFilter::kMaxEvents; ++i) {
    const std::string name = "name-" + std::to_string(i);
    EXPECT_TRUE(KeyFilter::MayHold(filter.bytes(), KeyHash(KeyColumn::kProcessKey, key(i))));
    EXPECT_TRUE(KeyFilter::MayHold(filter.bytes(), KeyHash(KeyColumn::kName, name)));
    seem += KeyFilter::MayHold(filter.bytes(), KeyHash(KeyColumn::kProcessKey, name));
    seem += KeyFilter::MayHold(filter.bytes(), KeyHash(KeyColumn::kProcessKey, key(i + 5000)));
  }
  EXPECT_LT(seem, KeyFilter::kMaxEvents * 2 / 20);
}

TEST(KeyFilterTest, HoldsTheKeyOfEveryKindThatHasAProcess) {
  v1::CollectionEvent events[3];
  events[0].mutable_network()->set_process_key("k");
  events[1].mutable_filesystem()->set_process_key("k");
  events[2].mutable_performance()->set_process_key("k");
  for (const v1::CollectionEvent& event : events) {
    KeyFilter filter;
    filter.Add(event);
    EXPECT_TRUE(KeyFilter::MayHold(filter.bytes(), KeyHash(KeyColumn::kProcessKey, "k")));
    EXPECT_FALSE(KeyFilter::MayHold(filter.bytes(), KeyHash(KeyColumn::kProcessKey, "l")));
  }
}

TEST(KeyFilterTest, HashesAsTheFilesThatThereAreDo) {
  EXPECT_EQ(KeyHash(KeyColumn::kName, "nginx"), KeyHash(KeyColumn::kName, "nginx"));
  EXPECT_NE(KeyHash(KeyColumn::kName, "nginx"), KeyHash(KeyColumn::kProcessKey, "nginx"));
  EXPECT_TRUE(KeyFilter::MayHold("", 1)) << "a block without a filter may hold everything";
}

}  // namespace
}  // namespace daemoneye::storage
