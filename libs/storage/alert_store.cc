#include "libs/storage/alert_store.h"

namespace daemoneye::storage {

absl::Status AlertStore::AppendAll(std::span<const AlertToStore> alerts, absl::Time now) {
  for (const AlertToStore& each : alerts) {
    if (each.alert->sequence() != 0) continue;
    const absl::Status appended = Append(*each.alert, each.sinks, now).status();
    if (!appended.ok() && !absl::IsAlreadyExists(appended)) return appended;
  }
  return absl::OkStatus();
}

}  // namespace daemoneye::storage
