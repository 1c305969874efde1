// Any bytes as the request of each method: parsed, validated, and opened where it is a stream.
#include <cstdint>
#include <memory>
#include <string_view>

#include "libs/monitor/fake_backend.h"
#include "libs/monitor/opened_stream.h"
#include "libs/monitor/request_validation.h"

namespace {

using namespace daemoneye;  // NOLINT: a fuzz target is a file of its own

monitor::FakeBackend& Backend() {
  static auto* const backend = [] {
    auto* made = new monitor::FakeBackend(base::Clock::Real());
    made->PublishProcesses(v1::PROCESS_ACTION_START, 1, 20);
    return made;
  }();
  return *backend;
}

template <typename Request>
bool Accepts(std::string_view bytes, Request& request) {
  return request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) &&
         monitor::Validate(request).ok();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  v1::NegotiateCapabilitiesRequest negotiate;
  Accepts(bytes, negotiate);
  v1::ExecuteTaskRequest task;
  Accepts(bytes, task);
  v1::StreamEventBatchesRequest batches;
  Accepts(bytes, batches);
  v1::StreamEventsRequest stream;
  if (!Accepts(bytes, stream)) return 0;
  auto opened = monitor::OpenStream(Backend(), stream, nullptr, base::Monotonic());
  if (opened.ok()) opened->subscription->Poll({}).IgnoreError();
  return 0;
}
