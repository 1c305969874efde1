// Logging: one line an occurrence on stderr, with structured key=value fields.
//
//   logging::Info("source started", {{"source", name}, {"took_ms", 12}});
//
// Text:  2026-01-02T03:04:05.678Z INFO procmond: source started source=process-exec took_ms=12
// JSON:  {"time":"...","level":"info","component":"procmond","msg":"source started",
//         "fields":{"source":"process-exec","took_ms":12}}
//
// Text from outside is made safe to print here, so callers pass it as it came. A line is at most
// kMaxLineBytes; a longer one is cut and says so.
//
// Threads:    every function from any; Init and Shutdown from main.
// Cost:       a level that is off: one relaxed load, no allocation. On: the line is formatted by
//             the caller and written by a thread of this room, behind a bounded queue that drops
//             its oldest line when full; a stuck stderr costs lines (dropped_lines), never a
//             caller.
#pragma once

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "libs/logging/field.h"
#include "libs/logging/level.h"

namespace daemoneye::logging {

enum class Format { kText, kJson };

struct LogOptions {
  std::string component;
  Level level = Level::kInfo;
  Format format = Format::kText;
  // Lowers `level` to debug, and stays in force over SetLevel.
  bool enable_debug = false;
};

// Begins to log so. Before, lines go out as text, at info, written by the caller.
void Init(const LogOptions& options);

// Writes out what is queued and ends the thread; later lines go out as before Init. Idempotent.
void Shutdown();

// At reload.
void SetLevel(Level level, bool enable_debug = false);

// Lines lost since the start: the queue was full or stderr took none.
uint64_t dropped_lines();

namespace internal {
extern std::atomic<int> threshold;
void Write(Level level, std::string_view message, std::span<const Field> fields);
}  // namespace internal

inline bool IsOn(Level level) {
  return static_cast<int>(level) >= internal::threshold.load(std::memory_order_relaxed);
}

inline void Log(Level level, std::string_view message, std::initializer_list<Field> fields = {}) {
  if (IsOn(level)) internal::Write(level, message, {fields.begin(), fields.size()});
}
inline void Debug(std::string_view message, std::initializer_list<Field> fields = {}) {
  Log(Level::kDebug, message, fields);
}
inline void Info(std::string_view message, std::initializer_list<Field> fields = {}) {
  Log(Level::kInfo, message, fields);
}
inline void Warning(std::string_view message, std::initializer_list<Field> fields = {}) {
  Log(Level::kWarning, message, fields);
}
inline void Error(std::string_view message, std::initializer_list<Field> fields = {}) {
  Log(Level::kError, message, fields);
}

}  // namespace daemoneye::logging
