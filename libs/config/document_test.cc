#include "libs/config/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/config/config.h"
#include "libs/config/fake_input.h"

namespace daemoneye::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Json(const std::string& yaml) {
  const absl::StatusOr<YamlNode> root = ParseYaml("d: " + yaml);
  if (!root.ok()) return root.status().ToString();
  const absl::StatusOr<Document> document = MakeDocument(root->children[0]);
  return document.ok() ? document->json : std::string(document.status().message());
}

TEST(DocumentTest, PlainScalarsAreWhatTheyLookLikeAndQuotedOnesTexts) {
  EXPECT_EQ(Json("[true, false, null, ~, 1, -2, 2.5, 1e3, 0]"),
            "[true, false, null, null, 1, -2, 2.5, 1e3, 0]");
  EXPECT_EQ(Json("['true', \"1\", 'null']"), R"(["true", "1", "null"])");
  EXPECT_EQ(Json("[word, 01, +1, .5, 1., 1e999, 0x10, True, yes, 2024-01-01]"),
            R"(["word", "01", "+1", ".5", "1.", "1e999", "0x10", "True", "yes", "2024-01-01"])");
}

TEST(DocumentTest, TextsAndKeysAreEscapedForJson) {
  EXPECT_EQ(Json(R"({"a\"b": "\\ \n \x01 é"})"), "{\"a\\\"b\": \"\\\\ \\u000a \\u0001 é\"}");
  EXPECT_EQ(Json("\n  sql: |\n    name = 'x'\n    OR pid = 1\n"),
            "{\"sql\": \"name = 'x'\\u000aOR pid = 1\"}");
}

TEST(DocumentTest, RefusesWhatIsTooLong) {
  EXPECT_THAT(Json("['" + std::string(kMaxDocumentBytes, 'x') + "']"), HasSubstr("longer than"));
  EXPECT_THAT(Json("{" + std::string(kMaxDocumentKeyBytes + 1, 'k') + ": 1}"),
              HasSubstr("a key must have 1 to 256 bytes"));
}

TEST(DocumentTest, IsReadPrintedAndReloadedAsASetting) {
  const std::string file = "rules:\n  - {id: a, on: true}\n  - {id: 'b', count: 3}\n";
  const Config config =
      Config::Load(EveryTypeTable(), FakeInput({"--config=/f"}, {}, {{"/f", file}})).value();
  EXPECT_EQ(config.GetDocument("rules"), R"([{"id": "a", "on": true}, {"id": "b", "count": 3}])");
  EXPECT_EQ(config.Where("rules"), "/f:1");
  EXPECT_THAT(config.PrintConfig(), HasSubstr(R"(rules: [{"id": "a", "on": true}, {"id": "b", )"
                                              R"("count": 3}]  # from file /f:1)"));
  const Config none = Config::Load(EveryTypeTable(), FakeInput({})).value();
  EXPECT_EQ(none.GetDocument("rules"), "");
  EXPECT_THAT(none.PrintConfig(), HasSubstr("# rules: "));
}

TEST(DocumentTest, AChangeOfItIsAChangedKey) {
  std::string file = "rules: [1]\n";
  ConfigInput input;
  input.read_file = [&](const std::string&, size_t) { return file; };
  const Config config = Config::Load(EveryTypeTable(), input).value();
  file = "rules:\n- 1\n";  // the same, written otherwise
  EXPECT_THAT(config.Reload()->changed, ElementsAre());
  file = "rules: [2]\n";
  const Config::Reloaded next = config.Reload().value();
  EXPECT_THAT(next.changed, ElementsAre("rules"));
  EXPECT_EQ(next.config.GetDocument("rules"), "[2]");
}

TEST(DocumentTest, IsRefusedAsAFlagAndInTheEnvironment) {
  EXPECT_THAT(Config::Load(EveryTypeTable(), FakeInput({"--rules=[1]"})).status().message(),
              HasSubstr("--rules: can only be set in the file"));
  EXPECT_THAT(Config::Load(EveryTypeTable(), FakeInput({"--rules", "[1]"})).status().message(),
              HasSubstr("--rules: can only be set in the file"));
  EXPECT_THAT(
      Config::Load(EveryTypeTable(), FakeInput({}, {"DAEMONEYE_RULES="})).status().message(),
      HasSubstr("DAEMONEYE_RULES: can only be set in the file"));
}

}  // namespace
}  // namespace daemoneye::config
