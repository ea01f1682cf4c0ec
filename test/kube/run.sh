#!/bin/sh
# The test on a real API server; GO is the Go command, arguments go to the test, and bin/saker is the program under test.
set -eu
cd "$(dirname "$0")"
GO=${GO:-go}
servers=$(GO=$GO sh build.sh)
# The same build settings as those of the servers, so that what both are made of is compiled once.
export CGO_ENABLED=0 GOFLAGS=
$GO vet -trimpath ./...
$GO test -trimpath -count=1 -timeout 10m . -args -servers="$servers" -saker="$PWD/../../bin/saker" "$@"
