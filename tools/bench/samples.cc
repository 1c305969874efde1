#include "tools/bench/samples.h"

#include "fmt/format.h"

namespace daemoneye::bench {

event::Event SampleEvent(uint32_t pid) {
  event::Event event;
  event.mutable_event_time()->set_seconds(1'700'000'000);
  event.mutable_event_time()->set_nanos(123'456'789);
  *event.mutable_observed_time() = event.event_time();
  event.set_source("process-scan");
  const std::string key = fmt::format("0123456789abcdef-4026531836-{}-123456789", pid);
  event.mutable_correlation()->set_correlation_id(key);
  v1::ProcessEvent& process = *event.mutable_process();
  process.set_action(v1::PROCESS_ACTION_START);
  process.set_process_key(key);
  process.set_parent_key("0123456789abcdef-4026531836-1-123");
  process.set_pid(pid);
  process.set_ppid(1);
  process.set_name("python3");
  process.set_parent_name("systemd");
  process.set_executable_path("/usr/bin/python3.11");
  process.set_parent_executable_path("/usr/lib/systemd/systemd");
  for (const char* argument :
       {"/usr/bin/python3", "-m", "http.server", "--bind", "127.0.0.1", "8080"}) {
    process.add_command_line(argument);
  }
  *process.mutable_start_time() = event.event_time();
  process.set_cpu_usage_percent(1.25);
  process.set_memory_usage_bytes(23'000'000);
  process.set_user_id(1000);
  process.set_effective_user_id(1000);
  process.set_group_id(1000);
  process.set_user_name("service");
  process.set_session_id(pid);
  process.set_working_directory("/srv/www");
  process.set_cgroup_path("/system.slice/www.service");
  process.set_first_image(true);
  process.set_accessible(true);
  process.set_file_exists(true);
  return event;
}

event::EventList SampleEvents(size_t count) {
  event::EventList events;
  events.reserve(count);
  for (size_t i = 0; i < count; ++i) events.push_back(SampleEvent(static_cast<uint32_t>(i + 2)));
  return events;
}

}  // namespace daemoneye::bench
