#include "tools/eyectl/filter_flags.h"

#include <fmt/format.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <cctype>
#include <limits>
#include <utility>

#include "libs/base/status_macros.h"
#include "libs/base/text.h"

namespace daemoneye::eyectl {
namespace {

// Finds the filter that a flag fills: the filter itself, or its `deny`.
using FilterOf = std::function<v1::EventFilter&()>;
using Setter = std::function<absl::Status(std::string_view)>;

std::string Upper(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return out;
}

// Calls `take` with each element of a comma list.
absl::Status ForEach(std::string_view list, const Setter& take) {
  while (true) {
    const size_t comma = list.find(',');
    RETURN_IF_ERROR(take(list.substr(0, comma)));
    if (comma == list.npos) return absl::OkStatus();
    list.remove_prefix(comma + 1);
  }
}

absl::Status NotOneOf(std::string_view value, std::string_view names) {
  return absl::InvalidArgumentError(
      fmt::format("'{}' is none of {}", base::EscapeForTerminal(value), names));
}

absl::Status NotEmpty(std::string_view value) {
  if (value.empty()) return absl::InvalidArgumentError("the value is empty");
  return absl::OkStatus();
}

absl::Status AddKind(std::string_view text, v1::EventFilter& filter) {
  v1::EventKind kind;
  if (text == "trigger") text = "trigger_request";
  if (!v1::EventKind_Parse("EVENT_KIND_" + Upper(text), &kind) ||
      kind == v1::EVENT_KIND_UNSPECIFIED) {
    return NotOneOf(text, "process, network, filesystem, performance, trigger_request, loss");
  }
  filter.add_kinds(kind);
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> ParsePid(std::string_view text) {
  ASSIGN_OR_RETURN(const uint64_t pid, ParseUnsigned(text));
  if (pid > std::numeric_limits<uint32_t>::max()) {
    return absl::InvalidArgumentError(fmt::format("{} is no process id", pid));
  }
  return static_cast<uint32_t>(pid);
}

absl::Status SetPriority(std::string_view text, v1::EventFilter& filter) {
  v1::TriggerPriority priority;
  if (!v1::TriggerPriority_Parse("TRIGGER_PRIORITY_" + Upper(text), &priority) ||
      priority == v1::TRIGGER_PRIORITY_UNSPECIFIED) {
    return NotOneOf(text, "low, normal, high, critical");
  }
  filter.set_minimum_priority(priority);
  return absl::OkStatus();
}

absl::Status SetPair(std::string_view text, google::protobuf::Map<std::string, std::string>& map) {
  const size_t equals = text.find('=');
  if (equals == text.npos || equals == 0) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' is not KEY=VALUE", base::EscapeForTerminal(text)));
  }
  map[std::string(text.substr(0, equals))] = std::string(text.substr(equals + 1));
  return absl::OkStatus();
}

// An RFC 3339 time, or how long before `now`.
absl::Status SetTime(std::string_view text, absl::Time now, google::protobuf::Timestamp& out) {
  absl::Time time;
  absl::Duration ago;
  if (absl::ParseDuration(std::string(text), &ago)) {
    time = now - ago;
  } else if (!absl::ParseTime(absl::RFC3339_full, std::string(text), &time, nullptr)) {
    return absl::InvalidArgumentError(fmt::format(
        "'{}' is neither a time such as 2030-01-31T12:00:00Z nor how long ago, such as 10m",
        base::EscapeForTerminal(text)));
  }
  out = google::protobuf::util::TimeUtil::NanosecondsToTimestamp(absl::ToUnixNanos(time));
  return absl::OkStatus();
}

// Declares flags whose name and text say on which side of the filter they stand.
class FilterFlagAdder {
 public:
  FilterFlagAdder(FlagSet& flags, std::string prefix, FilterOf filter)
      : flags_(flags), prefix_(std::move(prefix)), filter_(std::move(filter)) {}

  void Add(std::string_view name, std::string_view value_name, std::string_view doc,
           std::function<absl::Status(std::string_view, v1::EventFilter&)> set,
           bool repeatable = true) {
    flags_.Add({prefix_ + std::string(name), std::string(value_name),
                prefix_.empty() ? std::string(doc) : fmt::format("leave out: {}", doc),
                [set = std::move(set), filter = filter_](std::string_view v) {
                  RETURN_IF_ERROR(NotEmpty(v));
                  return set(v, filter());
                },
                repeatable});
  }

  // A repeated text field; commas belong to the value unless `list`.
  void AddTexts(std::string_view name, std::string_view value_name, std::string_view doc,
                std::string* (v1::EventFilter::*add)(), bool list = false) {
    Add(name, value_name, doc, [add, list](std::string_view v, v1::EventFilter& f) {
      const Setter take = [&](std::string_view one) {
        *(f.*add)() = one;
        return NotEmpty(one);
      };
      return list ? ForEach(v, take) : take(v);
    });
  }

