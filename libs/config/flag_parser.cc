#include "libs/config/flag_parser.h"

#include <fmt/format.h>

#include <optional>
#include <string_view>

#include "libs/base/text.h"
#include "libs/config/nearest_name.h"

namespace daemoneye::config {
namespace {

std::string Shown(std::string_view text) {
  return base::EscapeForTerminal(base::Utf8Prefix(text, 64));
}

class FlagReader {
 public:
  FlagReader(const std::vector<std::string>& args, LayerValues& out) : args_(args), out_(out) {}

  void Run() {
    while (next_ < args_.size()) {
      const std::string_view arg = args_[next_++];
      if (arg.size() > 2 && arg.starts_with("--")) {
        ReadFlag(arg.substr(2));
      } else {
        RefuseStray(arg);
      }
    }
  }

 private:
  void RefuseStray(std::string_view arg) {
    if (arg.size() > 1 && arg.starts_with('-') && arg != "--") {
      out_.AddError(fmt::format("stray argument '{}': flags begin with --", Shown(arg)));
    } else if (!last_bool_.empty()) {
      out_.AddError(fmt::format("stray argument '{}' (to set --{}, write --{}=true or --{}=false)",
                                Shown(arg), last_bool_, last_bool_, last_bool_));
    } else {
      out_.AddError(fmt::format("stray argument '{}'", Shown(arg)));
    }
    last_bool_.clear();
  }

  void ReadFlag(std::string_view body) {
    last_bool_.clear();
    const size_t equals = body.find('=');
    const std::string name = NormalName(body.substr(0, equals));
    std::optional<std::string_view> value;
    if (equals != std::string_view::npos) value = body.substr(equals + 1);

    const std::optional<size_t> known = out_.index().Find(name);
    if (!known) {
      ReadNegated(name, value);
      return;
    }
    const OptionSpec& spec = out_.table().specs[*known];
    if (spec.file_only()) {
      if (!value) TakeNext();
      out_.AddError(fmt::format("--{}: can only be set in the file", name));
      return;
    }
    if (!value && spec.type == OptionType::kBool) {
      last_bool_ = name;
      value = "true";
    }
    if (!value) value = TakeNext();
    const std::string flag = "--" + name;
    if (!value) {
      out_.AddError(fmt::format("{}: needs a value: {}=VALUE", flag, flag));
      return;
    }
    out_.Set(*known, flag, flag, ParseValue(spec, *value));
  }

  std::optional<std::string_view> TakeNext() {
    if (next_ >= args_.size() || args_[next_].starts_with("--")) return std::nullopt;
    return args_[next_++];
  }

  // --noname and --no-name for a boolean `name`; all else is unknown.
  void ReadNegated(const std::string& name, std::optional<std::string_view> value) {
    if (name.starts_with("no")) {
      const std::string positive = name.substr(name.starts_with("no_") ? 3 : 2);
      if (const std::optional<size_t> known = out_.index().Find(positive)) {
        RefuseOrNegate(*known, positive, name, value.has_value());
        return;
      }
    }
    const std::string_view nearest = NearestName(name, out_.index().names());
    out_.AddError(fmt::format("unknown flag --{}{}", Shown(name),
                              nearest.empty() ? std::string(" (see --help)")
                                              : fmt::format(" (did you mean --{}?)", nearest)));
  }

  void RefuseOrNegate(size_t known, const std::string& positive, const std::string& name,
                      bool has_value) {
    const std::string flag = "--" + name;
    if (out_.table().specs[known].type != OptionType::kBool) {
      out_.AddError(fmt::format("{}: {} is not a boolean", flag, positive));
    } else if (has_value) {
      out_.AddError(fmt::format("{}: takes no value; write --{}=false", flag, positive));
    } else {
      last_bool_ = positive;
      out_.Set(known, flag, flag, OptionValue(false));
    }
  }

  const std::vector<std::string>& args_;
  LayerValues& out_;
  size_t next_ = 0;
  std::string last_bool_;  // the boolean flag just before, for a hint
};

}  // namespace

void ParseFlags(const std::vector<std::string>& args, LayerValues& out) {
  FlagReader(args, out).Run();
}

}  // namespace daemoneye::config
