#!/usr/bin/env bash
# The API: linted, formatted, compatible with the last release, and its reference page current.
#
#   tools/lint/protos.sh lint|format|breaking|reference     one check
#   tools/lint/protos.sh fix                                formats, and writes the reference page
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tools/env.sh
source tools/env.sh

breaking() { # against the newest release tag that is an ancestor
  local tag
  if ! tag=$(git describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null); then
    echo "no release tag yet: nothing to be compatible with"
    return
  fi
  echo "against $tag"
  buf breaking protos --against ".git#tag=$tag,subdir=protos"
}

case ${1:-} in
  lint) buf lint protos ;;
  format) buf format protos --diff --exit-code ;;
  breaking) breaking ;;
  reference) tools/reference/reference.py --check ;;
  fix)
    buf format protos --write
    tools/reference/reference.py
    ;;
  *)
    echo "usage: $0 lint|format|breaking|reference|fix" >&2
    exit 2
    ;;
esac
