#!/bin/sh
# The benchmarks behind docs/performance.md. GO is the Go command. What is compared is measured in one run, since
# machines differ and are shared; the live ones need root.
set -eu
cd "$(dirname "$0")/.."
GO=${GO:-go}
time=${BENCHTIME:-2s}

echo "# machine: $(uname -rm), $(nproc) CPUs, $($GO version)"
bench() { CGO_ENABLED=0 $GO test -run '^$' -bench "$2" -benchtime "$time" "$1" | grep -v '^PASS\|^ok'; }
bench ./pkg/daemon .
bench ./pkg/audit .
bench ./pkg/condition .
bench ./pkg/condition/program .
bench ./pkg/engine .
bench ./pkg/rule .
bench ./pkg/syscall .
if [ "$(id -u)" = 0 ]; then
	bench ./pkg/syscall/driver/core .
else
	echo "left out: the live sensor needs root"
fi
