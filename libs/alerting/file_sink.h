// FileSink: alerts as JSON lines at the end of a file.
//
// A batch is on disk (fdatasync) before it counts as delivered. A file that was moved away or
// deleted, as log rotation does, is noticed before the next write, and Reopen makes sure. A line
// that a full disk cut is taken back, so that the file holds whole lines only.
//
// Cost: a write and an fdatasync a batch.
#pragma once

#include <atomic>
#include <string>

#include "libs/alerting/alert_sink.h"
#include "libs/base/unique_fd.h"

namespace daemoneye::alerting {

class FileSink final : public AlertSink {
 public:
  // The file is made (0640) where it is not there; its folder must be.
  explicit FileSink(std::string path) : path_(std::move(path)) {}

  DeliveryResult Deliver(std::span<const v1::Alert> alerts, std::stop_token stop) override;
  void Reopen() override { must_reopen_ = true; }

 private:
  // Opens the file where it is not open, or is no longer the one at the path.
  absl::Status Open();
  bool IsStillAtPath() const;
  // Writes all of `lines` or takes back what was written of it.
  absl::Status Append(const std::string& lines);

  const std::string path_;
  std::atomic<bool> must_reopen_ = false;
  base::UniqueFd fd_;
  bool is_line_cut_ = false;  // what was written could not be taken back
};

}  // namespace daemoneye::alerting
