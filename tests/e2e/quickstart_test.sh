#!/usr/bin/env bash
# The real tools/quickstart for 20 seconds: the demo process is seen to start and to stop, the suspect raises an alert
# that is printed with its evidence, and the second run is at its stream within three seconds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
out=$(mktemp)
trap 'rm -f "$out"' EXIT
failed=0

problem() {
  printf 'quickstart: %s\n' "$*" >&2
  failed=1
}

tools/quickstart --seconds 20 2>&1 </dev/null | tee "$out" || problem "ended with an error"
# A live source tells a start, which is of what forked, and then what is executed; a scan tells both as one.
for action in '(START|EXEC)' STOP; do
  grep -qE "^[0-9:.]+ +$action .*daemoneye-demo" "$out" || problem "no $action of the demo process"
done
grep -qE '^Running: (process-exec, )?process-scan' "$out" || problem "it does not say which sources run"
grep -qE '^(Every process is told as it starts|Not running: process-exec: .)' "$out" ||
  problem "it does not say whether every process is seen, or why not"
for stage in collect hash enrich detect; do
  grep -qE "stage\.$stage = COMPLETED" "$out" || problem "the alert does not say what the stage $stage found"
done
grep -qE 'stage.hash .*sha256 [0-9a-f]{64}' "$out" || problem "the alert does not tell the hash"
grep -q 'execution-from-tmp' "$out" || problem "no alert of the suspect's trigger"
grep -q '/tmp/daemoneye-suspect\..*/suspect' "$out" || problem "the alert does not name the suspect"
grep -qE 'evidence +event [1-9][0-9]* of procmond' "$out" || problem "no evidence beside the alert"
grep -qE '^-- snapshot of [1-9]' "$out" || problem "no snapshot"

# The stream's first line comes with stream_started: until then nothing but eyectl's header is there.
start=$(date +%s%N)
arrived=""
while IFS= read -r line; do
  if [[ $line == "-- stream "* ]]; then
    arrived=$(date +%s%N)
    break
  fi
done < <(tools/quickstart --seconds 5 2>&1 </dev/null)
if [[ -z $arrived ]]; then
  problem "the second run has no stream"
else
  milliseconds=$(((arrived - start) / 1000000))
  echo "second run: $milliseconds ms to its stream"
  [[ $milliseconds -lt 3000 ]] || problem "the second run took $milliseconds ms to its stream, 3000 are allowed"
fi
wait
exit $failed
