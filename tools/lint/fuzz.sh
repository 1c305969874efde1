#!/usr/bin/env bash
# Fuzzes every target tagged "fuzz" from its corpus, each for a few seconds; the corpus itself is replayed by the tests.
#
#   tools/lint/fuzz.sh [SECONDS [TARGET...]]     default: 5 seconds each, every target
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
seconds=${1:-5}
shift || true
targets=("$@")
if [[ ${#targets[@]} -eq 0 ]]; then
  mapfile -t targets < <(bazel query --noshow_progress 'attr(tags, "\bfuzz\b", tests(//...))' 2>/dev/null)
fi
if [[ ${#targets[@]} -eq 0 ]]; then
  echo "no test is tagged fuzz" >&2
  exit 1
fi
bazel build --noshow_progress --config=fuzz "${targets[@]}"
bin=$(bazel info --config=fuzz bazel-bin 2>/dev/null)
found=$(mktemp -d)
failed=0
for target in "${targets[@]}"; do
  path=${target#//}
  path=${path/://}
  grown=$found/${path##*/}
  mkdir -p "$grown"
  corpus=tests/fuzz_corpus/${path##*/}
  seeds=()
  [[ ! -d $corpus ]] || seeds=("$corpus")
  if ASAN_SYMBOLIZER_PATH=/usr/bin/llvm-symbolizer-19 "$bin/$path" "$grown" "${seeds[@]}" -max_total_time="$seconds" \
    -timeout=10 -rss_limit_mb=2048 -artifact_prefix="$found/" -verbosity=0 -print_final_stats=1 >"$found/log" 2>&1; then
    echo "ok      $target  $(sed -n 's/^stat::number_of_executed_units: */runs /p' "$found/log")"
  else
    echo "FAILED  $target; its input is in $found"
    tail -40 "$found/log"
    failed=1
  fi
done
[[ $failed -eq 1 ]] || rm -rf "$found"
exit $failed
