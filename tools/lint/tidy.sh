#!/usr/bin/env bash
# clang-tidy 19 over what changed; where nothing says since when, over everything, newest first, as far as time allows.
#
#   tools/lint/tidy.sh [FILE...]
#
# Changed since: $TIDY_BASE, else the merge base with origin/main, else nothing is known.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
limit_seconds=${TIDY_SECONDS:-240}

newest_first() { # the .cc files, last committed first; tests behind all others
  git log --format= --name-only -- '*.cc' | awk '!seen[$0]++' |
    awk '/_(test|fuzz|benchmark)\.cc$/ { tests[n++] = $0; next } { print } END { for (i = 0; i < n; i++) print tests[i] }'
}
changed() { # base -> .cc files that differ, and those beside a header that does
  { git diff --name-only "$1" -- '*.cc' '*.h'; git ls-files --others --exclude-standard '*.cc' '*.h'; } |
    sed -E 's/\.h$/.cc/' | sort -u
}

files=("$@")
if [[ $# -eq 0 ]]; then
  base=${TIDY_BASE:-$(git merge-base HEAD origin/main 2>/dev/null || true)}
  if [[ -n $base && $(git rev-parse "$base") != $(git rev-parse HEAD) || -n $(git status --porcelain) ]]; then
    echo "changed since $(git rev-parse --short "${base:-HEAD}")"
    mapfile -t files < <(changed "${base:-HEAD}")
  else
    echo "everything, newest first, for at most $limit_seconds s"
    mapfile -t files < <(newest_first)
  fi
fi

tools/bazel/compdb.sh
known=$(mktemp)
trap 'rm -rf "$known" "$known.d"' EXIT
python3 -c 'import json; print("\n".join(sorted({e["file"] for e in json.load(open("compile_commands.json"))})))' >"$known"
wanted=()
for file in "${files[@]}"; do
  if [[ -f $file ]] && grep -qxF "$file" "$known"; then wanted+=("$file"); fi
done
if [[ ${#wanted[@]} -eq 0 ]]; then
  echo "no C++ file changed"
  exit
fi

# Stops handing out files when the time is over; what was not reached is told.
mkdir "$known.d"
export known limit_seconds
SECONDS=0 start=$(date +%s)
export start
# shellcheck disable=SC2016
printf '%s\0' "${wanted[@]}" | xargs -0 -P 2 -I{} bash -c '
  mark=$known.d/$(tr / _ <<<"$1")
  (( $(date +%s) - start < limit_seconds )) || exit 0
  if clang-tidy-19 --quiet -p . "$1" >"$mark" 2>"$mark.err"; then rm -f "$mark" "$mark.err"; : >"$mark.ok"; else : >"$mark.failed"; fi
' _ {}
good=$(find "$known.d" -name '*.ok' | wc -l)
bad=$(find "$known.d" -name '*.failed' | wc -l)
find "$known.d" -name '*.failed' | sort | while read -r mark; do
  cat "${mark%.failed}"
  grep -E 'error:' "${mark%.failed}.err" || true
done
echo "${#wanted[@]} files: $good clean, $bad not, $((${#wanted[@]} - good - bad)) not reached in $limit_seconds s"
[[ $bad -eq 0 && $good -gt 0 ]]
