// Every configuration that validates can be printed and read back.

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "libs/config/collector_options.h"
#include "libs/config/common_options.h"
#include "libs/config/config.h"
#include "libs/config/document.h"
#include "libs/config/fake_input.h"
#include "libs/config/yaml_tree.h"

namespace daemoneye::config {
namespace {

using Random = std::mt19937_64;

constexpr std::string_view kDocumentKey = "rules";

// Letters, YAML's and our own syntax, controls, and code points that terminals and readers act on.
std::string RandomText(Random& random, size_t max_pieces) {
  static const std::vector<std::string> kPieces = {
      "a",     "Z",      "0",          " ",     "-",      "#",      ":",      ": ",     " #",
      ",",     "=",      "[",          "]",     "{",      "}",      "\"",     "'",      "\\",
      "\\x41", "|",      ">",          "&a",    "*a",     "!",      "%",      "@",      "`",
      "\n",    "\r\n",   "\t",         "\x01",  "\x1b",   "\x7f",   "null",   "~",      "?",
      "true",  "1e3",    "---",        "...",   "\u00e9", "\u0085", "\u2028", "\u202e", "\ufeff",
      "/",     "\ufffe", "\U0001f600", "\u00a0"};
  std::string text;
  for (size_t i = random() % (max_pieces + 1); i > 0; --i)
    text += kPieces[random() % kPieces.size()];
  return text;
}

double RandomIn(Random& random, const OptionSpec& spec) {
  const double min = spec.min.value_or(0), max = spec.max.value_or(1e15);
  switch (random() % 4) {
    case 0:
      return min;
    case 1:
      return max;
    default:
      return std::uniform_real_distribution<double>(min, max)(random);
  }
}

// Data of every shape, with plain and quoted scalars.
YamlNode RandomNode(Random& random, int depth) {
  static const std::vector<std::string> kPlain = {"true", "false", "0", "-1", "2.5", "1e3", "word"};
  YamlNode node;
  const uint64_t kind = random() % (depth > 3 ? 3 : 5);
  if (kind == 0) return node;
  if (kind < 3) {
    node.kind = YamlNode::Kind::kScalar;
    node.is_plain = kind == 1;
    node.text = node.is_plain ? kPlain[random() % kPlain.size()] : RandomText(random, 6);
    return node;
  }
  node.kind = kind == 3 ? YamlNode::Kind::kSequence : YamlNode::Kind::kMapping;
  for (size_t i = random() % 4; i > 0; --i) {
    node.children.push_back(RandomNode(random, depth + 1));
    node.children.back().name = "k" + std::to_string(i) + RandomText(random, 2);
  }
  return node;
}

// A value that may or may not validate: mostly it does.
OptionValue RandomValue(Random& random, const OptionSpec& spec) {
  switch (spec.type) {
    case OptionType::kBool:
      return random() % 2 == 0;
    case OptionType::kInt:
      return static_cast<int64_t>(RandomIn(random, spec));
    case OptionType::kDouble:
      return RandomIn(random, spec);
    case OptionType::kBytes:
      return static_cast<uint64_t>(RandomIn(random, spec));
    case OptionType::kDuration:
      return absl::Trunc(
          RandomIn(random, spec) *
              (spec.unit == "milliseconds" ? absl::Milliseconds(1) : absl::Seconds(1)),
          absl::Nanoseconds(1));
    case OptionType::kEnum:
      return spec.choices[random() % spec.choices.size()];
    case OptionType::kString:
      return RandomText(random, spec.max ? 4 : 12);
    case OptionType::kList: {
      StringList list;
      for (size_t i = random() % 4; i > 0; --i) {
        list.push_back(spec.choices.empty() ? "x" + RandomText(random, 8)
                                            : spec.choices[random() % spec.choices.size()]);
      }
      return list;
    }
    case OptionType::kMap: {
      StringMap map;
      for (size_t i = random() % 3; i > 0; --i) {
        map["k" + RandomText(random, 4)] = RandomText(random, 8);
      }
      return map;
    }
    case OptionType::kDocument: {
      YamlNode node = RandomNode(random, 0);
      node.kind = random() % 2 == 0 ? YamlNode::Kind::kSequence : YamlNode::Kind::kMapping;
      return MakeDocument(node).value();
    }
  }
  return false;
}

// A file with some settings of the table.
std::string RandomFile(Random& random, const OptionTable& table) {
  std::string file;
  for (const OptionSpec& spec : table.specs) {
    if (spec.flag_only || spec.not_in_file || spec.secret || random() % 2 == 0) continue;
    const OptionValue value = RandomValue(random, spec);
    if (CheckValue(spec, value).ok()) file += spec.key + ": " + FormatValue(value) + "\n";
  }
  return file;
}

void ExpectReadBack(const OptionTable& table, uint64_t seed, int* valid) {
  Random random(seed);
  const std::string file = RandomFile(random, table);
  const absl::StatusOr<Config> config =
      Config::Load(table, FakeInput({"--config=/f"}, {}, {{"/f", file}}));
  if (!config.ok()) {
    // Only a rule between settings can be broken here.
    ASSERT_FALSE(table.checks.empty()) << config.status() << "\n" << file;
    return;
  }
  ++*valid;
  const std::string printed = config->PrintConfig();
  const absl::StatusOr<Config> again =
      Config::Load(table, FakeInput({"--config=/p"}, {}, {{"/p", printed}}));
  ASSERT_TRUE(again.ok()) << again.status() << "\n" << printed;
  const std::vector<SettingView> before = config->Settings(), after = again->Settings();
  ASSERT_EQ(before.size(), after.size());
  for (size_t i = 0; i < before.size(); ++i) {
    if (before[i].key == "config") continue;
    EXPECT_EQ(before[i].value, after[i].value) << before[i].key << " seed " << seed;
    if (before[i].key != kDocumentKey) continue;
    EXPECT_EQ(config->GetDocument(before[i].key), again->GetDocument(before[i].key)) << file;
  }
}

TEST(ConfigPropertyTest, EveryTypeIsPrintedAndReadBack) {
  int valid = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) ExpectReadBack(EveryTypeTable(), seed, &valid);
  EXPECT_EQ(valid, 200);
}

TEST(ConfigPropertyTest, TheServersTableIsPrintedAndReadBack) {
  OptionTable table = CommonServerOptions({.component = "demo"});
  table.Append(CollectorOptions("demo")).Append(ProcessOptions());
  int valid = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) ExpectReadBack(table, seed, &valid);
  EXPECT_GT(valid, 5);
}

}  // namespace
}  // namespace daemoneye::config
