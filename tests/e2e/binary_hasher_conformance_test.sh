#!/bin/bash
# The real binary-hasher keeps to the API of analyzers, on a unix socket and on loopback.
set -euo pipefail

dir=$(mktemp -d /tmp/hasher_conformance.XXXXXX)
hasher=
cleanup() {
  if [[ -n $hasher ]] && kill "$hasher" 2>/dev/null; then wait "$hasher" || true; fi
  rm -rf "$dir"
}
trap cleanup EXIT

mkfifo "$dir/log"
services/binary_hasher/binary_hasher --config= --metrics_address= --listen="unix://$dir/s,127.0.0.1:0" \
  2>"$dir/log" &
hasher=$!
exec 3<"$dir/log"
port=
while read -r line <&3; do
  echo "$line"
  if [[ $line =~ 127\.0\.0\.1:([0-9]+) ]]; then port=${BASH_REMATCH[1]}; fi
  if [[ $line == *"binary-hasher: ready"* ]]; then break; fi
done
cat <&3 >/dev/null & # so that it never waits for a reader

for address in "unix://$dir/s" "127.0.0.1:$port"; do
  tools/analyzer_conformance/analyzer_conformance "$address"
done
