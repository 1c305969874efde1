// HashResult: puts together what the analyzer answers, and what that means.
//
// Threads: stateless; any.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemoneye/v1/analysis.pb.h"
#include "libs/linux/file/file_hasher.h"
#include "services/binary_hasher/running_image.h"

namespace daemoneye::hasher {

// What a digest is held against.
struct Expectation {
  // Lower case; empty: nothing is expected.
  std::vector<std::string> digests;
  // "parameter" or "file".
  std::string_view source;
};

// What was found of a process beside the hash of its image.
struct ProcessFindings {
  std::string process_key;
  uint32_t pid = 0;
  // It ran this image when the hash was there.
  bool is_running = false;
  bool is_memfd = false;
  OnDisk on_disk = OnDisk::kUnknown;
  // Of the file that stands at the image's path instead of it; empty: not known.
  std::string on_disk_sha256;
};

struct Findings {
  file::FileHash hash;
  // Of any bytes.
  std::string path;
  Expectation expected;
  std::optional<ProcessFindings> process;
  // Why the answer may not be about the target; empty: it is.
  std::vector<std::string> doubts;
};

// The result: its keys are in the service's README.
v1::AnalysisResult MakeHashResult(const Findings& findings);

}  // namespace daemoneye::hasher
