#!/usr/bin/env bash
# Every benchmark (a cc_binary named *_benchmark) runs for a few iterations: built and working, no figures taken. Then
# a gateway raises alerts and has a stream run through it for some seconds, and every event is accounted for.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
mapfile -t targets < <(bazel query --noshow_progress 'filter("_benchmark$", kind(cc_binary, //...))' 2>/dev/null)
if [[ ${#targets[@]} -eq 0 ]]; then
  echo "no target is named *_benchmark" >&2
  exit 1
fi
bazel build --noshow_progress --config=opt "${targets[@]}" //tools/bench //services/procmond //services/collector_gateway
bin=$(bazel info --config=opt bazel-bin 2>/dev/null)
for target in "${targets[@]}"; do
  path=${target#//}
  echo "-- $target"
  timeout 120 "$bin/${path/://}" --benchmark_min_time=0.001
done
echo "-- tools/bench/run"
timeout 300 tools/bench/run --quick --rows=alert,workflow,soak
