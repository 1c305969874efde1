#include "tools/eyectl/flag_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include "libs/base/text.h"

namespace daemoneye::eyectl {
namespace {

std::string WithUnderscores(std::string_view name) {
  std::string out(name);
  std::replace(out.begin(), out.end(), '-', '_');
  return out;
}

// Edits (insert, delete, replace) that turn `a` into `b`.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
    }
  }
  return row.back();
}

}  // namespace

absl::StatusOr<bool> ParseBool(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return absl::InvalidArgumentError(
      fmt::format("'{}' is neither true nor false", base::EscapeForTerminal(text)));
}

absl::StatusOr<uint64_t> ParseUnsigned(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' is not a whole number of at least 0", base::EscapeForTerminal(text)));
  }
  return value;
}

absl::StatusOr<absl::Duration> ParseDuration(std::string_view text) {
  absl::Duration value;
  if (!absl::ParseDuration(std::string(text), &value) || value < absl::ZeroDuration()) {
    return absl::InvalidArgumentError(fmt::format("'{}' is not a duration such as 500ms, 10s or 5m",
                                                  base::EscapeForTerminal(text)));
  }
  return value;
}

std::optional<std::string> NearestName(std::string_view name, std::span<const std::string> names) {
  std::optional<std::string> best;
  size_t best_distance = name.size() / 3 + 1;
  for (const std::string& candidate : names) {
    const size_t distance = EditDistance(name, candidate);
    if (distance <= best_distance && (!best || distance < best_distance)) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

void FlagSet::Add(Flag flag) { flags_.push_back(std::move(flag)); }

void FlagSet::AddText(std::string name, std::string value_name, std::string doc, std::string* out) {
  Add({std::move(name), std::move(value_name), std::move(doc), [out](std::string_view v) {
         *out = v;
         return absl::OkStatus();
       }});
}

void FlagSet::AddBool(std::string name, std::string doc, bool* out) {
  Add({std::move(name), "", std::move(doc), [out](std::string_view v) {
         const absl::StatusOr<bool> value = ParseBool(v);
         if (value.ok()) *out = *value;
         return value.status();
       }});
}

void FlagSet::AddUnsigned(std::string name, std::string doc, uint64_t* out) {
  Add({std::move(name), "N", std::move(doc), [out](std::string_view v) {
         const absl::StatusOr<uint64_t> value = ParseUnsigned(v);
         if (value.ok()) *out = *value;
         return value.status();
       }});
}

void FlagSet::AddDuration(std::string name, std::string doc, absl::Duration* out) {
  Add({std::move(name), "TIME", std::move(doc), [out](std::string_view v) {
         const absl::StatusOr<absl::Duration> value = ParseDuration(v);
         if (value.ok()) *out = *value;
         return value.status();
       }});
}

const Flag* FlagSet::Find(std::string_view name) const {
  const auto it = std::find_if(flags_.begin(), flags_.end(),
                               [&](const Flag& flag) { return flag.name == name; });
  return it == flags_.end() ? nullptr : &*it;
}

absl::Status FlagSet::UnknownFlag(std::string_view name) const {
  std::vector<std::string> names;
  names.reserve(flags_.size());
  for (const Flag& flag : flags_) names.push_back(flag.name);
  const std::optional<std::string> nearest = NearestName(name, names);
  return absl::InvalidArgumentError(
      fmt::format("unknown flag --{}{}", base::EscapeForTerminal(name),
                  nearest ? "; did you mean --" + *nearest + "?" : ""));
}

absl::StatusOr<std::vector<std::string>> FlagSet::Parse(std::span<const std::string> args) {
  std::vector<std::string> positional;
  std::set<std::string> given;
  for (size_t i = 0; i < args.size(); ++i) {
    const std::string_view arg = args[i];
    if (arg == "--") {
      positional.insert(positional.end(), args.begin() + static_cast<ptrdiff_t>(i) + 1, args.end());
      break;
    }
    if (!arg.starts_with("--")) {
      positional.emplace_back(arg);
      continue;
    }
    const size_t equals = arg.find('=');
    const std::string name =
        WithUnderscores(arg.substr(2, equals == arg.npos ? equals : equals - 2));
    const Flag* flag = Find(name);
    if (flag == nullptr) return UnknownFlag(name);
    std::string_view value = "true";
    if (equals != arg.npos) {
      value = arg.substr(equals + 1);
    } else if (!flag->value_name.empty()) {
      if (i + 1 == args.size()) {
        return absl::InvalidArgumentError(
            fmt::format("--{} wants a value: --{}={}", name, name, flag->value_name));
      }
      value = args[++i];
    }
    if (!given.insert(name).second && !flag->repeatable) {
      return absl::InvalidArgumentError(fmt::format("--{} is given twice", name));
    }
    if (const absl::Status status = flag->set(value); !status.ok()) {
      return absl::InvalidArgumentError(fmt::format(
          "--{}: {}", name, std::string_view(status.message().data(), status.message().size())));
    }
  }
  return positional;
}

std::string FlagSet::Help() const {
  std::string out;
  for (const Flag& flag : flags_) {
    std::string head = "--" + flag.name;
    if (!flag.value_name.empty()) head += "=" + flag.value_name;
    out += fmt::format("  {:<34} {}{}\n", head, flag.doc, flag.repeatable ? " (repeatable)" : "");
  }
  return out;
}

}  // namespace daemoneye::eyectl
