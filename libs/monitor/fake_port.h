// FakePort: a StreamPort that records what a stream does, and whose answers a test gives.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "daemoneye/v1/event.pb.h"
#include "libs/base/mutex.h"
#include "libs/rpc/stream_port.h"

namespace daemoneye::monitor {

// Threads: all methods from any.
class FakePort final : public rpc::StreamPort {
 public:
  // How messages are read: as StreamEventBatchesResponse, or as CollectionEvent.
  explicit FakePort(bool is_batched) : is_batched_(is_batched) {}

  void Write(const rpc::Payload& payload) override;
  void Finish(const absl::Status& status) override;
  void Abort() override;

  // The write that is outstanding, parsed; nullopt when there is none. The test answers it by
  // StreamHandler::OnWriteDone.
  std::optional<std::vector<v1::CollectionEvent>> TakeWrite();
  // Blocks until there is one, or until the stream ended (nullopt).
  std::optional<std::vector<v1::CollectionEvent>> AwaitWrite();

  bool has_write() const;
  std::optional<absl::Status> finished() const;
  absl::Status AwaitFinish();
  bool is_aborted() const;
  size_t largest_message_bytes() const;
  // Two writes at once, a call after Finish, a message that does not parse.
  std::vector<std::string> violations() const;

 private:
  std::vector<v1::CollectionEvent> Parse(const rpc::Payload& payload) REQUIRES(mu_);
  std::optional<std::vector<v1::CollectionEvent>> TakeLocked() REQUIRES(mu_);

  const bool is_batched_;
  mutable base::Mutex mu_;
  base::CondVar changed_;
  std::optional<std::vector<v1::CollectionEvent>> write_ GUARDED_BY(mu_);
  std::optional<absl::Status> finished_ GUARDED_BY(mu_);
  bool is_aborted_ GUARDED_BY(mu_) = false;
  size_t largest_message_bytes_ GUARDED_BY(mu_) = 0;
  std::vector<std::string> violations_ GUARDED_BY(mu_);
};

}  // namespace daemoneye::monitor