 private:
  FlagSet& flags_;
  std::string prefix_;
  FilterOf filter_;
};

void AddListFlags(FilterFlagAdder& adder) {
  adder.Add("kind", "KIND,..", "kinds of event: process, network, filesystem, performance, ...",
            [](std::string_view v, v1::EventFilter& f) {
              return ForEach(v, [&](std::string_view one) { return AddKind(one, f); });
            });
  adder.Add("action", "ACTION,..",
            "what happened: start, exec, stop, modified, sample, connect, ...",
            [](std::string_view v, v1::EventFilter& f) {
              return ForEach(v, [&](std::string_view one) {
                f.add_actions(Upper(one));
                return NotEmpty(one);
              });
            });
  adder.Add("pid", "PID,..", "process ids", [](std::string_view v, v1::EventFilter& f) {
    return ForEach(v, [&](std::string_view one) -> absl::Status {
      ASSIGN_OR_RETURN(const uint32_t pid, ParsePid(one));
      f.add_pids(pid);
      return absl::OkStatus();
    });
  });
  using F = v1::EventFilter;
  adder.AddTexts("process_key", "KEY,..", "process identities", &F::add_process_keys, true);
  adder.AddTexts("name", "NAME", "process name, exact or a glob with * ? [", &F::add_names);
  adder.AddTexts("path", "PATH", "executable or file, exact or a glob", &F::add_paths);
  adder.AddTexts("host", "HOST,..", "hosts", &F::add_hosts, true);
  adder.AddTexts("source", "SOURCE,..", "event sources, such as process-scan", &F::add_sources,
                 true);
  adder.AddTexts("monitor", "MONITOR,..", "monitors, such as procmond", &F::add_monitors, true);
  adder.AddTexts("topic", "PATTERN", "topic pattern: + one segment, # the rest", &F::add_topics);
}

void AddConditionFlags(FilterFlagAdder& adder, const base::Clock& clock) {
  adder.Add(
      "sql", "CONDITION", "SQL condition over process_events, or a SELECT",
      [](std::string_view v, v1::EventFilter& f) {
        f.set_sql(std::string(v));
        return absl::OkStatus();
      },
      false);
  adder.Add("minimum_priority", "PRIORITY", "trigger requests of low, normal, high or critical up",
            SetPriority, false);
  adder.Add(
      "metadata", "KEY=VALUE", "metadata of a trigger request, label of a measurement",
      [](std::string_view v, v1::EventFilter& f) { return SetPair(v, *f.mutable_metadata()); });
  adder.Add(
      "first_sequence", "N", "positions of this stream from here",
      [](std::string_view v, v1::EventFilter& f) -> absl::Status {
        ASSIGN_OR_RETURN(const uint64_t n, ParseUnsigned(v));
        f.mutable_sequence_range()->set_first(n);
        return absl::OkStatus();
      },
      false);
  adder.Add(
      "last_sequence", "N", "positions of this stream up to here",
      [](std::string_view v, v1::EventFilter& f) -> absl::Status {
        ASSIGN_OR_RETURN(const uint64_t n, ParseUnsigned(v));
        f.mutable_sequence_range()->set_last(n);
        return absl::OkStatus();
      },
      false);
  adder.Add(
      "since", "TIME", "events at or after: RFC 3339, or 10m for ten minutes ago",
      [&clock](std::string_view v, v1::EventFilter& f) {
        return SetTime(v, clock.Now(), *f.mutable_time_range()->mutable_since());
      },
      false);
  adder.Add(
      "until", "TIME", "events before",
      [&clock](std::string_view v, v1::EventFilter& f) {
        return SetTime(v, clock.Now(), *f.mutable_time_range()->mutable_until());
      },
      false);
}

void AddCorrelationFlags(FilterFlagAdder& adder) {
  const auto text = [&](std::string_view name, std::string_view doc,
                        std::string* (v1::CorrelationFilter::*field)()) {
    adder.Add(
        name, "ID", doc,
        [field](std::string_view v, v1::EventFilter& f) {
          *(f.mutable_correlation()->*field)() = v;
          return absl::OkStatus();
        },
        false);
  };
  using C = v1::CorrelationFilter;
  text("correlation_id", "correlation id", &C::mutable_id);
  text("correlation_parent", "correlation id of the parent", &C::mutable_parent);
  text("correlation_root", "correlation id of the chain's first", &C::mutable_root);
  text("correlation_stage", "stage of a workflow", &C::mutable_stage);
  adder.Add("tag", "KEY=VALUE", "correlation tags, all of them",
            [](std::string_view v, v1::EventFilter& f) {
              return SetPair(v, *f.mutable_correlation()->mutable_tags());
            });
  adder.Add("any_tag", "KEY=VALUE", "correlation tags, at least one of them",
            [](std::string_view v, v1::EventFilter& f) {
              return SetPair(v, *f.mutable_correlation()->mutable_any_tags());
            });
  adder.Add(
      "by_pid", "PID", "whatever is about this process id, its children included",
      [](std::string_view v, v1::EventFilter& f) -> absl::Status {
        ASSIGN_OR_RETURN(const uint32_t pid, ParsePid(v));
        f.mutable_correlation()->set_by_pid(pid);
        return absl::OkStatus();
      },
      false);
}

}  // namespace

void AddFilterFlags(FlagSet& flags, const base::Clock& clock, v1::EventFilter* filter) {
  FilterFlagAdder allow(flags, "", [filter]() -> v1::EventFilter& { return *filter; });
  FilterFlagAdder deny(flags, "deny_",
                       [filter]() -> v1::EventFilter& { return *filter->mutable_deny(); });
  for (FilterFlagAdder* adder : {&allow, &deny}) {
    AddListFlags(*adder);
    AddConditionFlags(*adder, clock);
    AddCorrelationFlags(*adder);
  }
  flags.Add({"own", "", "also processes that the monitor itself spawned",
             [filter](std::string_view v) -> absl::Status {
               ASSIGN_OR_RETURN(const bool own, ParseBool(v));
               filter->set_own(own);
               return absl::OkStatus();
             }});
}

}  // namespace daemoneye::eyectl
