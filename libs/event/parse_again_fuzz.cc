// Any bytes, parsed into an event that was used before: what parsing makes of a new one.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "libs/event/parse_again.h"

namespace {

using daemoneye::event::Event;

// What the event was before, by the first byte.
Event Used(uint8_t choice) {
  Event event;
  event.set_sequence(7);
  event.set_source("source");
  if ((choice & 1) != 0) event.mutable_origin()->set_host("host");
  if ((choice & 2) != 0) event.mutable_correlation()->set_correlation_id("id");
  if ((choice & 4) != 0) event.mutable_event_time()->set_seconds(1);
  if ((choice & 8) != 0) event.mutable_observed_time()->set_nanos(1);
  if ((choice & 16) != 0) {
    event.mutable_process()->set_process_key("key");
    event.mutable_process()->add_command_line("argument");
    event.mutable_process()->mutable_start_time()->set_seconds(1);
  } else if ((choice & 32) != 0) {
    event.mutable_network()->set_connection_id("connection");
  } else if ((choice & 64) != 0) {
    event.mutable_loss()->set_stage("stage");
  }
  return event;
}

// The same for equal events, whose maps may be in any order.
std::string BytesOf(const Event& event) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream out(&stream);
    out.SetSerializationDeterministic(true);
    event.SerializeToCodedStream(&out);
  }
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  Event used = Used(data[0]);
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  Event fresh;
  const bool parses = fresh.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  if (daemoneye::event::ParseAgain(bytes, used) != parses) std::abort();
  if (parses && BytesOf(used) != BytesOf(fresh)) std::abort();
  // Twice: into what the first left behind, however it ended.
  if (daemoneye::event::ParseAgain(bytes, used) != parses) std::abort();
  if (parses && BytesOf(used) != BytesOf(fresh)) std::abort();
  return 0;
}
