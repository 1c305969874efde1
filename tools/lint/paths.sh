#!/usr/bin/env bash
# No file names a folder of the machine it was written on: home folders, or the folder this checkout is in.
#
#   tools/lint/paths.sh [FILE...]     default: every file of the repository
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
pattern='(^|[^[:alnum:]_./$}-])/(home|Users|work|farm)/[[:alnum:]_]'
files=("$@")
if [[ $# -eq 0 ]]; then
  # Recorded inputs of tests are somebody else's text.
  mapfile -t files < <(git ls-files --cached --others --exclude-standard -- . ':!tests/testdata' ':!tests/fuzz_corpus' \
    ':!*/testdata/*' ':!tools/lint/paths.sh' ':!tools/lint/lint_test.sh')
fi
found=0
for file in "${files[@]}"; do
  [[ -f $file ]] || continue
  # A test of path handling may say so at the end of its line.
  if grep -HnEI "$pattern" "$file" | grep -v 'lint: a path of no machine'; then found=1; fi
done
[[ $found -eq 0 ]]
