#!/usr/bin/env bash
# No file names a folder of the machine it was written on: home folders, or the folder this checkout is in.
#
#   tools/lint/paths.sh [FILE...]     default: every file of the repository
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
pattern='(^|[^[:alnum:]_./$}-])/(home|Users|work|farm)/[[:alnum:]_]'
# What a test calls /home/... is an example of a path, and no folder of anybody's.
test_pattern='(^|[^[:alnum:]_./$}-])/(work|farm)/[[:alnum:]_]'
files=("$@")
if [[ $# -eq 0 ]]; then
  # Recorded inputs of tests are somebody else's text.
  mapfile -t files < <(git ls-files --cached --others --exclude-standard -- . ':!tests/testdata' ':!tests/fuzz_corpus' \
    ':!*/testdata/*' ':!tools/lint/paths.sh' ':!tools/lint/lint_test.sh')
fi
found=0
for file in "${files[@]}"; do
  [[ -f $file ]] || continue
  wanted=$pattern
  [[ $file != *_test.cc && $file != *_fuzz.cc ]] || wanted=$test_pattern
  if grep -HnEI "$wanted" "$file"; then found=1; fi
done
[[ $found -eq 0 ]]
