#include "libs/config/file_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/config/fake_input.h"

namespace daemoneye::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class FileParserTest : public testing::Test {
 protected:
  LayerValues Parse(std::string_view text) {
    LayerValues out(table_, index_);
    ParseFile("f.yaml", text, out);
    return out;
  }
  OptionValue ValueOf(const std::string& key, std::string_view text) {
    const LayerValues out = Parse(text);
    EXPECT_THAT(out.errors(), IsEmpty());
    const auto value = out.values().find(*index_.Find(key));
    return value == out.values().end() ? OptionValue("(not set)") : value->second.value;
  }

  const OptionTable table_ = EveryTypeTable();
  const NameIndex index_ = NameIndex::Create(table_).value();
};

TEST_F(FileParserTest, TakesEveryFormOfAValue) {
  EXPECT_EQ(ValueOf("interval", "collection_interval: 60"), OptionValue(absl::Minutes(1)));
  EXPECT_EQ(ValueOf("interval", "interval: 1m"), OptionValue(absl::Minutes(1)));
  EXPECT_EQ(ValueOf("interval", "collection-interval: \"60\""), OptionValue(absl::Minutes(1)));
  EXPECT_EQ(ValueOf("items", "items: a,b"), OptionValue(StringList{"a", "b"}));
  EXPECT_EQ(ValueOf("items", "items:\n  - a\n  - b\n"), OptionValue(StringList{"a", "b"}));
  EXPECT_EQ(ValueOf("items", "items: []"), OptionValue(StringList{}));
  EXPECT_EQ(ValueOf("tags", "tags: k=v"), OptionValue(StringMap{{"k", "v"}}));
  EXPECT_EQ(ValueOf("tags", "tags: {k: 'a,b=c', l: 2}"),
            OptionValue(StringMap{{"k", "a,b=c"}, {"l", "2"}}));
  EXPECT_EQ(ValueOf("turbo", "turbo: yes"), OptionValue(true));
  EXPECT_EQ(ValueOf("name", "name: \"\""), OptionValue(""));
  EXPECT_EQ(ValueOf("name", "name: 'null'"), OptionValue("null"));
}

TEST_F(FileParserTest, TakesSectionsForNamesOfOneBeginning) {
  EXPECT_EQ(ValueOf("tls_cert", "tls:\n  cert: /c\n  key: /k\n"), OptionValue("/c"));
  EXPECT_EQ(ValueOf("node_name", "node: {name: n}"), OptionValue("n"));
}

TEST_F(FileParserTest, TellsEveryMistakeWithItsLine) {
  const struct {
    const char* text;
    const char* want;
  } cases[] = {
      {"count: 1\ninterval: 4\n", "f.yaml:2: interval: 4 is below 5 (seconds, 5..3600)"},
      {"intervall: 60\n", "f.yaml:1: unknown key intervall (did you mean interval?)"},
      {"tls: {crt: /c}\n", "f.yaml:1: unknown key tls_crt (did you mean tls_cert?)"},
      {"count: {x: 1}\n", "f.yaml:1: count: line 1: wants one value, not a mapping"},
      {"items: [[a]]\n", "f.yaml:1: items: line 1: wants one value, not a sequence"},
      {"count:\n", "f.yaml:1: count: has no value; write \"\" for an empty text"},
      {"items: [~]\n", "f.yaml:1: items: has no value; write \"\" for an empty text"},
      {"items: [a, '']\n", "f.yaml:1: items: has an empty element"},
      {"items: [a, d]\n", "f.yaml:1: items: 'd' is not one of a, b, c (did you mean a?)"},
      {"tags: {a: 1, b: 2, c: 3}\n",
       "f.yaml:1: tags: its count of 3 is above 2 (elements, at most 2)"},
      {"config: /x\n", "f.yaml:1: config cannot be set in a file; give the flag --config"},
      {"check: true\n", "f.yaml:1: check cannot be set in a file; give the flag --check"},
      {"interval: 60\ncollection_interval: 60\n",
       "f.yaml:2: collection_interval: is the same setting as f.yaml:1: interval; give one of "
       "them"},
      {"tls_cert: /a\ntls: {cert: /b}\n",
       "f.yaml:2: tls_cert: is the same setting as f.yaml:1: "
       "tls_cert; give one of them"},
      {"count: 1\ncount: 2\n", "f.yaml: line 2: key 'count' stands twice"},
      {"rules: word\n",
       "f.yaml:1: rules: line 1: wants a sequence or a mapping; leave it out where there is none"},
      {"rules:\n",
       "f.yaml:1: rules: line 1: wants a sequence or a mapping; leave it out where "
       "there is none"},
      {"rules: {'': 1}\n", "f.yaml:1: rules: line 1: a key must have 1 to 256 bytes"},
      {"rules: [1, 2, 3, 4, 5]\n",
       "f.yaml:1: rules: its count of 5 is above 4 (elements, at most 4)"},
      {"items: [a", "f.yaml: line 1: end of sequence flow not found"},
  };
  for (const auto& c : cases) EXPECT_THAT(Parse(c.text).errors(), ElementsAre(c.want)) << c.text;
}

}  // namespace
}  // namespace daemoneye::config
