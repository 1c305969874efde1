// An alert as eyectl shows it to people. What comes from outside is escaped.
#pragma once

#include <google/protobuf/repeated_field.h>

#include <string>

#include "daemoneye/v1/alert.pb.h"
#include "daemoneye/v1/alert_service.pb.h"
#include "tools/eyectl/terminal.h"

namespace daemoneye::eyectl {

// A row an alert, newest first as given.
std::string AlertsTable(const google::protobuf::RepeatedPtrField<v1::Alert>& alerts);

// A row a letter, in the order given.
std::string DeadLettersTable(const google::protobuf::RepeatedPtrField<v1::DeadLetter>& letters);

// A headline, and a line each for the process, the evidence and what it is incomplete for.
std::string AlertBlock(const v1::Alert& alert, const Style& style);

}  // namespace daemoneye::eyectl
