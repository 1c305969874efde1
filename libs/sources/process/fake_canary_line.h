// FakeCanaryLine: a line whose canaries come back as a test says.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/sources/process/canary_line.h"

namespace daemoneye::process {

class FakeCanaryLine final : public CanaryLine {
 public:
  explicit FakeCanaryLine(base::Clock& clock) : clock_(clock) {}

  enum class Fate { kComesAtOnce, kNeverComes, kIsNotTold };

  bool is_open() const override;
  absl::StatusOr<std::unique_ptr<CanaryWatch>> Watch(std::function<void()> wake) override;
  absl::StatusOr<SentCanary> Spawn() override;
  void Reap() override;

  void SetFate(Fate fate);
  // Whether other events of the source come.
  void SetProgress(bool has_progress);
  void SetOpen(bool is_open);
  // What Spawn answers; OK: a pid.
  void SetSpawnStatus(absl::Status status);
  // Called in each Spawn.
  void OnSpawn(std::function<void()> body);
  // The canary that is on its way comes back, and the watch wakes.
  void LetItCome();
  // Wait until so many were started, or reaped.
  void AwaitSpawns(int count);
  void AwaitReaped(int count);
  int spawns() const;
  // Started and not reaped.
  int living() const;

 private:
  class FakeWatch;

  base::Clock& clock_;
  mutable base::Mutex mu_;
  base::CondVar changed_;
  Fate fate_ GUARDED_BY(mu_) = Fate::kComesAtOnce;
  bool is_open_ GUARDED_BY(mu_) = true;
  bool has_progress_ GUARDED_BY(mu_) = false;
  absl::Status spawn_status_ GUARDED_BY(mu_);
  std::function<void()> on_spawn_ GUARDED_BY(mu_);
  std::function<void()> wake_ GUARDED_BY(mu_);
  std::optional<uint32_t> has_come_ GUARDED_BY(mu_);
  int spawns_ GUARDED_BY(mu_) = 0;
  int reaped_ GUARDED_BY(mu_) = 0;
};

}  // namespace daemoneye::process
