#!/usr/bin/env bash
# The arrows of ARCHITECTURE.md: what a room may depend on, directly or not.
#
#   tools/lint/arrows.sh [MORE]    MORE: a folder whose libs/ and services/ are looked at as if they stood here
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
more=${1:-}
bazel=(bazel query --noshow_progress --keep_going)
[[ -z $more ]] || bazel+=("--package_path=%workspace%:$more")

# room -> rooms of libs/ that its libraries may reach. Tests may use more, where a target's visibility lets them.
declare -A allowed=(
  [base]=""
  [linux]="base"
  [event]="base"
  [sql]="base event"
  [event_bus]="base event sql"
  [collector]="base event event_bus sql"
  [sources]="base collector event event_bus linux sql"
  [trigger]="base event sql storage"
  [analysis]="base event sql storage"
  [alerting]="base event sql storage"
  [storage]="base event sql"
  [metrics]="base"
  [logging]="base"
  [config]="base"
  [rpc]="base config logging metrics"
  [analysis_server]="analysis base config event linux logging metrics monitor rpc"
  [monitor]="base collector config event event_bus linux logging metrics rpc sources sql storage"
)
# Rooms that build and test without gRPC.
grpc_free=(base linux event sql event_bus collector sources trigger analysis alerting storage metrics logging config)

folders() { # under -> the folders there, here and in MORE
  local folder
  for folder in "$1"/*/ ${more:+"$more/$1"/*/}; do
    [[ ! -d $folder ]] || basename "$folder"
  done | sort -u
}
has_room() { [[ -d libs/$1 || -d ${more:+$more/}libs/$1 ]]; }

failed=0
must_be_empty() { # what query
  local found
  if ! found=$("${bazel[@]}" "$2" 2>&1); then
    printf '%s: bazel query failed:\n%s\n' "$1" "$found" >&2
    failed=1
  elif found=$(grep -E '^[/@]' <<<"$found"); then
    printf '%s:\n%s\n' "$1" "$found" >&2
    failed=1
  fi
}

services=$(folders services)
if [[ -n $services ]]; then
  must_be_empty "a lib sees a service" 'somepath(//libs/..., //services/...)'
fi
for service in $services; do
  must_be_empty "service $service sees another service" \
    "deps(//services/$service/...) intersect (//services/... except //services/$service/...)"
done
for room in $(folders libs); do
  if [[ -z ${allowed[$room]+known} ]]; then
    echo "libs/$room: a room that tools/lint/arrows.sh does not know: say what it may depend on" >&2
    failed=1
    continue
  fi
  own="//libs/$room/..."
  for other in ${allowed[$room]}; do
    if has_room "$other"; then own+=" + //libs/$other/..."; fi
  done
  must_be_empty "libs/$room reaches what it may not" "deps(kind(cc_library, //libs/$room/...)) intersect //libs/... except ($own)"
done
for room in "${grpc_free[@]}"; do
  if has_room "$room"; then
    must_be_empty "libs/$room needs gRPC" "somepath(//libs/$room/..., '@system//:grpc++')"
  fi
done
exit $failed
