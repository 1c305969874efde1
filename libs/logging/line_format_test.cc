#include "libs/logging/line_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "libs/base/text.h"

namespace daemoneye::logging {
namespace {

using ::testing::HasSubstr;

Record MakeRecord(std::string_view message, const std::vector<Field>& fields) {
  return {.time = absl::FromUnixMillis(1'767'323'045'678),
          .level = Level::kWarning,
          .component = "procmond",
          .message = message,
          .fields = fields};
}

std::string Text(std::string_view message, const std::vector<Field>& fields = {}) {
  LineBuffer line;
  AppendText(MakeRecord(message, fields), line);
  return fmt::to_string(line);
}

std::string Json(std::string_view message, const std::vector<Field>& fields = {}) {
  LineBuffer line;
  AppendJson(MakeRecord(message, fields), line);
  return fmt::to_string(line);
}

TEST(LineFormatTest, TextHasTimeLevelComponentMessageAndFields) {
  EXPECT_EQ(Text("source started", {{"source", "scan"}, {"took_ms", 12}, {"ratio", 0.5}}),
            "2026-01-02T03:04:05.678Z WARNING procmond: source started source=scan took_ms=12 "
            "ratio=0.5");
}

TEST(LineFormatTest, JsonHasThemAsMembers) {
  const absl::Status status = absl::NotFoundError("gone \"away\"");
  const auto json = nlohmann::json::parse(Json("failed", {{"n", -3},
                                                          {"u", uint64_t{18446744073709551615u}},
                                                          {"b", true},
                                                          {"d", 1.5},
                                                          {"t", "x"},
                                                          {"wait", absl::Milliseconds(1500)},
                                                          {"error", status}}));
  EXPECT_EQ(json["time"], "2026-01-02T03:04:05.678Z");
  EXPECT_EQ(json["level"], "warning");
  EXPECT_EQ(json["component"], "procmond");
  EXPECT_EQ(json["msg"], "failed");
  EXPECT_EQ(json["fields"]["n"], -3);
  EXPECT_EQ(json["fields"]["u"], 18446744073709551615u);
  EXPECT_EQ(json["fields"]["b"], true);
  EXPECT_EQ(json["fields"]["d"], 1.5);
  EXPECT_EQ(json["fields"]["t"], "x");
  EXPECT_EQ(json["fields"]["wait"], "1.5s");
  EXPECT_EQ(json["fields"]["error"], "NOT_FOUND: gone \"away\"");
}

TEST(LineFormatTest, QuotesWhatWouldReadAsAnotherField) {
  EXPECT_THAT(Text("m", {{"k", "a b=c"}}), HasSubstr(" k=\"a b=c\""));
  EXPECT_THAT(Text("m", {{"k", ""}}), HasSubstr(" k=\"\""));
  EXPECT_THAT(Text("m", {{"k", "\" x=\"1"}}), HasSubstr(R"( k="\" x=\"1")"));
}

TEST(LineFormatTest, WhatATerminalWouldActOnIsEscaped) {
  const std::string hostile = "a\x1b[2J\nb\u202e\u0085\xff";
  EXPECT_THAT(Text(hostile, {{"k", hostile}}),
              HasSubstr(R"(: a\x1b[2J\nb\u{202e}\x85\xff k="a\x1b[2J\nb\u{202e}\x85\xff")"));
  EXPECT_THAT(Json("a\x1b\n\u202e\u0085\U000e0001x"),
              HasSubstr(R"("msg":"a\u001b\u000a\u202e\u0085)"));
  EXPECT_EQ(nlohmann::json::parse(Json("a\x1b\u202e\"\\"))["msg"], "a\x1b\u202e\"\\");
  // Not UTF-8: without loss, as the API escapes it.
  EXPECT_EQ(nlohmann::json::parse(Json("a\xff\\"))["msg"], "a\\xff\\\\");
}

TEST(LineFormatTest, NumbersThatJsonLacksAreTexts) {
  const auto json = nlohmann::json::parse(
      Json("m", {{"i", std::numeric_limits<double>::infinity()}, {"n", std::nan("")}}));
  EXPECT_EQ(json["fields"]["i"], "inf");
  EXPECT_EQ(json["fields"]["n"], "nan");
}

TEST(LineFormatTest, ALineIsBoundedAndSaysSo) {
  const std::string huge(100'000, '\x01');
  const std::vector<Field> fields(100, {"key", huge});
  for (const std::string& line : {Text(huge, fields), Text("m", fields), Text(huge)}) {
    EXPECT_LE(line.size(), kMaxLineBytes);
  }
  const std::string json = Json(huge, fields);
  EXPECT_LE(json.size(), kMaxLineBytes);
  EXPECT_EQ(nlohmann::json::parse(json)["truncated"], true);
  EXPECT_THAT(Text("m", fields), testing::EndsWith(" truncated=true"));
  EXPECT_THAT(Text("m", {{"k", std::string(2000, 'x')}}), testing::EndsWith("x..."));
}

TEST(LineFormatTest, AnyBytesGiveOneSafeTextLineAndOneJsonObject) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 500; ++i) {
    std::string bytes(random() % 200, '\0');
    for (char& c : bytes) c = static_cast<char>(random() % 3 == 0 ? random() % 0x30 : random());
    const std::vector<Field> fields = {{bytes, bytes}};
    const std::string text = Text(bytes, fields);
    EXPECT_EQ(base::EscapeForTerminal(text), text);
    EXPECT_TRUE(base::IsUtf8(text));
    const auto json = nlohmann::json::parse(Json(bytes, fields), nullptr, false);
    EXPECT_FALSE(json.is_discarded()) << Json(bytes, fields);
  }
}

}  // namespace
}  // namespace daemoneye::logging
