#include "libs/sql/random_events.h"

#include <array>
#include <limits>

namespace daemoneye::sql {

std::string RandomEvents::Text() {
  using namespace std::string_literals;
  static const auto kTexts = std::to_array<std::string>({"nginx",
                                                         "Nginx",
                                                         "sh",
                                                         "bash",
                                                         "nc",
                                                         "ncat",
                                                         "a.b",
                                                         "it's",
                                                         "say \"hi\"",
                                                         "",
                                                         "%",
                                                         "_x",
                                                         "[ab]*",
                                                         "Ünïcode",
                                                         "日本",
                                                         "/usr/bin/sh",
                                                         "/tmp/.x",
                                                         "/usr/sbin/nginx",
                                                         "5",
                                                         "5.0",
                                                         " 7",
                                                         "a\0b"s,
                                                         "x y",
                                                         "-e",
                                                         "--password=***",
                                                         "EXEC",
                                                         "sha256",
                                                         "\\",
                                                         "\t"});
  return kTexts[Below(kTexts.size())];
}

int64_t RandomEvents::Number() {
  constexpr auto kNumbers = std::to_array<int64_t>({0, 1, 2, 5, 7, 90, 1000, 1001, 4294967295, -1,
                                                    std::numeric_limits<int64_t>::max(),
                                                    std::numeric_limits<int64_t>::max() - 1});
  return kNumbers[Below(kNumbers.size())];
}

EventPtr RandomEvents::Next() {
  auto event = std::make_unique<v1::CollectionEvent>();
  v1::ProcessEvent& process = *event->mutable_process();
  process.set_action(static_cast<v1::ProcessAction>(Below(8)));
  if (!OneIn(4)) process.set_process_key(Text());
  if (!OneIn(4)) process.set_parent_key(Text());
  if (!OneIn(4)) process.set_pid(static_cast<uint32_t>(Number()));
  if (!OneIn(4)) process.set_ppid(static_cast<uint32_t>(Number()));
  if (!OneIn(4)) process.set_name(Text());
  if (!OneIn(4)) process.set_parent_name(Text());
  if (!OneIn(4)) process.set_executable_path(Text());
  for (size_t i = Below(4); i > 0; --i) process.add_command_line(Text());
  if (!OneIn(4)) process.set_cpu_usage_percent(static_cast<double>(Below(2000)) / 10);
  if (!OneIn(4)) process.set_memory_usage_bytes(static_cast<uint64_t>(Number()));
  if (!OneIn(4)) process.set_user_id(static_cast<uint32_t>(Below(3)));
  if (!OneIn(4)) process.set_file_exists(OneIn(2));
  if (OneIn(3)) process.mutable_capabilities()->set_effective(static_cast<uint64_t>(Number()));
  if (OneIn(3)) {
    process.mutable_suspicion()->set_rule(Text());
    process.mutable_suspicion()->set_severity(static_cast<v1::Severity>(Below(6)));
  }
  if (!OneIn(4)) event->mutable_event_time()->set_seconds(1'700'000'000 + Below(10));
  if (!OneIn(4)) event->mutable_origin()->set_host(Text());
  return event;
}

std::vector<const v1::CollectionEvent*> Pointers(const std::vector<EventPtr>& events) {
  std::vector<const v1::CollectionEvent*> pointers;
  for (const EventPtr& event : events) pointers.push_back(event.get());
  return pointers;
}

}  // namespace daemoneye::sql
