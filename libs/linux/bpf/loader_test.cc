#include "libs/linux/bpf/loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <utility>

#include "libs/linux/bpf/libbpf_log.h"

namespace daemoneye::bpf {
namespace {

using ::testing::HasSubstr;

TEST(LoaderTest, TellsWhatAnErrorMeans) {
  LibbpfLog log;
  log.Append("libbpf: prog 'on_exec': BPF program load failed\n\x1b[2J\n");
  const absl::Status status = LoadError(-EPERM, "load it", log);
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(status.message()), HasSubstr("load it: Operation not permitted"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("on_exec"));
  EXPECT_EQ(status.message().find('\x1b'), std::string::npos);
  EXPECT_EQ(LoadError(-ENOMEM, "", log).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(LoadError(-EINVAL, "", log).code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(LoadError(-EIO, "", log).code(), absl::StatusCode::kInternal);
}

TEST(LoaderTest, OfALongLogTheEndIsTold) {
  LibbpfLog log;
  log.Append(std::string(100'000, 'x'));
  log.Append("the end");
  EXPECT_THAT(log.Excerpt(), HasSubstr("the end"));
  EXPECT_LE(log.Excerpt().size(), 600u);
}

TEST(LoaderTest, KnowsNewerKernels) {
  if (::access("/sys/kernel/btf/vmlinux", R_OK) != 0) GTEST_SKIP() << "the kernel has no BTF";
  utsname kernel;
  ASSERT_EQ(::uname(&kernel), 0);
  int major = 0, minor = 0;
  ASSERT_EQ(std::sscanf(kernel.release, "%d.%d", &major, &minor), 2);
  const KernelFeatures features = ReadKernelFeatures();
  EXPECT_EQ(features.has_cast, std::pair(major, minor) >= std::pair(6, 2));
  EXPECT_EQ(features.tells_last_thread, std::pair(major, minor) >= std::pair(6, 15));
}

TEST(LoaderTest, WhatIsNoLinkHasNoId) {
  EXPECT_EQ(LinkId(-1), 0u);
  EXPECT_EQ(LinkId(0), 0u);
  EXPECT_EQ(MissedCount(-1), 0u);
}

}  // namespace
}  // namespace daemoneye::bpf
