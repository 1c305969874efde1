// MessageJson: an answer as the JSON that protobuf defines, safe to print.
#pragma once

#include <google/protobuf/message.h>

#include <string>

namespace daemoneye::eyectl {

// Fields under their proto names, those that are zero too; ASCII only. One line without its
// newline, or indented where `pretty`.
std::string MessageJson(const google::protobuf::Message& message, bool pretty);

}  // namespace daemoneye::eyectl
