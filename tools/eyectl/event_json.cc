#include "tools/eyectl/event_json.h"

#include <google/protobuf/util/time_util.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>

#include "tools/eyectl/enum_name.h"

namespace daemoneye::eyectl {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::util::TimeUtil;
using Json = nlohmann::ordered_json;

// Path in the event -> name in the object. OpenTelemetry's semantic conventions for process, host,
// container, file, network and source/destination attributes; its log data model for the times.
const std::map<std::string, std::string, std::less<>>& Names() {
  static const auto& names = *new std::map<std::string, std::string, std::less<>>{
      {"event_time", "timestamp"},
      {"observed_time", "observed_timestamp"},
      {"correlation.trace_id", "trace_id"},
      {"correlation.span_id", "span_id"},
      {"origin.host", "host.name"},
      {"process.pid", "process.pid"},
      {"process.ppid", "process.parent_pid"},
      {"process.container_pid", "process.vpid"},
      {"process.name", "process.executable.name"},
      {"process.executable_path", "process.executable.path"},
      {"process.command_line", "process.command_args"},
      {"process.working_directory", "process.working_directory"},
      {"process.start_time", "process.creation.time"},
      {"process.user_name", "process.owner"},
      {"process.user_id", "process.real_user.id"},
      {"process.effective_user_id", "process.user.id"},
      {"process.session_id", "process.session_leader.pid"},
      {"process.cgroup_path", "process.linux.cgroup"},
      {"process.exit_code", "process.exit.code"},
      {"process.container_id", "container.id"},
      {"process.pod_uid", "k8s.pod.uid"},
      {"network.pid", "process.pid"},
      {"network.container_id", "container.id"},
      {"network.protocol", "network.transport"},
      {"network.state", "network.connection.state"},
      {"network.source_address", "source.address"},
      {"network.source_port", "source.port"},
      {"network.destination_address", "destination.address"},
      {"network.destination_port", "destination.port"},
      {"filesystem.pid", "process.pid"},
      {"filesystem.path", "file.path"},
      {"filesystem.size_bytes", "file.size"},
      {"filesystem.owner", "file.owner.id"},
      {"performance.pid", "process.pid"},
  };
  return names;
}

std::string NameOf(const std::string& path) {
  const auto it = Names().find(path);
  return it != Names().end() ? it->second : "daemoneye." + path;
}

Json Number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

// The value of a scalar field; `index` < 0 for a field that is not repeated.
Json Scalar(const Message& message, const FieldDescriptor& field, int index) {
  const Reflection& r = *message.GetReflection();
  const auto* f = &field;
  const bool one = index < 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return one ? r.GetInt32(message, f) : r.GetRepeatedInt32(message, f, index);
    case FieldDescriptor::CPPTYPE_INT64:
      return one ? r.GetInt64(message, f) : r.GetRepeatedInt64(message, f, index);
    case FieldDescriptor::CPPTYPE_UINT32:
      return one ? r.GetUInt32(message, f) : r.GetRepeatedUInt32(message, f, index);
    case FieldDescriptor::CPPTYPE_UINT64:
      return one ? r.GetUInt64(message, f) : r.GetRepeatedUInt64(message, f, index);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return Number(one ? r.GetDouble(message, f) : r.GetRepeatedDouble(message, f, index));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return Number(one ? r.GetFloat(message, f) : r.GetRepeatedFloat(message, f, index));
    case FieldDescriptor::CPPTYPE_BOOL:
      return one ? r.GetBool(message, f) : r.GetRepeatedBool(message, f, index);
    case FieldDescriptor::CPPTYPE_STRING:
      return one ? r.GetString(message, f) : r.GetRepeatedString(message, f, index);
    case FieldDescriptor::CPPTYPE_ENUM:
      return EnumName(*field.enum_type(),
                      one ? r.GetEnumValue(message, f) : r.GetRepeatedEnumValue(message, f, index));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  return nullptr;
}

void Flatten(const Message& message, const std::string& path, Json& out);

// A message that stands for one value, or else is flattened below `path`.
void AddMessage(const Message& message, const std::string& path, Json& out) {
  if (const auto* time = dynamic_cast<const google::protobuf::Timestamp*>(&message)) {
    out[NameOf(path)] = TimeUtil::ToString(*time);
  } else if (const auto* span = dynamic_cast<const google::protobuf::Duration*>(&message)) {
    out[NameOf(path) + "_seconds"] =
        static_cast<double>(span->seconds()) + static_cast<double>(span->nanos()) * 1e-9;
  } else {
    Flatten(message, path, out);
  }
}

void AddRepeated(const Message& message, const FieldDescriptor& field, const std::string& path,
                 Json& out) {
  const Reflection& r = *message.GetReflection();
  Json values = Json::array();
  for (int i = 0; i < r.FieldSize(message, &field); ++i) {
    if (field.is_map()) {
      const Message& entry = r.GetRepeatedMessage(message, &field, i);
      const Json key = Scalar(entry, *entry.GetDescriptor()->map_key(), -1);
      out[NameOf(path) + "." + (key.is_string() ? key.get<std::string>() : key.dump())] =
          Scalar(entry, *entry.GetDescriptor()->map_value(), -1);
    } else if (field.message_type() != nullptr) {
      Json element = Json::object();
      Flatten(r.GetRepeatedMessage(message, &field, i), path, element);
      values.push_back(std::move(element));
    } else {
      values.push_back(Scalar(message, field, i));
    }
  }
  if (!field.is_map()) out[NameOf(path)] = std::move(values);
}

void Flatten(const Message& message, const std::string& path, Json& out) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const std::string below = path.empty() ? field->name() : path + "." + field->name();
    if (field->is_repeated()) {
      AddRepeated(message, *field, below, out);
    } else if (field->message_type() != nullptr) {
      AddMessage(message.GetReflection()->GetMessage(message, field), below, out);
    } else {
      out[NameOf(below)] = Scalar(message, *field, -1);
    }
  }
}

}  // namespace

std::string EventJson(const v1::CollectionEvent& event) {
  Json out = Json::object();
  const auto* payload = event.GetReflection()->GetOneofFieldDescriptor(
      event, v1::CollectionEvent::descriptor()->FindOneofByName("payload"));
  out["daemoneye.kind"] = payload == nullptr ? "unknown" : payload->name();
  Flatten(event, "", out);
  return out.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
}

}  // namespace daemoneye::eyectl
