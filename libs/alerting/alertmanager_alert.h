// AlertmanagerAlert: an alert as Prometheus Alertmanager's v2 API takes one (postableAlert).
//
// Alertmanager knows an alert by its labels, so they hold what our deduplication holds apart and
// nothing that changes when the same thing is told again:
//   alertname     the trigger's or the workflow's id
//   rule          "trigger" or "workflow"
//   severity      "info", "low", "medium", "high", "critical"
//   host, process_name, process_key   as the alert has them; not there where it has none
//   alert_id      only where there is no process_key: nothing else tells such alerts apart
//   source        "daemoneye"
// `group_by: [alertname, host]` groups as one expects. All else is an annotation: summary,
// description, alert_id, correlation_id, executable_path, pid, attack_ids, evidence, suppressed,
// completeness, details.
//
// Texts are made valid UTF-8 and safe to print, a label is cut at 256 bytes, an annotation at 4
// KiB.
#pragma once

#include <string>

#include "absl/time/time.h"
#include "daemoneye/v1/alert.pb.h"

namespace daemoneye::alerting {

struct AlertmanagerFormat {
  // An alert is taken for over so long after it was last sent. Longer than Alertmanager's
  // group_wait, else nobody is told of it.
  absl::Duration resolve_after = absl::Hours(1);
  // A link of each alert; "{alert_id}" in it becomes the alert's. Empty: none.
  std::string generator_url;
};

// One JSON object. It ends `resolve_after` behind `now`, not behind the alert's own time: one that
// was long on its way is still to be told.
std::string AlertmanagerAlert(const v1::Alert& alert, const AlertmanagerFormat& format,
                              absl::Time now);

}  // namespace daemoneye::alerting
