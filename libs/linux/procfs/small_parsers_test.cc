#include "libs/linux/procfs/small_parsers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>

namespace daemoneye::procfs {
namespace {

TEST(SmallParsersTest, AuditIdIsAbsentWhenUnset) {
  EXPECT_EQ(*ParseAuditId("loginuid", "1000"), 1000u);
  EXPECT_EQ(*ParseAuditId("loginuid", "0\n"), 0u);
  EXPECT_EQ(*ParseAuditId("loginuid", "4294967295"), std::nullopt);
}

TEST(SmallParsersTest, AuditIdIsANumberAndNothingElse) {
  for (const char* text : {"", "\n", "-1", "0x10", "4294967296", "1 2", "ten"}) {
    EXPECT_EQ(ParseAuditId("loginuid", text).status().code(), absl::StatusCode::kDataLoss) << text;
  }
}

TEST(SmallParsersTest, NamespaceLinkGivesTheInodeOfItsKind) {
  EXPECT_EQ(*ParseNamespaceLink("mnt", "mnt:[4026531832]"), 4026531832u);
  for (const char* text : {"", "mnt", "net:[4026531832]", "mnt:[]", "mnt:[1", "mnt:[-1]",
                           "mnt:[99999999999999999999]", "mnt:[1]x", "mnt:]"}) {
    EXPECT_EQ(ParseNamespaceLink("mnt", text).status().code(), absl::StatusCode::kDataLoss) << text;
  }
}

TEST(SmallParsersTest, BootIdIsAUuid) {
  EXPECT_EQ(*ParseBootId("01234567-89ab-cdef-0123-456789abcdef\n"),
            "01234567-89ab-cdef-0123-456789abcdef");
  for (const char* text :
       {"", "01234567-89ab-cdef-0123-456789abcde", "01234567-89ab-cdef-0123-456789abcdefg",
        "0123456789ab-cdef-0123-456789abcdef-", "01234567-89AB-cdef-0123-456789abcdef"}) {
    EXPECT_EQ(ParseBootId(text).status().code(), absl::StatusCode::kDataLoss) << text;
  }
}

TEST(SmallParsersTest, NamesTerminalsAsDevDoes) {
  const auto device = [](uint32_t major, uint32_t minor) {
    return (minor & 0xff) | (major << 8) | ((minor & ~0xffu) << 12);
  };
  const struct {
    uint32_t tty_nr;
    std::string_view name;
  } kCases[] = {
      {0, ""},
      {device(136, 0), "pts/0"},
      {device(136, 255), "pts/255"},
      {device(136, 1048575), "pts/1048575"},
      {device(137, 1), "pts/257"},
      {device(4, 1), "tty1"},
      {device(4, 63), "tty63"},
      {device(4, 64), "ttyS0"},
      {device(5, 0), "tty"},
      {device(5, 1), "console"},
      {device(204, 64), "ttyAMA0"},
      {device(229, 0), "hvc0"},
      {device(188, 3), "ttyUSB3"},
      {device(99, 300), "99:300"},
      {device(5, 2), "5:2"},
  };
  for (const auto& c : kCases) EXPECT_EQ(TtyName(c.tty_nr), c.name);
}

}  // namespace
}  // namespace daemoneye::procfs
