#!/bin/sh
# Rebuilds everything generated: the parser, the BPF objects, the gRPC services, the documents. GO is the Go command.
set -eu
cd "$(dirname "$0")/.."
GO=${GO:-go}
PATH=$(dirname "$GO"):$PATH
export PATH
sh grammar/generate.sh
sh bpf/generate.sh
sh pkg/deliver/sink/grpc/generate.sh
$GO test ./cmd/saker ./rules -run "TestDocuments|TestExampleData|TestSessions" -update >/dev/null
# After the rules: what an API server must send depends on them.
$GO test ./pkg/policy ./pkg/policy/wiring -run "TestExample" -update >/dev/null
