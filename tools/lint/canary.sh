#!/usr/bin/env bash
# A planted fault must be caught: a sanitizer that is not really on would pass every test.
#
#   tools/lint/canary.sh TARGET REPORT BAZEL-FLAGS...     builds //tests/canaries:TARGET, runs it, wants REPORT
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
target=$1 report=$2
shift 2
bazel build --noshow_progress "$@" "//tests/canaries:$target"
binary=$(bazel info "$@" bazel-bin 2>/dev/null)/tests/canaries/$target
if output=$("$binary" 2>&1); then
  echo "$target ended well: its fault was not caught" >&2
  exit 1
fi
if [[ $output != *"$report"* ]]; then
  printf '%s failed, but not with "%s":\n%s\n' "$target" "$report" "$output" >&2
  exit 1
fi
echo "caught: $(grep -m1 "$report" <<<"$output")"
