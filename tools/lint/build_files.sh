#!/usr/bin/env bash
# BUILD and .bzl files are as buildifier leaves them. Only checked: its fixes write loads that Bazel 4 does not know.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tools/env.sh
source tools/env.sh
git ls-files -z --cached --others --exclude-standard WORKSPACE '*BUILD.bazel' '*BUILD' '*.BUILD' '*.bzl' |
  while IFS= read -r -d '' file; do [[ ! -f $file ]] || printf '%s\0' "$file"; done |
  xargs -0 -r buildifier -mode=check -lint=off -v=false
