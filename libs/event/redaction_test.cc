#include "libs/event/redaction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace daemoneye::event {
namespace {

using ::testing::ElementsAreArray;

using Arguments = std::vector<std::string_view>;

struct RedactCase {
  std::string_view name;
  Arguments given;
  Arguments expected;
  size_t count;
};

class RedactorTest : public testing::TestWithParam<RedactCase> {};

TEST_P(RedactorTest, TakesOutExactlyTheSecrets) {
  Arguments arguments = GetParam().given;
  Redactor redactor;
  EXPECT_EQ(redactor.Redact(arguments), GetParam().count);
  EXPECT_THAT(arguments, ElementsAreArray(GetParam().expected));
}

INSTANTIATE_TEST_SUITE_P(
    Cases, RedactorTest,
    testing::Values(
        RedactCase{"Nothing", {"ls", "-l", "/tmp"}, {"ls", "-l", "/tmp"}, 0},
        RedactCase{"OptionAndValue",
                   {"x", "--password", "hunter2", "y"},
                   {"x", "--password", "[redacted]", "y"},
                   1},
        RedactCase{"OptionEquals", {"x", "--token=abc"}, {"x", "--token=[redacted]"}, 1},
        RedactCase{
            "EqualsWithBlanks", {"x", "--password=two words"}, {"x", "--password=[redacted]"}, 1},
        RedactCase{"ApiKeyUnderscore", {"--api_key", "k"}, {"--api_key", "[redacted]"}, 1},
        RedactCase{"ApiKeySingleDash", {"-api-key=k"}, {"-api-key=[redacted]"}, 1},
        RedactCase{"UpperCase", {"--PASSWORD=x"}, {"--PASSWORD=[redacted]"}, 1},
        RedactCase{"PrefixedOption", {"--db-password", "x"}, {"--db-password", "[redacted]"}, 1},
        RedactCase{"ValueThatIsAPath", {"--password", "/a/b"}, {"--password", "[redacted]"}, 1},
        RedactCase{
            "ValueThatLooksLikeAnOption", {"--password", "-x"}, {"--password", "[redacted]"}, 1},
        RedactCase{"TwoOptionsInARow",
                   {"--password", "--token", "x"},
                   {"--password", "--token", "[redacted]"},
                   1},
        RedactCase{"OptionAtTheEnd", {"mysql", "--password"}, {"mysql", "--password"}, 0},
        RedactCase{"EmptyValue", {"--password="}, {"--password="}, 0},
        RedactCase{"FileNameIsNoSecret",
                   {"--token-file=/run/t", "--password-stdin"},
                   {"--token-file=/run/t", "--password-stdin"},
                   0},
        RedactCase{"NoPassword", {"--no-password", "db"}, {"--no-password", "db"}, 0},
        RedactCase{"Assignment",
                   {"env", "DB_PASSWORD=x", "HOME=/root"},
                   {"env", "DB_PASSWORD=[redacted]", "HOME=/root"},
                   1},
        RedactCase{"KeyAssignment",
                   {"KEY=abc", "AWS_SECRET_ACCESS_KEY=abc", "sort", "--key=2"},
                   {"KEY=[redacted]", "AWS_SECRET_ACCESS_KEY=[redacted]", "sort", "--key=2"},
                   2},
        RedactCase{"PublicKeyStays", {"PUBLIC_KEY=abc"}, {"PUBLIC_KEY=abc"}, 0},
        RedactCase{"PathBeforeEquals", {"/srv/token=1/x"}, {"/srv/token=1/x"}, 0},
        RedactCase{"JavaProperty",
                   {"-Dspring.datasource.password=x"},
                   {"-Dspring.datasource.password=[redacted]"},
                   1},
        RedactCase{
            "NestedAssignment", {"--set=db.password=x"}, {"--set=db.password=[redacted]"}, 1},
        RedactCase{"UrlPassword",
                   {"psql", "postgres://u:p@h/db"},
                   {"psql", "postgres://u:[redacted]@h/db"},
                   1},
        RedactCase{
            "UrlPasswordWithSlash", {"postgres://u:a/b@h/db"}, {"postgres://u:[redacted]@h/db"}, 1},
        RedactCase{
            "UrlToken", {"https://tok@github.com/a"}, {"https://[redacted]@github.com/a"}, 1},
        RedactCase{"UrlUserOnlyStays", {"ssh://git@github.com/a"}, {"ssh://git@github.com/a"}, 0},
        RedactCase{"UrlPortStays", {"http://h:80/a@b"}, {"http://h:80/a@b"}, 0},
        RedactCase{"UrlParameter",
                   {"http://h/?a=1&token=x&b=2#f"},
                   {"http://h/?a=1&token=[redacted]&b=2#f"},
                   1},
        RedactCase{"UrlInsideOption", {"--dsn=amqp://u:p@h"}, {"--dsn=amqp://u:[redacted]@h"}, 1},
        RedactCase{"Header",
                   {"curl", "-H", "Authorization: Bearer x y"},
                   {"curl", "-H", "Authorization: [redacted]"},
                   1},
        RedactCase{
            "ImageTagStays", {"docker", "redis-token:latest"}, {"docker", "redis-token:latest"}, 0},
        RedactCase{"ShellWords",
                   {"sh", "-c", "mysql --password=x db; TOKEN=y z"},
                   {"sh", "-c", "mysql --password=[redacted] db; TOKEN=[redacted] z"},
                   2},
        RedactCase{"ShellNextWord",
                   {"sh", "-c", "a --token x b"},
                   {"sh", "-c", "a --token [redacted] b"},
                   1},
        RedactCase{"ShellQuoted",
                   {"sh", "-c", "a --token 'x y' b"},
                   {"sh", "-c", "a --token [redacted] b"},
                   1},
        RedactCase{"UnclosedQuoteTakesTheRest",
                   {"sh", "-c", "a --token 'x y b"},
                   {"sh", "-c", "a --token [redacted]"},
                   1},
        RedactCase{"ShellQuotedPartOfAWord",
                   {"sh", "-c", "a --token 'x y'z b"},
                   {"sh", "-c", "a --token [redacted] b"},
                   1},
        RedactCase{"ShellWordInsideQuotes",
                   {"sh", "-c", "su -c 'a --token x' b"},
                   {"sh", "-c", "su -c 'a --token [redacted]' b"},
                   1},
        RedactCase{"ShellHeader",
                   {"sh", "-c", "curl -H 'X-Api-Key: abc' http://h"},
                   {"sh", "-c", "curl -H 'X-Api-Key: [redacted]' http://h"},
                   1},
        RedactCase{"Json",
                   {"-d", "{\"user\": \"u\", \"password\": \"x\"}"},
                   {"-d", "{\"user\": \"u\", \"password\": [redacted]"},
                   1}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(RedactorTest, ResultsOfOneCallDoNotLeakIntoTheNext) {
  Redactor redactor;
  Arguments first = {"--token"};
  EXPECT_EQ(redactor.Redact(first), 0u);
  Arguments second = {"harmless"};
  EXPECT_EQ(redactor.Redact(second), 0u);
  EXPECT_EQ(second[0], "harmless");
}

TEST(RedactorTest, TakesEverySecretOfAHugeCommandLine) {
  std::string text;
  for (int i = 0; i < 4096; ++i) text += "TOKEN=x ";
  Arguments arguments = {"sh", text};
  Redactor redactor;
  EXPECT_EQ(redactor.Redact(arguments), 1u);  // its first word: all the rest is its value
  EXPECT_EQ(arguments[1], "TOKEN=[redacted]");
}

}  // namespace
}  // namespace daemoneye::event
