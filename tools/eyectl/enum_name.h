// EnumName: the name of an API enum's value without the prefix that all its names share.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/generated_enum_reflection.h>

#include <string>

namespace daemoneye::eyectl {

// "START" for PROCESS_ACTION_START; the number for a value that this binary does not know.
std::string EnumName(const google::protobuf::EnumDescriptor& type, int number);

template <typename Enum>
std::string EnumName(Enum value) {
  return EnumName(*google::protobuf::GetEnumDescriptor<Enum>(), value);
}

}  // namespace daemoneye::eyectl
