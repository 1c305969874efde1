// Client: typed, blocking calls of a test to a server; each has a deadline of kPatience.
//
// gRPC stays in the .cc files, so that a test compiles quickly.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemoneye/v1/gateway_service.pb.h"
#include "daemoneye/v1/monitor_service.pb.h"
#include "tests/support/certificates.h"
#include "tests/support/child_process.h"

namespace daemoneye::testing_support {

// Messages of StreamEvents, one by one.
class EventStream {
 public:
  struct Call;
  explicit EventStream(std::unique_ptr<Call> call);
  EventStream(EventStream&&) noexcept;
  // Cancels what is still open.
  ~EventStream();

  // nullopt when the stream has ended, or the deadline has passed.
  std::optional<v1::CollectionEvent> Next();
  // Reads on to the first message that `matches`; the test fails when there is none.
  std::optional<v1::CollectionEvent> Until(
      const std::function<bool(const v1::CollectionEvent&)>& matches);
  // Everything to the end of the stream.
  std::vector<v1::CollectionEvent> Rest();
  // Reads what is left and gives how the stream ended.
  absl::Status Finish();
  // Ends the call from another thread, or in the middle.
  void Cancel();

 private:
  std::unique_ptr<Call> call_;
};

struct TaskAnswer {
  absl::Status status;
  std::vector<v1::CollectionEvent> records;
  std::optional<v1::TaskSummary> summary;
};

class Client {
 public:
  // A connection of its own; waits for a server that is not there yet.
  explicit Client(const std::string& address);
  // The same over TLS, with the certificate that `files` has, if any.
  Client(const std::string& address, const TlsFiles& files);
  Client(Client&&) noexcept;
  ~Client();

  absl::StatusOr<v1::NegotiateCapabilitiesResponse> Negotiate(
      const v1::NegotiateCapabilitiesRequest& request = {}) const;
  absl::StatusOr<v1::GetStatusResponse> GetStatus() const;
  absl::StatusOr<v1::ListMonitorsResponse> ListMonitors() const;
  TaskAnswer ExecuteTask(const v1::ExecuteTaskRequest& request) const;
  EventStream StreamEvents(const v1::StreamEventsRequest& request,
                           absl::Duration timeout = kPatience) const;
  // All messages of StreamEventBatches, in the batches they came in.
  absl::StatusOr<std::vector<v1::StreamEventBatchesResponse>> StreamEventBatches(
      const v1::StreamEventBatchesRequest& request) const;

  // "SERVING", "NOT_SERVING", or the code of the error.
  std::string Health(const std::string& service) const;
  absl::Status AwaitHealth(const std::string& service, const std::string& state) const;
  // The answer of reflection, as text; field is "list_services" or "file_containing_symbol".
  std::string Reflect(const std::string& field, const std::string& value) const;
  // A unary call of any service: "/daemoneye.v1.TriggerService/ListTriggers".
  absl::Status Call(const std::string& method, const google::protobuf::MessageLite& request,
                    google::protobuf::MessageLite* response) const;
  template <typename Response>
  absl::StatusOr<Response> Call(const std::string& method,
                                const google::protobuf::MessageLite& request) const {
    Response response;
    const absl::Status status = Call(method, request, &response);
    if (!status.ok()) return status;
    return response;
  }
  // Any call with any bytes as its request; the status, or Ok with the first answer.
  absl::Status CallRaw(const std::string& method, const std::string& bytes) const;

 private:
  absl::Status CallBytes(const std::string& method, const std::string& bytes,
                         std::string* answer) const;

  struct Stubs;
  std::unique_ptr<Stubs> stubs_;
};

// A request for what is there now, and nothing else.
v1::StreamEventsRequest SnapshotOnly();
// A request for what happens, without the snapshot.
v1::StreamEventsRequest LiveOnly();
// Events of every action, SAMPLE included.
v1::EventFilter EveryEvent();

}  // namespace daemoneye::testing_support
