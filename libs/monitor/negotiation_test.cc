#include "libs/monitor/negotiation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace daemoneye::monitor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

v1::NegotiateCapabilitiesResponse Grant(std::vector<v1::SourceCap> domains,
                                        std::vector<v1::SourceCap> required) {
  v1::NegotiateCapabilitiesRequest request;
  for (const auto cap : domains) request.add_requested_domains(cap);
  for (const auto cap : required) request.add_required_caps(cap);
  v1::NegotiateCapabilitiesResponse response;
  response.set_monitor("m");
  for (const auto cap :
       {v1::SOURCE_CAP_PROCESS, v1::SOURCE_CAP_NETWORK, v1::SOURCE_CAP_SYSTEM_WIDE}) {
    response.add_granted_caps(cap);
  }
  GrantCapabilities(request, response);
  return response;
}

TEST(NegotiationTest, WithoutAWishEverythingIsGranted) {
  const auto response = Grant({}, {});
  EXPECT_THAT(response.granted_caps(), ElementsAre(v1::SOURCE_CAP_PROCESS, v1::SOURCE_CAP_NETWORK,
                                                   v1::SOURCE_CAP_SYSTEM_WIDE));
  EXPECT_THAT(response.refused_caps(), IsEmpty());
}

TEST(NegotiationTest, DomainNotAskedForIsNotGranted) {
  EXPECT_THAT(Grant({v1::SOURCE_CAP_PROCESS}, {}).granted_caps(),
              ElementsAre(v1::SOURCE_CAP_PROCESS, v1::SOURCE_CAP_SYSTEM_WIDE));
  EXPECT_THAT(
      Grant({v1::SOURCE_CAP_PROCESS}, {v1::SOURCE_CAP_NETWORK}).granted_caps(),
      ElementsAre(v1::SOURCE_CAP_PROCESS, v1::SOURCE_CAP_NETWORK, v1::SOURCE_CAP_SYSTEM_WIDE));
}

TEST(NegotiationTest, WhatIsMissingIsRefusedWithAReason) {
  const auto response =
      Grant({v1::SOURCE_CAP_FILESYSTEM}, {v1::SOURCE_CAP_REALTIME, v1::SOURCE_CAP_PROCESS});
  ASSERT_EQ(response.refused_caps_size(), 2);
  EXPECT_EQ(response.refused_caps(0).cap(), v1::SOURCE_CAP_FILESYSTEM);
  EXPECT_EQ(response.refused_caps(0).reason(), "no source of m that runs has FILESYSTEM");
  EXPECT_EQ(response.refused_caps(1).cap(), v1::SOURCE_CAP_REALTIME);
}

}  // namespace
}  // namespace daemoneye::monitor
