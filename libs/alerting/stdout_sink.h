// StdoutSink: alerts as lines on a descriptor, standard output: for people, or JSON.
//
// Whoever reads slowly delays only this sink. A line that was cut by an error is begun anew on a
// line of its own.
//
// Ownership: borrows the descriptor.
#pragma once

#include "absl/time/time.h"
#include "libs/alerting/alert_sink.h"

namespace daemoneye::alerting {

enum class LineFormat { kText, kJson };

class StdoutSink final : public AlertSink {
 public:
  StdoutSink(int fd, LineFormat format, absl::Duration timeout)
      : fd_(fd), format_(format), timeout_(timeout) {}

  DeliveryResult Deliver(std::span<const v1::Alert> alerts, std::stop_token stop) override;

 private:
  const int fd_;
  const LineFormat format_;
  const absl::Duration timeout_;
  bool is_line_cut_ = false;
};

}  // namespace daemoneye::alerting
