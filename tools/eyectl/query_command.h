// eyectl query: one SELECT over a gateway's stored events, alerts, audit and live tables.
//
//   eyectl query "SELECT name, count(*) FROM process_events GROUP BY name"
//   eyectl query --csv --param=nginx "SELECT * FROM process_events WHERE name = ?1"
//   eyectl query --tables
#pragma once

#include <string>
#include <vector>

#include "daemoneye/v1/gateway_service.pb.h"
#include "tools/eyectl/command.h"

namespace daemoneye::eyectl {

class QueryCommand final : public Command {
 public:
  std::string_view name() const override { return "query"; }
  std::string_view summary() const override { return "ask stored events, alerts and live tables"; }
  std::string_view arguments() const override { return "SELECT"; }
  void AddFlags(FlagSet& flags) override;
  absl::Status SetArguments(std::span<const std::string> arguments) override;
  absl::StatusOr<int> Run(Session& session) override;

  const v1::QueryRequest& request() const { return request_; }

 private:
  absl::StatusOr<int> Query(Session& session);
  absl::StatusOr<int> ListTables(Session& session);
  absl::Status Tell(Session& session, const v1::QueryEnd& end) const;

  v1::QueryRequest request_;
  uint64_t max_rows_ = 0;
  absl::Duration timeout_;
  bool json_ = false;
  bool csv_ = false;
  bool tables_ = false;
};

}  // namespace daemoneye::eyectl
