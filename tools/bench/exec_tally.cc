#include "tools/bench/exec_tally.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <utility>

#include "fmt/format.h"

namespace daemoneye::bench {
namespace {

constexpr std::string_view kMark = "MARK";

absl::Time TimeOf(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

}  // namespace

std::string ExecVerdict::Text() const {
  return fmt::format("missing={} twice={} wrong={} told_lost={}", missing, twice, wrong, told_lost);
}

uint32_t ExecTally::RunOf(const v1::ProcessEvent& process) const {
  if (process.command_line_size() != 2 || process.command_line(0) != "/bin/true") return kUnknown;
  std::string_view mark = process.command_line(1);
  if (!mark.starts_with(kMark)) return kUnknown;
  mark.remove_prefix(kMark.size());
  uint32_t n = kUnknown;
  const auto [end, error] = std::from_chars(mark.data(), mark.data() + mark.size(), n);
  if (error != std::errc() || end != mark.data() + mark.size() || n >= runs_.size()) {
    return kUnknown;
  }
  return n;
}

void ExecTally::AddExec(const v1::ProcessEvent& process, uint64_t key) {
  const uint32_t n = RunOf(process);
  if (n == kUnknown) return;
  Run& run = runs_[n];
  ++events_;
  ++run.execs;
  run.ppid = process.ppid();
  const auto [known, is_new] = run_of_.try_emplace(key, n);
  if (is_new) {
    run.wrong |= kNoStart;
  } else if (known->second == kUnknown) {
    known->second = n;
    const auto more = more_starts_.find(key);
    run.starts = 1;
    if (more != more_starts_.end()) {
      run.starts = static_cast<uint8_t>(run.starts + more->second);
      more_starts_.erase(more);
    }
    events_ += run.starts;
  } else if (known->second != n) {
    run.wrong |= kOtherRun;
  }
}

void ExecTally::AddStart(uint64_t key) {
  const auto [known, is_new] = run_of_.try_emplace(key, kUnknown);
  if (is_new) return;
  if (known->second == kUnknown) {
    ++more_starts_[key];
  } else {
    ++runs_[known->second].starts;
    ++events_;
  }
}

void ExecTally::AddStop(const v1::ProcessEvent& process, uint64_t key) {
  const auto known = run_of_.find(key);
  if (known == run_of_.end()) return;
  if (known->second == kUnknown) {
    run_of_.erase(known);  // one of others
    more_starts_.erase(key);
    return;
  }
  Run& run = runs_[known->second];
  ++events_;
  if (++run.stops == 1) ++ended_;
  const bool is_zero = process.has_exit_code() && process.exit_code() == 0;
  if (!is_zero || process.exit_signal() != 0) run.wrong |= kExit;
  run.is_reconciled |= process.reconciled();
}

void ExecTally::Add(const v1::CollectionEvent& event, absl::Time now) {
  if (event.has_loss()) told_lost_ += event.loss().count();
  if (!event.has_process()) return;
  const v1::ProcessEvent& process = event.process();
  const uint64_t key = std::hash<std::string>()(process.process_key());
  if (process.action() == v1::PROCESS_ACTION_START) {
    AddStart(key);
  } else if (process.action() == v1::PROCESS_ACTION_STOP) {
    AddStop(process, key);
  } else if (process.action() == v1::PROCESS_ACTION_EXEC) {
    const uint64_t before = events_;
    AddExec(process, key);
    if (events_ == before) return;
    const double delay_ms = absl::ToDoubleMilliseconds(now - TimeOf(event.event_time()));
    if (delays_ms_.size() < kMaxDelays) {
      delays_ms_.push_back(delay_ms);
    } else {
      delays_ms_[next_delay_++ % kMaxDelays] = delay_ms;
    }
  }
}

bool ExecTally::HasParent(size_t n, const std::vector<pid_t>& workers) const {
  return !workers.empty() && runs_[n].ppid == static_cast<uint32_t>(workers[n % workers.size()]);
}

ExecVerdict ExecTally::Verdict(const std::vector<pid_t>& workers) const {
  ExecVerdict verdict;
  verdict.told_lost = told_lost_;
  for (size_t n = 0; n < runs_.size(); ++n) {
    const Run& run = runs_[n];
    for (const uint8_t times : {run.starts, run.execs, run.stops}) {
      verdict.missing += times == 0;
      verdict.twice += times > 1;
    }
    verdict.wrong += run.execs > 0 && (run.wrong != 0 || !HasParent(n, workers));
  }
  return verdict;
}

std::string ExecTally::Faults(const std::vector<pid_t>& workers) const {
  constexpr int kShown = 5;
  std::string text;
  int shown = 0;
  for (size_t n = 0; n < runs_.size() && shown < kShown; ++n) {
    const Run& run = runs_[n];
    const bool is_once = run.starts == 1 && run.execs == 1 && run.stops == 1;
    if (is_once && run.wrong == 0 && HasParent(n, workers)) continue;
    text += fmt::format("MARK{}: START {} EXEC {} STOP {}{}{}{}{}{}\n", n, run.starts, run.execs,
                        run.stops, (run.wrong & kNoStart) != 0 ? ", EXEC before START" : "",
                        (run.wrong & kOtherRun) != 0 ? ", key of another" : "",
                        (run.wrong & kExit) != 0 ? ", another exit code" : "",
                        HasParent(n, workers) ? "" : ", another parent",
                        run.is_reconciled ? ", STOP reconciled" : "");
    ++shown;
  }
  return text;
}

}  // namespace daemoneye::bench
