// binary-hasher: the SHA-256 of what processes run and of files, for whoever has to judge them.

#include "libs/analysis_server/analyzer_main.h"
#include "libs/config/config.h"
#include "libs/linux/privilege/capability_set.h"
#include "services/binary_hasher/hasher_options.h"
#include "services/binary_hasher/hasher_parts.h"

namespace {

using daemoneye::privilege::Capability;

// What others' processes run, and files that not everybody may read.
daemoneye::privilege::CapabilitySet NeededCapabilities(const daemoneye::config::Config&) {
  return {Capability::kSysPtrace, Capability::kDacReadSearch};
}

}  // namespace

int main(int argc, char** argv) {
  return daemoneye::analysis_server::AnalyzerMain(argc, argv,
                                                  {.name = "binary-hasher",
                                                   .metrics_port = 9468,
                                                   .options = daemoneye::hasher::HasherOptions(),
                                                   .check = daemoneye::hasher::CheckHasher,
                                                   .make = daemoneye::hasher::MakeHasherParts,
                                                   .capabilities = NeededCapabilities});
}
