#!/usr/bin/env bash
# C++ and C sources are as clang-format 19 leaves them; tools/lint/format.sh --fix makes them so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
mode=(--dry-run --Werror)
[[ ${1:-} != --fix ]] || mode=(-i)
git ls-files -z --cached --others --exclude-standard '*.cc' '*.h' '*.c' |
  while IFS= read -r -d '' file; do [[ ! -f $file ]] || printf '%s\0' "$file"; done |
  xargs -0 -r -n 40 -P 2 clang-format-19 --style=file "${mode[@]}"
