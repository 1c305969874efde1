#include "libs/config/config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <utility>

#include "libs/base/status_macros.h"
#include "libs/base/text.h"
#include "libs/config/environment_parser.h"
#include "libs/config/file_parser.h"
#include "libs/config/flag_parser.h"
#include "libs/config/layer_values.h"
#include "libs/config/name_index.h"
#include "libs/config/yaml_tree.h"

namespace daemoneye::config {

struct Config::Source {
  OptionTable table;
  NameIndex index;
  std::vector<OptionValue> defaults;
  ConfigInput input;
};

struct Config::Setting {
  OptionValue value;
  Layer layer = Layer::kDefault;
  std::string where = {};
};

struct Config::Values {
  std::vector<Setting> settings;  // as the table's specs
  std::string file;
};

namespace {

constexpr std::string_view kConfigSetting = "config";
constexpr size_t kMaxErrorsTold = 10;

// What a table gets wrong is its programmer's mistake.
absl::StatusOr<std::vector<OptionValue>> ParseDefaults(const OptionTable& table) {
  std::vector<OptionValue> defaults;
  for (const OptionSpec& spec : table.specs) {
    absl::StatusOr<OptionValue> value = ParseValue(spec, spec.default_text);
    if (!value.ok()) {
      return absl::InternalError(
          fmt::format("default of {}: {}", spec.key, std::string(value.status().message())));
    }
    defaults.push_back(*std::move(value));
  }
  return defaults;
}

absl::Status JoinErrors(std::vector<std::string> errors) {
  if (errors.empty()) return absl::OkStatus();
  if (errors.size() > kMaxErrorsTold) {
    const size_t more = errors.size() - kMaxErrorsTold;
    errors.resize(kMaxErrorsTold);
    errors.push_back(fmt::format("and {} more", more));
  }
  return absl::InvalidArgumentError(fmt::format("{}", fmt::join(errors, "; ")));
}

// The path that flags and environment give, and whether somebody asked for it.
struct FileChoice {
  std::string path;
  bool is_asked_for = false;
};

FileChoice ChooseFile(const NameIndex& index, const std::vector<OptionValue>& defaults,
                      const LayerValues& environment, const LayerValues& flags) {
  const std::optional<size_t> setting = index.Find(kConfigSetting);
  if (!setting) return {};
  for (const LayerValues* layer : {&flags, &environment}) {
    if (const auto it = layer->values().find(*setting); it != layer->values().end()) {
      return {std::get<std::string>(it->second.value), true};
    }
  }
  return {std::get<std::string>(defaults[*setting]), false};
}

}  // namespace

std::string_view LayerName(Layer layer) {
  switch (layer) {
    case Layer::kDefault:
      return "default";
    case Layer::kFile:
      return "file";
    case Layer::kEnvironment:
      return "environment";
    case Layer::kFlag:
      return "flag";
  }
  return "";
}

ConfigInput ProcessInput(int argc, const char* const* argv, const char* const* environment) {
  ConfigInput input;
  for (int i = 1; i < argc; ++i) input.args.emplace_back(argv[i]);
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    input.environment.emplace_back(*environment);
  }
  return input;
}

Config::Config(std::shared_ptr<const Source> source, std::shared_ptr<const Values> values,
               uint64_t generation)
    : source_(std::move(source)), values_(std::move(values)), generation_(generation) {}

absl::StatusOr<Config> Config::Load(OptionTable table, ConfigInput input) {
  ASSIGN_OR_RETURN(NameIndex index, NameIndex::Create(table));
  ASSIGN_OR_RETURN(std::vector<OptionValue> defaults, ParseDefaults(table));
  auto source = std::make_shared<const Source>(
      Source{std::move(table), std::move(index), std::move(defaults), std::move(input)});
  return Build(std::move(source), 1, /*file_required=*/false);
}

absl::StatusOr<Config> Config::Build(std::shared_ptr<const Source> source, uint64_t generation,
                                     bool file_required) {
  LayerValues flags(source->table, source->index);
  LayerValues environment(source->table, source->index);
  LayerValues file(source->table, source->index);
  ParseFlags(source->input.args, flags);
  ParseEnvironment(source->input.environment, environment);

  auto values = std::make_shared<Values>();
  const FileChoice choice = ChooseFile(source->index, source->defaults, environment, flags);
  if (!choice.path.empty()) {
    const absl::StatusOr<std::string> text = source->input.read_file(choice.path, kMaxYamlBytes);
    if (text.ok()) {
      values->file = choice.path;
      ParseFile(choice.path, *text, file);
    } else if (choice.is_asked_for || file_required || !absl::IsNotFound(text.status())) {
      return text.status();
    }
  }

  for (const OptionValue& value : source->defaults) values->settings.push_back({value});
  std::vector<std::string> errors;
  const std::pair<Layer, const LayerValues*> layers[] = {
      {Layer::kFile, &file}, {Layer::kEnvironment, &environment}, {Layer::kFlag, &flags}};
  for (const auto& [layer, set] : layers) {
    for (const auto& [i, v] : set->values()) values->settings[i] = {v.value, layer, v.where};
    errors.insert(errors.end(), set->errors().begin(), set->errors().end());
  }
  RETURN_IF_ERROR(JoinErrors(std::move(errors)));

  Config config(source, std::move(values), generation);
  for (const ConfigCheck& check : source->table.checks) RETURN_IF_ERROR(check(config));
  return config;
}

