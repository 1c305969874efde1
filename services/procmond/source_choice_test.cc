#include "services/procmond/source_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace daemoneye::procmond {
namespace {

using privilege::Capability;
using privilege::CapabilitySet;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr CapabilitySet kOfScans = {Capability::kSysPtrace, Capability::kDacReadSearch};
constexpr CapabilitySet kOfBpf = {Capability::kBpf, Capability::kPerfmon};

bpf::BpfSupport AllThere() {
  bpf::BpfSupport support;
  support.kernel_release = "6.18.0";
  support.has_btf = true;
  support.has_cap_bpf = true;
  support.has_cap_perfmon = true;
  support.is_in_initial_user_namespace = true;
  support.is_in_initial_pid_namespace = true;
  support.lockdown = "none";
  return support;
}

TEST(SourceChoiceTest, AutoTakesTheBestAndSaysThatItIs) {
  const SourceChoice choice = ChooseSources({}, {AllThere(), absl::OkStatus()});
  EXPECT_THAT(choice.used, ElementsAre(kExecSource, kScanSource));
  EXPECT_EQ(choice.scan_reader, ScanReader::kTaskIterator);
  ASSERT_EQ(choice.not_used.size(), 1u);
  EXPECT_EQ(choice.not_used[0].source, kConnectorSource);
  EXPECT_EQ(choice.not_used[0].why, "process-exec runs and sees more");
  EXPECT_FALSE(choice.not_used[0].is_missed);
  EXPECT_EQ(choice.UsedText(), "process-exec, process-scan (by the task iterator)");
  EXPECT_EQ(choice.NotUsedText(), "process-connector: process-exec runs and sees more");
}

struct Lack {
  const char* name;
  void (*take)(bpf::BpfSupport&);
  // What must be named.
  const char* why;
};

const Lack kLacks[] = {
    {"CapBpf", [](bpf::BpfSupport& s) { s.has_cap_bpf = false; }, "cap_bpf is missing"},
    {"CapPerfmon", [](bpf::BpfSupport& s) { s.has_cap_perfmon = false; }, "cap_perfmon is missing"},
    {"Btf", [](bpf::BpfSupport& s) { s.has_btf = false; }, "CONFIG_DEBUG_INFO_BTF"},
    {"Lockdown", [](bpf::BpfSupport& s) { s.lockdown = "confidentiality"; },
     "lockdown=confidentiality"},
    {"UserNamespace", [](bpf::BpfSupport& s) { s.is_in_initial_user_namespace = false; },
     "user namespace"},
};

class SourceChoiceLackTest : public ::testing::TestWithParam<Lack> {};

TEST_P(SourceChoiceLackTest, FallsBackAndNamesWhatIsMissing) {
  bpf::BpfSupport support = AllThere();
  GetParam().take(support);

  SourceChoice choice = ChooseSources({}, {support, absl::OkStatus()});
  EXPECT_THAT(choice.used, ElementsAre(kConnectorSource, kScanSource));
  ASSERT_EQ(choice.not_used.size(), 1u);
  EXPECT_TRUE(choice.not_used[0].is_missed);
  EXPECT_THAT(choice.not_used[0].why, HasSubstr(GetParam().why));

  choice = ChooseSources({}, {support, absl::UnimplementedError("no connector")});
  EXPECT_THAT(choice.used, ElementsAre(kScanSource));
  EXPECT_EQ(choice.scan_reader, ScanReader::kProcFs);
  EXPECT_EQ(choice.UsedText(), "process-scan (by /proc)");
  EXPECT_THAT(choice.NotUsedText(),
              AllOf(HasSubstr(GetParam().why), HasSubstr("; process-connector: no connector")));
}

INSTANTIATE_TEST_SUITE_P(All, SourceChoiceLackTest, ::testing::ValuesIn(kLacks),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(SourceChoiceTest, SysAdminStandsForBothCapabilities) {
  bpf::BpfSupport support = AllThere();
  support.has_cap_bpf = support.has_cap_perfmon = false;
  support.has_cap_sys_admin = true;
  EXPECT_TRUE(ChooseSources({}, {support, absl::OkStatus()}).Uses(kExecSource));
  EXPECT_TRUE(NeededCapabilities({}, support).Contains(Capability::kSysAdmin));
  EXPECT_FALSE(NeededCapabilities({}, AllThere()).Contains(Capability::kSysAdmin));
}

TEST(SourceChoiceTest, WhatTheSettingsLeaveOutIsNotMissed) {
  const SourceSituation situation = {AllThere(), absl::OkStatus()};
  struct Case {
    SourceSettings settings;
    std::vector<std::string_view> used;
    const char* why;
  };
  const Case cases[] = {
      {{.enable_event_driven = false}, {kScanSource}, "left out by enable_event_driven=false"},
      {{.sources = {"scan"}}, {kScanSource}, "left out by sources=scan; auto or exec would use it"},
      {{.sources = {"connector", "scan"}},
       {kConnectorSource, kScanSource},
       "left out by sources=connector,scan; auto or exec would use it"},
      {{.sources = {"exec"}}, {kExecSource, kScanSource}, "left out by sources=exec"},
  };
  for (const Case& c : cases) {
    const SourceChoice choice = ChooseSources(c.settings, situation);
    EXPECT_EQ(choice.used, c.used) << c.why;
    EXPECT_THAT(choice.NotUsedText(), HasSubstr(c.why));
    for (const SourceChoice::NotUsed& source : choice.not_used) EXPECT_FALSE(source.is_missed);
  }
}

TEST(SourceChoiceTest, WhatIsNamedAndCannotRunIsMissedAndScansGoOn) {
  bpf::BpfSupport support = AllThere();
  support.has_cap_bpf = false;
  const SourceChoice choice = ChooseSources({.sources = {"exec"}}, {support, absl::OkStatus()});
  EXPECT_THAT(choice.used, ElementsAre(kScanSource));
  ASSERT_EQ(choice.not_used.size(), 2u);
  EXPECT_TRUE(choice.not_used[0].is_missed);
  EXPECT_FALSE(choice.not_used[1].is_missed);
}

TEST(SourceChoiceTest, LimitsNameTheCapabilityThatIsMissing) {
  EXPECT_THAT(LimitsOf(kOfScans), IsEmpty());
  EXPECT_THAT(LimitsOf({Capability::kSysPtrace}),
              ElementsAre(AllOf(HasSubstr("cap_dac_read_search"), Not(HasSubstr("ptrace")))));
  EXPECT_THAT(LimitsOf({Capability::kDacReadSearch}),
              ElementsAre(AllOf(HasSubstr("cap_sys_ptrace"), Not(HasSubstr("dac_read")))));
  EXPECT_THAT(LimitsOf({}), ::testing::SizeIs(2));
}

TEST(SourceChoiceTest, CapabilitiesAreThoseOfWhatCanRun) {
  EXPECT_EQ(NeededCapabilities({}, AllThere()), kOfScans | kOfBpf);
  EXPECT_EQ(NeededCapabilities({.sources = {"scan"}}, AllThere()), kOfScans | kOfBpf);
  for (const char* release : {"5.19.17", "6.5.0-rc1", "6"}) {
    bpf::BpfSupport old = AllThere();
    old.kernel_release = release;
    EXPECT_TRUE(NeededCapabilities({}, old).Contains(Capability::kNetAdmin)) << release;
    EXPECT_FALSE(
        NeededCapabilities({.sources = {"exec", "scan"}}, old).Contains(Capability::kNetAdmin))
        << release;
  }
  for (const char* release : {"6.6.1", "6.18.0", "7.0"}) {
    bpf::BpfSupport newer = AllThere();
    newer.kernel_release = release;
    EXPECT_FALSE(NeededCapabilities({}, newer).Contains(Capability::kNetAdmin)) << release;
    // For the size of its buffer.
    EXPECT_TRUE(NeededCapabilities({.sources = {"connector", "scan"}}, newer)
                    .Contains(Capability::kNetAdmin))
        << release;
  }
}

}  // namespace
}  // namespace daemoneye::procmond
