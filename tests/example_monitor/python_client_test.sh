#!/bin/bash
# A client in a second language over a real socket: python3 reads five events of the example monitor.
set -euo pipefail

dir=$(mktemp -d /tmp/python_client.XXXXXX)
monitor=
cleanup() {
  if [[ -n $monitor ]] && kill "$monitor" 2>/dev/null; then wait "$monitor" || true; fi
  rm -rf "$dir"
}
trap cleanup EXIT

protoc --proto_path=protos --python_out="$dir" protos/daemoneye/v1/*.proto
mkfifo "$dir/log"
tests/example_monitor/example_monitor --config= --listen="unix://$dir/s" 2>"$dir/log" &
monitor=$!
exec 3<"$dir/log"
while read -r line <&3; do
  if [[ $line == *"examplemond: ready"* ]]; then break; fi
done

PYTHONPATH="$dir" /usr/bin/python3 tests/example_monitor/python_client.py "unix:$dir/s" 5 >"$dir/out"
cat "$dir/out"
[[ $(grep -c '^[1-9][0-9]* performance examplemond$' "$dir/out") == 5 ]]
