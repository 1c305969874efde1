#!/bin/bash
# Python stubs of the API, and of the health, reflection and error messages that go with it. From the repository's root:
#
#   tests/example_analyzer/make_stubs.sh FOLDER
#
# Wants Debian's protobuf-compiler, protobuf-compiler-grpc and grpc-proto.
set -euo pipefail

out=$1
grpc=/usr/share/grpc-proto/grpc
mkdir -p "$out"
stubs=("--python_out=$out" "--grpc_python_out=$out" "--plugin=protoc-gen-grpc_python=/usr/bin/grpc_python_plugin")
protoc -Iprotos "${stubs[@]}" protos/daemoneye/v1/*.proto
# From their own folders, so that their modules do not come to lie in the packages `grpc` and `google`.
protoc "-I$grpc/health/v1" "-I$grpc/reflection/v1alpha" -Iprotos/google/rpc "${stubs[@]}" \
  health.proto reflection.proto status.proto error_details.proto
