#include "libs/monitor/fake_port.h"

#include <algorithm>
#include <utility>

#include "daemoneye/v1/monitor_service.pb.h"

namespace daemoneye::monitor {

void FakePort::Write(const rpc::Payload& payload) {
  base::MutexLock lock(mu_);
  if (write_.has_value()) violations_.push_back("a second write while one is outstanding");
  if (finished_.has_value()) violations_.push_back("a write after finish");
  write_ = Parse(payload);
  changed_.NotifyAll();
}

void FakePort::Finish(const absl::Status& status) {
  base::MutexLock lock(mu_);
  if (finished_.has_value()) violations_.push_back("a second finish");
  finished_ = status;
  changed_.NotifyAll();
}

void FakePort::Abort() {
  base::MutexLock lock(mu_);
  if (finished_.has_value()) violations_.push_back("an abort after finish");
  is_aborted_ = true;
  changed_.NotifyAll();
}

std::optional<std::vector<v1::CollectionEvent>> FakePort::TakeWrite() {
  base::MutexLock lock(mu_);
  return TakeLocked();
}

std::optional<std::vector<v1::CollectionEvent>> FakePort::AwaitWrite() {
  base::MutexLock lock(mu_);
  while (!write_.has_value() && !finished_.has_value()) changed_.Wait(mu_);
  return TakeLocked();
}

std::optional<std::vector<v1::CollectionEvent>> FakePort::TakeLocked() {
  return std::exchange(write_, std::nullopt);
}

bool FakePort::has_write() const {
  base::MutexLock lock(mu_);
  return write_.has_value();
}

std::optional<absl::Status> FakePort::finished() const {
  base::MutexLock lock(mu_);
  return finished_;
}

absl::Status FakePort::AwaitFinish() {
  base::MutexLock lock(mu_);
  while (!finished_.has_value()) changed_.Wait(mu_);
  return *finished_;
}

bool FakePort::is_aborted() const {
  base::MutexLock lock(mu_);
  return is_aborted_;
}

size_t FakePort::largest_message_bytes() const {
  base::MutexLock lock(mu_);
  return largest_message_bytes_;
}

std::vector<std::string> FakePort::violations() const {
  base::MutexLock lock(mu_);
  return violations_;
}

std::vector<v1::CollectionEvent> FakePort::Parse(const rpc::Payload& payload) {
  std::string bytes;
  for (const rpc::PayloadPiece& piece : payload.pieces) bytes.append(piece.bytes);
  largest_message_bytes_ = std::max(largest_message_bytes_, bytes.size());
  v1::StreamEventBatchesResponse batch;
  if (!is_batched_) {
    if (!batch.add_events()->ParseFromString(bytes)) violations_.push_back("no CollectionEvent");
  } else if (!batch.ParseFromString(bytes)) {
    violations_.push_back("no StreamEventBatchesResponse");
  } else if (batch.stream_id().empty()) {
    violations_.push_back("a batch without a stream id");
  }
  return {batch.events().begin(), batch.events().end()};
}

}  // namespace daemoneye::monitor
