#!/usr/bin/env bash
# The checks are checked: each is shown a planted violation, which it must name, and the same without it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
planted=$(mktemp -d)
trap 'rm -rf "$planted"' EXIT
failed=0

plant() { # file text
  mkdir -p "$planted/$(dirname "$1")"
  printf '%s\n' "$2" >"$planted/$1"
}
must_name() { # what text command...: the command fails and its output holds the text
  local what=$1 text=$2 output
  shift 2
  if output=$("$@" 2>&1); then
    printf 'not caught: %s\n' "$what" >&2
    failed=1
  elif [[ $output != *"$text"* ]]; then
    printf 'caught, but "%s" is not named: %s\n%s\n' "$text" "$what" "$output" >&2
    failed=1
  fi
}

room() { # file include: planted alone
  rm -rf "$planted"/{libs,services}
  plant "$1" "#include $2"
  must_name "$2 in $1" "$1:1" tools/lint/rooms.py "$planted"
}
allowed_room() { # file include
  rm -rf "$planted"/{libs,services}
  plant "$1" "#include $2"
  if ! tools/lint/rooms.py "$planted"; then failed=1; fi
}
room libs/event_bus/a.h '<grpcpp/grpcpp.h>'
room libs/collector/a.cc '"protos/daemoneye/v1/monitor_service.grpc.pb.h"'
room services/procmond/main.cc '<grpcpp/server.h>'
room libs/trigger/a.cc '<sqlite3.h>'
room libs/rpc/a.cc '<prometheus/counter.h>'
room libs/base/a.h '<spdlog/spdlog.h>'
room libs/sources/process/a.cc '<bpf/libbpf.h>'
room services/collector_gateway/a.cc '<yaml-cpp/yaml.h>'
room libs/sources/process/a.cc '<sys/syscall.h>'
room libs/sql/a.h '"absl/synchronization/mutex.h"'
allowed_room libs/rpc/a.cc '<grpcpp/grpcpp.h>'
allowed_room services/collector_gateway/monitor_client.cc '<grpcpp/channel.h>'

arrow() { # what file text named: a BUILD file that breaks an arrow
  rm -rf "$planted"/{libs,services}
  plant "services/planted_other/BUILD.bazel" 'cc_library(name = "planted_other", visibility = ["//visibility:public"])'
  plant "$2" "$3"
  must_name "$1" "$4" tools/lint/arrows.sh "$planted"
}
arrow "a lib that sees a service" libs/event/planted/BUILD.bazel \
  'cc_library(name = "planted", deps = ["//services/planted_other"])' "a lib sees a service"
arrow "a service that sees another" services/planted/BUILD.bazel \
  'cc_library(name = "planted", deps = ["//services/planted_other"])' "service planted sees another"
arrow "a kernel reader that sees an event" libs/linux/planted/BUILD.bazel \
  'cc_library(name = "planted", deps = ["//libs/event"])' "libs/linux reaches"
arrow "a core that needs gRPC" libs/event_bus/planted/BUILD.bazel \
  'cc_library(name = "planted", deps = ["@system//:grpc++"])' "libs/event_bus needs gRPC"
arrow "a room nobody knows" libs/planted/BUILD.bazel 'cc_library(name = "planted")' "libs/planted: a room"

plant note.md 'built in /home/somebody/src'
must_name "a path of a machine" "note.md:1" tools/lint/paths.sh "$planted/note.md"
plant note.md 'installed in /usr/bin, running in /run/daemoneye; libs/work/home is a folder of ours'
tools/lint/paths.sh "$planted/note.md" || failed=1

sed 's/^#/##/' protos/REFERENCE.md >"$planted/REFERENCE.md"
must_name "a reference page that is not current" "REFERENCE.md" tools/reference/reference.py --check "$planted/REFERENCE.md"

[[ $failed -eq 0 ]] && echo "every planted violation was named"
exit $failed
