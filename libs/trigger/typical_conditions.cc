#include "libs/trigger/typical_conditions.h"

namespace daemoneye::trigger {

std::string TypicalCondition(int i, bool has_joins) {
  const std::string n = std::to_string(i);
  const int kind = i % 100;
  if (kind < 20) return "name = 'evil" + n + "'";
  if (kind < 40) return "name IN ('nc" + n + "', 'ncat" + n + "', 'socat" + n + "')";
  if (kind < 48) return "executable_path LIKE '/tmp/drop" + n + "%'";
  if (kind < 55) return "executable_path GLOB '/dev/shm/" + n + "*'";
  if (kind < 80) return "command_line LIKE '%/dev/tcp/" + n + "/%' AND NOT own";
  if (kind < 85) return "command_line REGEXP 'curl" + n + ".*\\| *(ba)?sh'";
  if (kind < 90) return "cpu_usage_percent > " + std::to_string(99 + i % 7) + ".5";
  if (kind < 95) {
    if (!has_joins) return "name = 'child" + n + "' AND parent_name = 'nginx'";
    return "SELECT p.* FROM process_events p JOIN processes q ON q.process_key = p.parent_key "
           "WHERE q.name = 'nginx' AND p.name IN ('sh" +
           n + "', 'bash" + n + "')";
  }
  if (kind < 98) return "name = 'x" + n + "' OR executable_path = '/opt/x" + n + "'";
  return "length(command_line) > " + std::to_string(5000 + i);
}

}  // namespace daemoneye::trigger
