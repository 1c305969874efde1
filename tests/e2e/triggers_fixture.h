// TriggersFixture: a procmond of this machine and a gateway with triggers, an operator's socket and
// a store; what a test of them asks again and again.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemoneye/v1/alert_service.pb.h"
#include "daemoneye/v1/trigger_service.pb.h"
#include "tests/support/client.h"
#include "tests/support/servers.h"

namespace daemoneye::testing_support {

// A trigger of one SQL condition, with a window where one is given.
v1::Trigger SqlTrigger(const std::string& id, const std::string& sql,
                       absl::Duration window = absl::ZeroDuration());

class TriggersFixture : public ::testing::Test {
 protected:
  void StartServers(const std::string& config = "", std::vector<std::string> procmond_flags = {});
  // A gateway of `monitor`, with what `config` says.
  void StartGateway(const std::string& monitor, const std::string& config,
                    const std::vector<std::string>& flags = {});

  // The alerts about processes of `pids`, oldest first.
  std::vector<v1::Alert> AlertsOf(const std::set<uint32_t>& pids) const;
  // All of a trigger, whomever they are about.
  std::vector<v1::Alert> AlertsOfTrigger(const std::string& trigger_id) const;
  // Reads the stream, which has an event at least every few seconds, until `is_done`; fails the
  // test where that takes longer than `patience`.
  void Until(const std::function<bool()>& is_done, absl::Duration patience = 2 * kPatience) const;
  // The first alert of `trigger_id` about `pid`.
  v1::Alert Await(const std::string& trigger_id, uint32_t pid) const;
  // Until two more scans are over.
  void AwaitTwoScans() const;
  // How many alerts `trigger_id` raised about `pid` once two more scans are over.
  size_t CountAfterTwoScans(const std::string& trigger_id, uint32_t pid) const;
  // Holds the alert against the stored event behind it.
  void ExpectSoonAfterItsEvent(const v1::Alert& alert) const;
  std::string StreamId() const;

  absl::StatusOr<v1::Trigger> Create(const v1::Trigger& trigger) const;
  v1::TriggerStatistics StatisticsOf(const std::string& id) const;
  absl::StatusOr<v1::BackTestTriggerResponse> BackTest(const v1::Trigger& trigger,
                                                       absl::Time since) const;
  // The rows that eyectl query prints as CSV, without its header; fails the test where it fails.
  std::string Query(const std::string& sql) const;

  TempDirectory directory_;
  std::unique_ptr<Server> procmond_, gateway_;
  std::optional<Client> client_, operator_;
};

}  // namespace daemoneye::testing_support
