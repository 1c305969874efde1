#!/usr/bin/env bash
# Everything compiles with clang 19 too, whose thread-safety analysis reads the annotations of libs/base/mutex.h.
# Compiled for fuzzing, so that tools/lint/fuzz.sh finds its objects; nothing is linked here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
bazel build --noshow_progress --keep_going --config=fuzz --output_groups=compilation_outputs -- \
  //libs/... //services/... //tools/... //tests/...
