#include "libs/alerting/stdout_sink.h"

#include <string>

#include "libs/alerting/alert_text.h"
#include "libs/alerting/fd_writer.h"

namespace daemoneye::alerting {

DeliveryResult StdoutSink::Deliver(std::span<const v1::Alert> alerts, std::stop_token stop) {
  DeliveryResult result;
  for (const v1::Alert& alert : alerts) {
    std::string line = is_line_cut_ ? "\n" : "";
    line += format_ == LineFormat::kJson ? AlertJson(alert) : AlertLine(alert);
    line += '\n';
    const WriteResult written = WriteAll(fd_, line, timeout_, stop);
    if (written.written > 0) is_line_cut_ = written.written < line.size();
    result.status = written.status;
    if (!result.status.ok()) return result;
    ++result.delivered;
  }
  return result;
}

}  // namespace daemoneye::alerting
