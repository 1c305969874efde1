#include "tools/eyectl/message_json.h"

#include <google/protobuf/util/json_util.h>

#include <nlohmann/json.hpp>

namespace daemoneye::eyectl {

std::string MessageJson(const google::protobuf::Message& message, bool pretty) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(message, &text, options);
  if (!status.ok()) text = "{}";
  // protobuf leaves bidi and C1 characters as they are; nlohmann escapes all that is not ASCII.
  const auto json = nlohmann::ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
  return json.dump(pretty ? 2 : -1, ' ', /*ensure_ascii=*/true,
                   nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace daemoneye::eyectl