absl::StatusOr<Config::Reloaded> Config::Reload() const {
  ASSIGN_OR_RETURN(Config next, Build(source_, generation_ + 1, !values_->file.empty()));
  std::vector<std::string> changed;
  std::vector<std::string> fixed;
  for (size_t i = 0; i < source_->table.specs.size(); ++i) {
    if (values_->settings[i].value == next.values_->settings[i].value) continue;
    const OptionSpec& spec = source_->table.specs[i];
    (spec.reloadable ? changed : fixed).push_back(spec.key);
  }
  if (!fixed.empty()) {
    return absl::FailedPreconditionError(
        fmt::format("a change of {} needs a restart", fmt::join(fixed, ", ")));
  }
  return Reloaded{std::move(next), std::move(changed)};
}

const Config::Setting& Config::Find(std::string_view name) const {
  const std::optional<size_t> index = source_->index.Find(name);
  if (!index) {
    std::fprintf(stderr, "config: there is no setting %.*s\n", static_cast<int>(name.size()),
                 name.data());
    std::abort();
  }
  return values_->settings[*index];
}

template <typename T>
const T& Config::Get(std::string_view name) const {
  const T* value = std::get_if<T>(&Find(name).value);
  if (value == nullptr) {
    std::fprintf(stderr, "config: setting %.*s is of another type\n", static_cast<int>(name.size()),
                 name.data());
    std::abort();
  }
  return *value;
}

bool Config::GetBool(std::string_view name) const { return Get<bool>(name); }
int64_t Config::GetInt(std::string_view name) const { return Get<int64_t>(name); }
double Config::GetDouble(std::string_view name) const { return Get<double>(name); }
uint64_t Config::GetBytes(std::string_view name) const { return Get<uint64_t>(name); }
absl::Duration Config::GetDuration(std::string_view name) const {
  return Get<absl::Duration>(name);
}
const std::string& Config::GetString(std::string_view name) const { return Get<std::string>(name); }
const std::vector<std::string>& Config::GetList(std::string_view name) const {
  return Get<StringList>(name);
}
const std::map<std::string, std::string>& Config::GetMap(std::string_view name) const {
  return Get<StringMap>(name);
}

const std::string& Config::GetDocument(std::string_view name) const {
  return Get<Document>(name).json;
}
const std::string& Config::Where(std::string_view name) const { return Find(name).where; }

bool Config::Has(std::string_view name) const { return source_->index.Find(name).has_value(); }
Layer Config::layer(std::string_view name) const { return Find(name).layer; }
const std::string& Config::file() const { return values_->file; }
const OptionTable& Config::table() const { return source_->table; }

namespace {

// What an operator sees of a setting beside others.
std::string ViewOf(const OptionSpec& spec, const OptionValue& value) {
  if (spec.secret) return "(secret)";
  if (const auto* document = std::get_if<Document>(&value)) {
    return fmt::format("({} element{})", document->size, document->size == 1 ? "" : "s");
  }
  return FormatValue(value);
}

}  // namespace

std::string Config::Fingerprint() const {
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  const auto add = [&](std::string_view text) {
    for (const char byte : text) hash = (hash ^ static_cast<uint8_t>(byte)) * 0x100000001b3;
    hash = (hash ^ 0xff) * 0x100000001b3;  // ends a text: in no UTF-8
  };
  for (size_t i = 0; i < source_->table.specs.size(); ++i) {
    const OptionSpec& spec = source_->table.specs[i];
    if (spec.flag_only || spec.secret) continue;
    const OptionValue& value = values_->settings[i].value;
    const auto* document = std::get_if<Document>(&value);
    add(spec.key);
    add(document != nullptr ? document->json : FormatValue(value));
  }
  return fmt::format("{:016x}", hash);
}

std::vector<SettingView> Config::Settings() const {
  std::vector<SettingView> views;
  for (size_t i = 0; i < source_->table.specs.size(); ++i) {
    const OptionSpec& spec = source_->table.specs[i];
    if (spec.flag_only) continue;
    const Setting& setting = values_->settings[i];
    views.push_back({spec.key, ViewOf(spec, setting.value), setting.layer, setting.where});
  }
  return views;
}

std::string Config::PrintConfig() const {
  std::string out = fmt::format(
      "# {}: {}\n", source_->table.component,
      values_->file.empty() ? "no file" : "file " + base::EscapeForTerminal(values_->file));
  for (const SettingView& view : Settings()) {
    const size_t index = *source_->index.Find(view.key);
    const OptionSpec& spec = source_->table.specs[index];
    const OptionValue& value = values_->settings[index].value;
    const auto* document = std::get_if<Document>(&value);
    const bool is_comment =
        spec.secret || spec.not_in_file || (document != nullptr && document->json.empty());
    fmt::format_to(std::back_inserter(out), "{}{}: {}  # from {}{}{}\n", is_comment ? "# " : "",
                   view.key, is_comment ? view.value : FormatValue(value), LayerName(view.layer),
                   view.where.empty() ? "" : " ", view.where);
  }
  return out;
}

}  // namespace daemoneye::config
