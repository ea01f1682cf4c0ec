#!/bin/sh
# Rebuilds the Go code of the services from the .proto files below this directory. GO is the Go command.
set -eu
cd "$(dirname "$0")/../../../.."
files=$(find pkg/deliver/sink/grpc -name '*.proto' | LC_ALL=C sort)
# shellcheck disable=SC2086 # no name has a space
exec "${GO:-go}" -C hack/protoc run . "$PWD" $files
