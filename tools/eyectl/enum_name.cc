#include "tools/eyectl/enum_name.h"

#include <string_view>

namespace daemoneye::eyectl {

std::string EnumName(const google::protobuf::EnumDescriptor& type, int number) {
  const auto* value = type.FindValueByNumber(number);
  if (value == nullptr) return std::to_string(number);
  // buf lint sees to it that the zero value is called <PREFIX>_UNSPECIFIED.
  const std::string& zero = type.value(0)->name();
  return value->name().substr(zero.size() - std::string_view("UNSPECIFIED").size());
}

}  // namespace daemoneye::eyectl
