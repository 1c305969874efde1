#include "tools/eyectl/event_json.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace daemoneye::eyectl {
namespace {

v1::CollectionEvent FromText(const std::string& text) {
  v1::CollectionEvent event;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &event)) << text;
  return event;
}

TEST(EventJsonTest, UsesOpenTelemetryNamesAndOursForTheRest) {
  const auto event = FromText(R"(
    sequence: 12
    origin { monitor: "procmond" host: "web1" stream_id: "s" sequence: 7 }
    event_time { seconds: 1000000000 nanos: 5000000 }
    source: "process-scan"
    process {
      action: PROCESS_ACTION_STOP process_key: "k" pid: 42 ppid: 0 name: "nginx"
      executable_path: "/usr/sbin/nginx" command_line: "nginx" command_line: "-g x"
      user_id: 0 user_name: "root" container_id: "c1" pod_uid: "p1" exit_code: 0
      cpu_usage_percent: 1.5 namespaces { pid: 4026531836 } runtime { seconds: 2 nanos: 500000000 }
    })");
  EXPECT_EQ(
      EventJson(event),
      R"({"daemoneye.kind":"process","daemoneye.sequence":12,"daemoneye.origin.monitor":"procmond",)"
      R"("host.name":"web1","daemoneye.origin.stream_id":"s","daemoneye.origin.sequence":7,)"
      R"("timestamp":"2001-09-09T01:46:40.005Z","daemoneye.source":"process-scan",)"
      R"("daemoneye.process.action":"STOP","daemoneye.process.process_key":"k","process.pid":42,)"
      R"("process.parent_pid":0,"process.executable.name":"nginx",)"
      R"("process.executable.path":"/usr/sbin/nginx","process.command_args":["nginx","-g x"],)"
      R"("daemoneye.process.cpu_usage_percent":1.5,"process.real_user.id":0,)"
      R"("process.owner":"root","container.id":"c1","k8s.pod.uid":"p1",)"
      R"("daemoneye.process.namespaces.pid":4026531836,"process.exit.code":0,)"
      R"("daemoneye.process.runtime_seconds":2.5})");
}

TEST(EventJsonTest, ControlMessagesMapsAndLossesAreObjectsToo) {
  EXPECT_EQ(
      EventJson(FromText("control { missed { first_sequence: 3 last_sequence: 9 count: 7 } }")),
      R"({"daemoneye.kind":"control","daemoneye.control.missed.first_sequence":3,)"
      R"("daemoneye.control.missed.last_sequence":9,"daemoneye.control.missed.count":7})");
  EXPECT_EQ(
      EventJson(FromText(R"(performance { metric_name: "m" labels { key: "a" value: "b" } })")),
      R"({"daemoneye.kind":"performance","daemoneye.performance.metric_name":"m",)"
      R"("daemoneye.performance.labels.a":"b"})");
}

TEST(EventJsonTest, IsAsciiAndLosesNothing) {
  v1::CollectionEvent event;
  const std::string name = "\x1b[2J\u202Eevil\u0085\x7f \"q\" \\ \u00e9";
  event.mutable_process()->set_name(name);
  const std::string json = EventJson(event);
  for (const char c : json) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << json;
  EXPECT_EQ(nlohmann::json::parse(json)["process.executable.name"], name);
}

TEST(EventJsonTest, BrokenUtf8AndNanDoNotThrow) {
  v1::CollectionEvent event;
  event.mutable_process()->set_name("a\xff");
  event.mutable_process()->set_cpu_usage_percent(std::nan(""));
  EXPECT_TRUE(nlohmann::json::accept(EventJson(event)));
}

// Sets every field below `message`, singular messages at most `depth` levels down; returns how many
// values a flat object of it must have.
size_t FillAll(google::protobuf::Message& message, int depth) {
  using google::protobuf::FieldDescriptor;
  const auto* descriptor = message.GetDescriptor();
  const auto* reflection = message.GetReflection();
  size_t values = 0;
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor* f = descriptor->field(i);
    if (f->real_containing_oneof() != nullptr && f->containing_oneof()->field(0) != f) continue;
    if (f->is_map() || (f->is_repeated() && f->message_type() != nullptr)) continue;
    ++values;
    switch (f->cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE: {
        auto* inner = reflection->MutableMessage(&message, f);
        const bool is_value = inner->GetDescriptor()->file()->package() == "google.protobuf";
        if (!is_value) values += (depth > 0 ? FillAll(*inner, depth - 1) : 0) - 1;
        break;
      }
#define FILL(type, Name, value)                                   \
  case FieldDescriptor::CPPTYPE_##type:                           \
    f->is_repeated() ? reflection->Add##Name(&message, f, value)  \
                     : reflection->Set##Name(&message, f, value); \
    break;
        FILL(INT32, Int32, 1)
        FILL(INT64, Int64, 1)
        FILL(UINT32, UInt32, 1)
        FILL(UINT64, UInt64, 1)
        FILL(DOUBLE, Double, 1.5)
        FILL(FLOAT, Float, 1.5F)
        FILL(BOOL, Bool, true)
        FILL(STRING, String, "x")
        FILL(ENUM, EnumValue, 1)
#undef FILL
    }
  }
  return values;
}

TEST(EventJsonTest, EveryFieldOfEveryPayloadHasItsOwnName) {
  const auto* payload = v1::CollectionEvent::descriptor()->FindOneofByName("payload");
  for (int i = 0; i < payload->field_count(); ++i) {
    if (payload->field(i)->name() == "control") continue;  // recursive through the filter's deny
    v1::CollectionEvent event;
    auto* inner = event.GetReflection()->MutableMessage(&event, payload->field(i));
    const size_t values = FillAll(*inner, 2);
    const auto json = nlohmann::json::parse(EventJson(event));
    EXPECT_EQ(json.size(), values + 1) << json.dump(1);
  }
}

}  // namespace
}  // namespace daemoneye::eyectl
