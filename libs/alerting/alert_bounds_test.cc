#include "libs/alerting/alert_bounds.h"

#include <string>

#include "gmock/gmock.h"

namespace daemoneye::alerting {
namespace {

TEST(AlertBoundsTest, LeavesAnAlertWithinItsBoundsAlone) {
  v1::Alert alert;
  alert.set_severity(v1::SEVERITY_HIGH);
  alert.set_title("ünïcode");
  alert.mutable_completeness()->set_complete(true);
  (*alert.mutable_details())["a"] = "b";
  const std::string before = alert.SerializeAsString();
  BoundAlert(alert);
  EXPECT_EQ(alert.SerializeAsString(), before);
}

TEST(AlertBoundsTest, CutsTextsBetweenCharacters) {
  v1::Alert alert;
  alert.set_title(std::string(kMaxTitleBytes - 1, 'x') + "ü");
  alert.set_executable_path(std::string(100'000, '/'));
  BoundAlert(alert);
  EXPECT_EQ(alert.title(), std::string(kMaxTitleBytes - 1, 'x'));
  EXPECT_EQ(alert.executable_path().size(), kMaxTextBytes);
}

TEST(AlertBoundsTest, EscapesWhatIsNotUtf8) {
  v1::Alert alert;
  alert.set_process_name("a\xff\\");
  BoundAlert(alert);
  EXPECT_EQ(alert.process_name(), "a\\xff\\\\");
}

TEST(AlertBoundsTest, KeepsTheFirstOfWhatIsTooMuch) {
  v1::Alert alert;
  for (int i = 0; i < 100; ++i) {
    alert.add_evidence()->set_sequence(static_cast<uint64_t>(i));
    alert.add_attack_ids("T" + std::to_string(i));
    alert.mutable_completeness()->add_reasons("r");
  }
  for (int i = 1000; i < 1500; ++i) (*alert.mutable_details())[std::to_string(i)] = "v";
  BoundAlert(alert);
  ASSERT_EQ(alert.evidence_size(), kMaxEvidence);
  EXPECT_EQ(alert.evidence(kMaxEvidence - 1).sequence(), 15u);
  EXPECT_EQ(alert.attack_ids_size(), kMaxAttackIds);
  EXPECT_EQ(alert.completeness().reasons_size(), kMaxReasons);
  EXPECT_EQ(alert.details().size(), kMaxDetails);
  EXPECT_TRUE(alert.details().contains("1099"));
  EXPECT_FALSE(alert.details().contains("1100"));
}

TEST(AlertBoundsTest, BoundsAllDetailsTogether) {
  v1::Alert alert;
  for (int i = 10; i < 99; ++i) {
    (*alert.mutable_details())[std::to_string(i)] = std::string(5000, 'v');
  }
  BoundAlert(alert);
  EXPECT_LE(alert.ByteSizeLong(), kMaxDetailsBytes + 4096);
  EXPECT_GE(alert.details().size(), 15u);
}

TEST(AlertBoundsTest, WhatIsNoSeverityIsMedium) {
  for (const int severity : {0, 77, -1}) {
    v1::Alert alert;
    alert.set_severity(static_cast<v1::Severity>(severity));
    BoundAlert(alert);
    EXPECT_EQ(alert.severity(), v1::SEVERITY_MEDIUM) << severity;
  }
}

}  // namespace
}  // namespace daemoneye::alerting
