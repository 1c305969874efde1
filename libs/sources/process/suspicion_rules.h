// The built-in rules over a process: each looks at what was, what is and what is around it, and
// finds something odd or not. Pure.
//
// A process is asked about when it is first seen, when its image changes, and when its image's file
// does. Whoever applies them reports each rule once a process and image.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemoneye/v1/types.pb.h"
#include "libs/sources/process/process_record.h"

namespace daemoneye::process {

enum class Rule : uint8_t {
  kExecutableChanged,
  kStartInFuture,
  kStartInconsistent,
  kExecutableReplaced,
  kMemfd,
  kTemporaryDirectory,
  kSetuid,
};
inline constexpr int kRuleCount = 7;

// Stable name, such as "executable_changed".
std::string_view RuleName(Rule rule);

struct Suspicion {
  Rule rule;
  v1::Severity severity;
  std::string reason;  // one sentence
};

// What a rule asks of a process. Views are of its record.
struct ProcessFacts {
  uint32_t pid = 0;
  uint64_t start_ticks = 0;
  // Another after an exec; 0: not known.
  uint64_t layout = 0;
  ImageIdentity image;
  std::string_view executable;
  bool is_memfd = false;
  bool is_mismatched = false;
};
ProcessFacts FactsOf(const ProcessRecord& record);

// What is around it.
struct RuleContext {
  // The machine's clock since boot, in the unit of start ticks.
  uint64_t now_ticks = 0;
  int64_t ticks_per_second = 100;
  // The parent's, where parent and child were both there at the last scan, too.
  std::optional<uint64_t> parent_start_ticks;
  // A container runtime started it, or is what it runs.
  bool has_runtime_parent = false;
  // Its image was sealed by its maker, and init itself is its parent.
  bool is_sealed_child_of_init = false;
  // A package manager put the file that stands at its path now.
  bool is_from_package = false;
  // One is at work, so it may yet turn out to be.
  bool is_package_manager_busy = false;
};

// Another file runs under the same memory layout: the image was changed without exec
// (prctl(PR_SET_MM_EXE_FILE)). HIGH.
std::optional<Suspicion> CheckExecutableChanged(const ProcessFacts* previous,
                                                const ProcessFacts& current);
// It began later than now. HIGH. A second is allowed for the clocks' resolution.
std::optional<Suspicion> CheckStartInFuture(const ProcessFacts& current,
                                            const RuleContext& context);
// It began before its parent. LOW.
std::optional<Suspicion> CheckStartInconsistent(const ProcessFacts& current,
                                                const RuleContext& context);
// Another file stands at its path. MEDIUM, LOW where a package manager put it there; nothing yet
// while one is at work.
std::optional<Suspicion> CheckExecutableReplaced(const ProcessFacts& current,
                                                 const RuleContext& context);
// Its image is a file in memory. HIGH, but not under a container runtime, nor for a supervisor that
// init runs from a sealed copy, as runtimes do to protect themselves.
std::optional<Suspicion> CheckMemfd(const ProcessFacts& current, const RuleContext& context);
// Its image lies in /tmp, /var/tmp or /dev/shm. MEDIUM.
std::optional<Suspicion> CheckTemporaryDirectory(const ProcessFacts& current);
// Its image is setuid and lies where no package installs. HIGH.
std::optional<Suspicion> CheckSetuid(const ProcessFacts& current);

// All of them, in the order of Rule.
std::vector<Suspicion> CheckAll(const ProcessFacts* previous, const ProcessFacts& current,
                                const RuleContext& context);

// The executable of a container runtime, by path: runc, crun, containerd-shim and their like where
// only root can put them.
bool IsContainerRuntime(std::string_view executable);

}  // namespace daemoneye::process
