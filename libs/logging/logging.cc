#include "libs/logging/logging.h"

#include <signal.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/sink.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/logging/line_format.h"
#include "libs/logging/stderr_writer.h"

namespace daemoneye::logging {
namespace {

constexpr size_t kQueuedLines = 4096;

// Takes lines that are formatted already.
class WriterSink final : public spdlog::sinks::sink {
 public:
  explicit WriterSink(StderrWriter& writer) : writer_(writer) {}
  void log(const spdlog::details::log_msg& message) override {
    writer_.WriteLine(std::string_view(message.payload.data(), message.payload.size()));
  }
  void flush() override {}
  void set_pattern(const std::string&) override {}
  void set_formatter(std::unique_ptr<spdlog::formatter>) override {}

 private:
  StderrWriter& writer_;
};

// The queue, its thread, and what writes into it; ends with the queue written out.
struct Pipeline {
  LogOptions options;
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;
};

struct State {
  StderrWriter writer{STDERR_FILENO};
  base::Mutex mu;
  std::shared_ptr<Pipeline> pipeline GUARDED_BY(mu);
  uint64_t overrun_before GUARDED_BY(mu) = 0;  // of pipelines that ended
};

// Never destroyed: lines may come while statics are.
State& TheState() {
  static State& state = *new State;
  return state;
}

std::shared_ptr<Pipeline> CurrentPipeline() {
  State& state = TheState();
  base::MutexLock lock(state.mu);
  return state.pipeline;
}

std::shared_ptr<Pipeline> MakePipeline(const LogOptions& options) {
  auto pipeline = std::make_shared<Pipeline>();
  pipeline->options = options;
  // Signals belong to the main thread; a thread inherits the mask.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pipeline->pool = std::make_shared<spdlog::details::thread_pool>(
      kQueuedLines, 1, [] { pthread_setname_np(pthread_self(), "log"); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pipeline->logger = std::make_shared<spdlog::async_logger>(
      options.component, std::make_shared<WriterSink>(TheState().writer), pipeline->pool,
      spdlog::async_overflow_policy::overrun_oldest);
  pipeline->logger->set_level(spdlog::level::trace);
  return pipeline;
}

}  // namespace

namespace internal {

std::atomic<int> threshold{static_cast<int>(Level::kInfo)};

void Write(Level level, std::string_view message, std::span<const Field> fields) {
  const std::shared_ptr<Pipeline> pipeline = CurrentPipeline();
  const Record record = {
      .time = base::Clock::Real().Now(),
      .level = level,
      .component = pipeline == nullptr ? std::string_view("-") : pipeline->options.component,
      .message = message,
      .fields = fields};
  LineBuffer line;
  if (pipeline != nullptr && pipeline->options.format == Format::kJson) {
    AppendJson(record, line);
  } else {
    AppendText(record, line);
  }
  if (pipeline == nullptr) {
    TheState().writer.WriteLine(std::string_view(line.data(), line.size()));
  } else {
    pipeline->logger->log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
  }
}

}  // namespace internal

void Init(const LogOptions& options) {
  Shutdown();
  SetLevel(options.level, options.enable_debug);
  std::shared_ptr<Pipeline> pipeline = MakePipeline(options);
  State& state = TheState();
  base::MutexLock lock(state.mu);
  state.pipeline = std::move(pipeline);
}

void Shutdown() {
  State& state = TheState();
  std::shared_ptr<Pipeline> last;
  {
    base::MutexLock lock(state.mu);
    last = std::exchange(state.pipeline, nullptr);
    if (last != nullptr) state.overrun_before += last->pool->overrun_counter();
  }
  // A caller in the middle of Write may hold it too; then the queue ends with that caller.
  last.reset();
}

void SetLevel(Level level, bool enable_debug) {
  const Level lowest = enable_debug ? std::min(level, Level::kDebug) : level;
  internal::threshold.store(static_cast<int>(lowest), std::memory_order_relaxed);
}

uint64_t dropped_lines() {
  State& state = TheState();
  const std::shared_ptr<Pipeline> pipeline = CurrentPipeline();
  const uint64_t now = pipeline == nullptr ? 0 : pipeline->pool->overrun_counter();
  base::MutexLock lock(state.mu);
  return state.overrun_before + now + state.writer.dropped_lines();
}

}  // namespace daemoneye::logging
