#include "libs/config/options_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/config/fake_input.h"

namespace daemoneye::config {
namespace {

using ::testing::HasSubstr;

TEST(OptionsTextTest, HelpHasEveryFlagWithBoundsAndDefault) {
  const std::string help = HelpText(EveryTypeTable());
  for (const OptionSpec& spec : EveryTypeTable().specs) {
    EXPECT_THAT(help,
                HasSubstr(spec.file_only() ? "\n  " + spec.key + ":\n" : "  --" + spec.flag_name()))
        << spec.key;
  }
  EXPECT_THAT(help, HasSubstr("  --interval=duration\n      Time between scans. (seconds, "
                              "5..3600; default 30s)\n"));
}

TEST(OptionsTextTest, MarkdownHasARowASettingAndEscapesBars) {
  const std::string page = OptionsMarkdown(EveryTypeTable());
  EXPECT_THAT(page, HasSubstr("| `collection_interval` | `--interval` | `DAEMONEYE_INTERVAL` | "
                              "duration | seconds, 5..3600 | `30s` |  | Time between scans. |\n"));
  EXPECT_THAT(page, HasSubstr("A \\| b."));
  EXPECT_THAT(page, HasSubstr("| `rules` |  |  | document | elements, at most 4 |  | yes | A "
                              "document. |\n"));
  EXPECT_THAT(page, HasSubstr("| yes | A count. |"));
}

}  // namespace
}  // namespace daemoneye::config
