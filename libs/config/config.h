// Config: a component's settings, each with the layer that its value came from.
//
// Layers: flags > environment (DAEMONEYE_<FLAG>) > file (--config, by default
// /etc/daemoneye/<component>.yaml where it exists) > defaults. Strict: an unknown name is refused
// with the nearest known one, and a value out of bounds is refused whichever layer wins.
//
// Threads:    immutable, so any; copies share their values.
// Ownership:  shares the table, copies its input.
// Cost:       a look-up is one hash of the name; for start and reload, not for a hot path.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/config/option_spec.h"
#include "libs/config/option_value.h"

namespace daemoneye::config {

// Lowest first.
enum class Layer { kDefault, kFile, kEnvironment, kFlag };

// "default", "file", "environment", "flag".
std::string_view LayerName(Layer layer);

// The contents of the file at `path`; NotFound when there is none, ResourceExhausted when it is
// longer than `max_bytes`.
using FileReader =
    std::function<absl::StatusOr<std::string>(const std::string& path, size_t max_bytes)>;

// Reads a regular file (never a FIFO or device, so never blocks on one).
absl::StatusOr<std::string> ReadConfigFile(const std::string& path, size_t max_bytes);

// Where settings come from.
struct ConfigInput {
  std::vector<std::string> args;         // argv without argv[0]
  std::vector<std::string> environment;  // "NAME=value"
  FileReader read_file = ReadConfigFile;
};

// What this process was started with.
ConfigInput ProcessInput(int argc, const char* const* argv, const char* const* environment);

// A setting as an operator sees it.
struct SettingView {
  std::string key;
  // As PrintConfig writes it; "(secret)" for a secret, "(N elements)" for a document.
  std::string value;
  Layer layer;
  std::string where;  // "--interval", "DAEMONEYE_INTERVAL", "/etc/daemoneye/procmond.yaml:3", ""
};

class Config {
 public:
  struct Reloaded;

  // InvalidArgument naming each bad setting, where it stands and what would be right;
  // NotFound or PermissionDenied for a file that was asked for and cannot be read;
  // Internal when the table itself is wrong (two settings of one name, a bad default).
  static absl::StatusOr<Config> Load(OptionTable table, ConfigInput input);

  // Reads the file anew under the same flags and environment. On an error (a bad value, a file that
  // is gone, FailedPrecondition naming the changed settings that need a restart) this one stays in
  // force.
  absl::StatusOr<Reloaded> Reload() const;

  // The value of a setting, by any of its names. A name that the table does not have, or of another
  // type, is a defect of the caller: the process aborts and says which.
  bool GetBool(std::string_view name) const;
  int64_t GetInt(std::string_view name) const;
  double GetDouble(std::string_view name) const;
  uint64_t GetBytes(std::string_view name) const;
  absl::Duration GetDuration(std::string_view name) const;
  // Also of an enum.
  const std::string& GetString(std::string_view name) const;
  const std::vector<std::string>& GetList(std::string_view name) const;
  const std::map<std::string, std::string>& GetMap(std::string_view name) const;
  // Its JSON; empty where the file does not give it.
  const std::string& GetDocument(std::string_view name) const;
  // "/etc/daemoneye/procmond.yaml:3"; empty for a default.
  const std::string& Where(std::string_view name) const;

  // Whether the table has this setting.
  bool Has(std::string_view name) const;
  Layer layer(std::string_view name) const;

  // 16 hexadecimal digits of all values but the secret ones, wherever they came from: the same for
  // the same settings in every process of this version.
  std::string Fingerprint() const;

  // Every setting but the flag-only ones, in the table's order.
  std::vector<SettingView> Settings() const;

  // YAML with a `# from <layer>` behind each value, which Load accepts as a file. Secrets are left
  // out, with a comment in their place.
  std::string PrintConfig() const;

  // 1 for the one loaded at start, and one more a successful reload.
  uint64_t generation() const { return generation_; }
  // The file that was read; empty when none was.
  const std::string& file() const;
  const OptionTable& table() const;

 private:
  struct Source;   // table, names and input; the same for every generation
  struct Setting;  // value, layer, where
  struct Values;

  Config(std::shared_ptr<const Source> source, std::shared_ptr<const Values> values,
         uint64_t generation);

  static absl::StatusOr<Config> Build(std::shared_ptr<const Source> source, uint64_t generation,
                                      bool file_required);
  const Setting& Find(std::string_view name) const;
  template <typename T>
  const T& Get(std::string_view name) const;

  std::shared_ptr<const Source> source_;
  std::shared_ptr<const Values> values_;
  uint64_t generation_;
};

struct Config::Reloaded {
  Config config;
  std::vector<std::string> changed;  // keys whose value is another now, in the table's order
};

}  // namespace daemoneye::config
