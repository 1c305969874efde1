#!/usr/bin/env bash
# What tools/quickstart does around the servers, with stand-ins for them: arguments, busy ports, a server that dies,
# Ctrl-C. Leaves no process and no folder behind.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
work=$(mktemp -d)
export QUICKSTART_DIR=$work/built TMPDIR=$work/tmp
mkdir -p "$QUICKSTART_DIR" "$TMPDIR"
holder=""
trap '[[ -z $holder ]] || kill "$holder"; rm -rf "$work"' EXIT
failed=0
touch "$work/stamp"

problem() {
  printf 'quickstart: %s\n' "$*" >&2
  failed=1
}
stand_in() { # name script
  printf '#!/usr/bin/env bash\necho $$ >>"%s/pids"\n%s\n' "$work" "$2" >"$QUICKSTART_DIR/$1"
  chmod +x "$QUICKSTART_DIR/$1"
}
reset() {
  rm -f "$work/pids"
  stand_in procmond 'exec sleep 600'
  stand_in binary_hasher 'exec sleep 600'
  stand_in collector_gateway 'exec sleep 600'
  # shellcheck disable=SC2016
  stand_in eyectl 'case "$1 $*" in health*) ;; *--for=1s*) echo streaming; sleep 1 ;; *) echo streaming; exec sleep 600 ;; esac'
  touch "$QUICKSTART_DIR/stamp"
}
nothing_is_left() { # after what
  local pid
  while read -r pid; do
    if kill -0 "$pid" 2>/dev/null; then problem "$1: process $pid still runs"; fi
  done < <(cat "$work/pids" 2>/dev/null)
  [[ -z $(ls -A "$TMPDIR") ]] || problem "$1: a folder is left: $(ls "$TMPDIR")"
  [[ -z $(find /tmp -maxdepth 1 -name 'daemoneye-suspect.*' -newer "$work/stamp") ]] || problem "$1: the suspect is left"
}
expect() { # what code text arguments...
  local what=$1 code=$2 text=$3 output ended=0
  shift 3
  output=$(timeout 60 tools/quickstart "$@" 2>&1 </dev/null) || ended=$?
  [[ $ended -eq $code ]] || problem "$what: ended with $ended, not $code"
  [[ $output == *"$text"* ]] || problem "$what: does not say '$text' but: $output"
  nothing_is_left "$what"
}

reset
expect "an end by itself" 0 streaming --seconds 1
expect "an end by itself, other spelling" 0 "buf curl" --seconds=1
expect "an unknown argument" 1 "unknown argument '--second'" --second
expect "no number" 1 "not 'none'" --seconds
expect "no whole number" 1 "not '1.5'" --seconds=1.5

stand_in collector_gateway 'echo "cannot bind the moon"; exit 3'
expect "a gateway that dies" 1 "gateway ended with 3" --seconds=1
expect "its log" 1 "cannot bind the moon" --seconds=1

reset
# shellcheck disable=SC2016
stand_in eyectl '[[ $1 != events ]] || { echo "stream broke"; exit 1; }'
expect "a stream that breaks" 1 "ended with an error"

reset
# shellcheck disable=SC2016
stand_in eyectl '[[ $1 != health ]] || { echo "NOT_SERVING"; exit 1; }'
expect "a server that is never ready" 1 "procmond was not ready" --seconds=1

reset
/usr/bin/python3 -c 'import socket,sys; s=socket.create_server(("127.0.0.1", 9469)); print("up", flush=True); sys.stdin.read()' \
  <><(:) >"$work/holder" &
holder=$!
until [[ -s $work/holder ]]; do read -r -t 0.05 <><(:) || true; done
expect "a busy port" 1 "port 9469, which the gateway's metrics needs, is in use" --seconds=1
kill "$holder"
wait "$holder" 2>/dev/null || true
holder=""

for signal in INT TERM; do
  reset
  # A job of a script ignores SIGINT; one started through env's reset does not.
  : >"$work/out"
  env --default-signal=INT tools/quickstart >"$work/out" 2>&1 </dev/null &
  pid=$!
  until grep -q streaming "$work/out"; do read -r -t 0.05 <><(:) || true; done
  kill "-$signal" "$pid"
  code=0
  wait "$pid" || code=$?
  [[ $code -eq 0 ]] || problem "SIG$signal: ended with $code: $(cat "$work/out")"
  nothing_is_left "SIG$signal"
done

[[ $failed -eq 0 ]] && echo "quickstart: every case as it should be"
exit $failed
