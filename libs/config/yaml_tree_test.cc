#include "libs/config/yaml_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace daemoneye::config {
namespace {

using ::testing::HasSubstr;

std::string Repeat(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

TEST(ParseYamlTest, BuildsATreeWithLines) {
  const absl::StatusOr<YamlNode> root = ParseYaml("a: 1\nb:\n  - x\n  - \"y\\n\"\nc: {d: }\n");
  ASSERT_TRUE(root.ok()) << root.status();
  ASSERT_EQ(root->children.size(), 3u);
  EXPECT_EQ(root->children[0].text, "1");
  EXPECT_EQ(root->children[0].line, 1);
  EXPECT_EQ(root->children[1].children[1].text, "y\n");
  EXPECT_EQ(root->children[1].children[1].line, 4);
  EXPECT_EQ(root->children[2].children[0].name, "d");
  EXPECT_EQ(root->children[2].children[0].kind, YamlNode::Kind::kNull);
}

TEST(ParseYamlTest, TakesAnEmptyDocument) {
  for (const char* text : {"", "# nothing\n", "---\n", "\n\n", "{}"}) {
    const absl::StatusOr<YamlNode> root = ParseYaml(text);
    ASSERT_TRUE(root.ok()) << text << root.status();
    EXPECT_TRUE(root->children.empty());
  }
}

TEST(ParseYamlTest, RefusesWhatIsMoreThanPlainData) {
  const struct {
    std::string text;
    const char* want;
  } cases[] = {
      {"a: &x 1\nb: *x\n", "line 1: anchors are not accepted"},
      {"a: *x\n", "line 1: "},
      {"a: &x [1]\nb: &y [*x, *x, *x]\n", "line 1: anchors are not accepted"},
      {"a: !!binary aGk=\n", "line 1: tags are not accepted"},
      {"a: !x {b: 1}\n", "line 1: tags are not accepted"},
      {"a: 1\nb: 2\na: 3\n", "line 3: key 'a' stands twice"},
      {"x: {a: 1, a: 2}\n", "line 1: key 'a' stands twice"},
      {"? [a]\n: 1\n", "line 1: a key must be a text"},
      {"? {a: 1}\n: 1\n", "line 1: a key must be a text"},
      {"~: 1\n", "line 1: a key must be a text"},
      {"a: 1\n---\nb: 2\n", "line 2: a second document"},
      {"- a\n", "line 1: not `name: value` lines"},
      {"just text\n", "line 1: not `name: value` lines"},
      {"a: [1\n", "line "},
      {"a: 'x\n", "line "},
      {"a: 'x\nb: 1\n\n", "line "},
      {"a: \"x\nb: 1\n", "line "},
      {"a: \"\\q\"\n", "line "},
      {"\ta: 1\n", "line "},
      {"a: \xff\n", "not UTF-8 text"},
      {std::string("a: \0", 4), "not UTF-8 text"},
  };
  for (const auto& c : cases) {
    const absl::StatusOr<YamlNode> root = ParseYaml(c.text);
    if (root.ok()) {
      ADD_FAILURE() << "accepted: " << c.text;
      continue;
    }
    EXPECT_TRUE(absl::IsInvalidArgument(root.status()));
    EXPECT_THAT(std::string(root.status().message()), testing::StartsWith(c.want)) << c.text;
  }
}

TEST(ParseYamlTest, BoundsDepthCountAndSize) {
  const std::string at_limit = Repeat("{a: ", 16) + "1" + Repeat("}", 16);
  EXPECT_TRUE(ParseYaml(at_limit).ok()) << ParseYaml(at_limit).status();
  const struct {
    std::string text;
    const char* want;
  } cases[] = {
      {Repeat("{a: ", 17) + "1" + Repeat("}", 17), "nested deeper than 16"},
      {"a: " + Repeat("[", 100'000), "line 1"},
      {"a: " + Repeat("{", 100'000), "line 1"},
      {Repeat("? ", 100'000), "line 1"},
      {Repeat("- ", 100'000), "line 1"},
      {"a: [" + Repeat("1,", 60'000) + "]", "more than 50000 values"},
      {"a: " + std::string(10 << 20, 'x'), "longer than 1048576 bytes"},
  };
  for (const auto& c : cases) {
    const absl::StatusOr<YamlNode> root = ParseYaml(c.text);
    ASSERT_FALSE(root.ok()) << c.want;
    EXPECT_THAT(std::string(root.status().message()), HasSubstr(c.want));
  }
}

TEST(ParseYamlTest, EscapesWhatItQuotesFromTheFile) {
  EXPECT_EQ(ParseYaml("\"a\\e[31m\": 1\n\"a\\e[31m\": 2\n").status().message(),
            "line 2: key 'a\\x1b[31m' stands twice");
}

}  // namespace
}  // namespace daemoneye::config
