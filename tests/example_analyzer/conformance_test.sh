#!/bin/bash
# The example analyzer keeps to the API, and the tool that says so finds each way in which another one does not.
set -euo pipefail

if ! /usr/bin/python3 -c 'import grpc, google.protobuf'; then
  echo "SKIPPED: /usr/bin/python3 has no grpc: apt-get install python3-grpcio python3-protobuf"
  exit 0
fi
dir=$(mktemp -d /tmp/example_analyzer.XXXXXX)
analyzer=
stop() {
  if [[ -n $analyzer ]]; then
    kill "$analyzer" 2>/dev/null || true
    wait "$analyzer" || true
    analyzer=
  fi
}
trap 'stop; rm -rf "$dir"' EXIT

folder=tests/example_analyzer
$folder/make_stubs.sh "$dir/stubs"
export PYTHONPATH=$dir/stubs:$folder PYTHONDONTWRITEBYTECODE=1

# program argument... -> what the tool says, in $dir/out
ask() {
  rm -f "$dir/s" "$dir/log"
  mkfifo "$dir/log"
  /usr/bin/python3 "$@" "unix:$dir/s" >"$dir/log" 2>"$dir/errors" &
  analyzer=$!
  read -r _ <"$dir/log"
  local code=0
  tools/analyzer_conformance/analyzer_conformance --patience=15s "unix:$dir/s" >"$dir/out" || code=$?
  stop
  return $code
}

fail() {
  echo "$1"
  cat "$dir/out" "$dir/errors"
  exit 1
}

ask $folder/deleted_files.py || fail "the example does not keep to the API"
cat "$dir/out"
if grep -q '^FAIL' "$dir/out"; then fail "a failure, and exit code 0"; fi

while read -r mode check; do
  if ask $folder/broken.py "$mode"; then fail "$mode is not found"; fi
  grep -qE "^FAIL  $check: " "$dir/out" || fail "$mode: want '$check' to fail"
  echo "$mode: $(grep -c '^FAIL' "$dir/out") found, $(grep -E "^FAIL  $check: " "$dir/out")"
done <<'END'
no-types negotiation-is-complete
no-version negotiation-is-complete
other-instance negotiation-stays-the-same
not-ready health-is-serving
knows-every-service health-is-serving
no-reflection reflection-tells-the-api
claims-too-much every-type-is-answered
too-sure every-type-is-answered
no-verdict every-type-is-answered
no-summary every-type-is-answered
too-much every-type-is-answered
slow every-type-is-answered
finds-everything unknown-targets-are-not-found
any-process-of-the-pid unknown-targets-are-not-found
tells-what-exists refusals-do-not-tell-what-exists
takes-anything bad-requests-are-invalid
refuses-without-a-name bad-requests-are-invalid
wrong-code types-it-has-not-are-refused
no-retry-info beyond-its-limits-it-says-when-to-come-back
forgets-slots (cancelled-requests|requests-out-of-time)-give-their-slots-back
crashes garbage-does-not-end-it
END

# Nobody there, and wrong usage.
if tools/analyzer_conformance/analyzer_conformance "unix:$dir/nobody" >"$dir/out"; then fail "nobody is found well"; fi
grep -q '^FAIL  it-can-be-asked: ' "$dir/out" || fail "nobody is not told"
code=0
tools/analyzer_conformance/analyzer_conformance --pid=x "unix:$dir/s" 2>/dev/null || code=$?
[[ $code == 2 ]] || fail "wrong usage is exit code $code"
