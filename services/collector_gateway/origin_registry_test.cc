#include "services/collector_gateway/origin_registry.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace daemoneye::gateway {
namespace {

v1::Publisher Publisher(const std::string& stream_id) {
  v1::Publisher publisher;
  publisher.set_stream_id(stream_id);
  publisher.set_monitor("procmond");
  publisher.set_host("h");
  return publisher;
}

TEST(OriginRegistryTest, TheFirstToClaimAStreamHasItUntilItLetsGo) {
  OriginRegistry registry([](const v1::Publisher&) {});
  EXPECT_TRUE(registry.Claim(1, Publisher("a")));
  EXPECT_TRUE(registry.Claim(1, Publisher("a"))) << "again";
  EXPECT_FALSE(registry.Claim(2, Publisher("a")));
  EXPECT_EQ(registry.Find(2, "a"), nullptr);
  registry.Release(1);
  EXPECT_EQ(registry.Holder("a"), std::nullopt);
  EXPECT_TRUE(registry.Claim(2, Publisher("a")));
}

TEST(OriginRegistryTest, ALinkThatClaimsTheWorldLocksNobodyOut) {
  OriginRegistry registry([](const v1::Publisher&) {});
  for (int link = 1; link <= 3; ++link) {
    size_t taken = 0;
    for (size_t i = 0; i < OriginRegistry::kMaxPublishersOfALink + 10; ++i) {
      if (registry.Claim(link, Publisher(std::to_string(link) + "-" + std::to_string(i)))) ++taken;
    }
    EXPECT_LE(taken, OriginRegistry::kMaxPublishersOfALink);
  }
  EXPECT_LE(registry.Publishers().size(), OriginRegistry::kMaxPublishers);
  EXPECT_TRUE(registry.Claim(4, Publisher("honest"))) << "its own log";
  registry.Release(1);
  EXPECT_TRUE(registry.Claim(4, Publisher("below it")));
}

TEST(OriginRegistryTest, WhatIsToldOfAPublisherIsBounded) {
  v1::Publisher told;
  OriginRegistry registry([&](const v1::Publisher& publisher) { told = publisher; });
  v1::Publisher publisher = Publisher("a");
  publisher.set_boot_id("boot");
  (*publisher.mutable_labels())["k"] = std::string(OriginRegistry::kMaxPublisherBytes, 'x');
  EXPECT_TRUE(registry.Claim(1, publisher));
  EXPECT_EQ(told.monitor(), "procmond");
  EXPECT_EQ(told.labels_size(), 0);
  publisher.set_host(std::string(OriginRegistry::kMaxNameBytes + 1, 'h'));
  EXPECT_FALSE(registry.Claim(1, publisher));
}

}  // namespace
}  // namespace daemoneye::gateway
