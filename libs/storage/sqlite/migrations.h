// Migrations: the tables of the store, as numbered steps from an empty file to now.
//
// A step is never changed once it shipped; what changes is a further step. The file's user_version
// is the number of its last step.
#pragma once

#include <span>

#include "absl/status/status.h"
#include "libs/storage/sqlite/connection.h"

namespace daemoneye::storage {

// "DEye": tells the store's file from any other SQLite file.
inline constexpr int kApplicationId = 0x44457965;

// The statements of steps 1, 2, 3, ...
std::span<const char* const> MigrationSteps();

// Brings the file to `version` (by default the newest), a transaction a step. FailedPrecondition:
// the file is newer than this program, or not a store.
absl::Status Migrate(Connection& connection,
                     int version = static_cast<int>(MigrationSteps().size()));

}  // namespace daemoneye::storage
