// FeedServer: a monitor that publishes at a steady rate for a while, and then only serves.
#pragma once

#include <string>

namespace daemoneye::bench {

struct Feed {
  // Of Origin.monitor.
  std::string monitor;
  // Events a second: of ten 8 SAMPLE, 1 START, 1 STOP, over kFeedProcesses processes.
  int rate = 0;
  // Beside them, STARTs a second named kAlarmingName, with the time of their publishing, ns since
  // 1970, at the end of their process_key.
  int alarms = 0;
  int seconds = 0;
};

inline constexpr int kFeedProcesses = 5000;
inline constexpr char kAlarmingName[] = "evil0";
inline constexpr char kAlarmingKey[] = "bench-";

// As one word, and back.
std::string FeedText(const Feed& feed);
Feed ParseFeed(const std::string& text);

// Serves on the unix socket `path` until the process is ended.
[[noreturn]] void ServeFeed(const std::string& path, const Feed& feed);

}  // namespace daemoneye::bench
