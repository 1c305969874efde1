#!/usr/bin/env bash
# Shell scripts are clean under shellcheck.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
git ls-files -z --cached --others --exclude-standard |
  while IFS= read -r -d '' file; do
    [[ -f $file ]] || continue
    IFS= read -r first <"$file" 2>/dev/null || true
    if [[ $file == *.sh || ${first:-} =~ ^\#!.*(bash|/sh) ]]; then printf '%s\0' "$file"; fi
  done | xargs -0 -r shellcheck --external-sources --source-path=SCRIPTDIR:.
