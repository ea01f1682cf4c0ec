#!/bin/sh
# The benchmarks behind docs/performance.md. GO is the Go command. What is compared is measured in one run, since
# machines differ and are shared; the live ones need root.
set -eu
cd "$(dirname "$0")/.."
GO=${GO:-go}
time=${BENCHTIME:-2s}

echo "# machine: $(uname -rm), $(nproc) CPUs, $($GO version)"
# bench PACKAGE [FLAG...]
bench() {
	package=$1
	shift
	CGO_ENABLED=0 $GO test -run '^$' -bench . -benchtime "$time" "$@" "$package" | grep -v '^PASS\|^ok'
}
# On one core, so that the garbage collector of what is compared is paid for.
bench ./pkg/daemon -cpu=1
bench ./pkg/audit -cpu=1
bench ./pkg/condition
bench ./pkg/condition/program
bench ./pkg/engine
bench ./pkg/rule
bench ./rules -cpu=1
bench ./pkg/lint
bench ./pkg/lint/analysis
bench ./pkg/lint/server
bench ./pkg/ruletest
bench ./pkg/syscall
bench ./pkg/deliver/queue
bench ./pkg/deliver -benchtime 1x -bench 'Deliver|Backlog|FiveSinks|SlowSinks/sinks=(1|10)/'
bench ./pkg/deliver/sink/http
bench ./test/reliability -benchtime 1x
if [ "$(id -u)" = 0 ]; then
	bench ./pkg/syscall/driver/core
else
	echo "left out: the live sensor needs root"
fi
