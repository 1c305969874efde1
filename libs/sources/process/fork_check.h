// ForkCheck: holds what a live source counted against the kernel's own count of forks and clones.
//
// The two are read one after the other, so forks between the readings would look like a difference:
// what it gives is what cannot be explained so, a lower bound.
//
// Threads:    one at a time.
// Cost:       two readings of each count, or one more for each fork in between, at most 17.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

namespace daemoneye::process {

class ForkCheck {
 public:
  // Each counts on, from where does not matter; nullopt: it is not to be had now.
  using Count = std::function<std::optional<uint64_t>()>;

  ForkCheck(Count kernel, Count source);

  struct Result {
    // Since the base.
    uint64_t begun_count = 0;
    uint64_t seen_count = 0;
    // Begun for certain, and not seen.
    uint64_t unseen_count = 0;
  };
  // Compares with the base; nullopt where there is none, or one of the counts is not to be had.
  std::optional<Result> Look();
  // Takes the last look, or the first one, as the base of those that follow.
  void Rebase();
  void Forget();

 private:
  struct Reading {
    uint64_t kernel = 0;
    // The source's, before and behind it.
    uint64_t source_before = 0;
    uint64_t source_behind = 0;
  };
  std::optional<Reading> Read() const;

  const Count kernel_;
  const Count source_;
  std::optional<Reading> base_;
  std::optional<Reading> last_;
};

}  // namespace daemoneye::process
