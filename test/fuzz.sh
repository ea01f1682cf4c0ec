#!/bin/sh
# Fuzzes what parses texts that others write (conditions, rules files, output templates, configurations, audit events
# and policies) and files that a disk may have damaged (queues, dead letters). Each target runs for FUZZTIME, half a
# minute by default, from the committed corpus; GO is the Go command.
set -eu
cd "$(dirname "$0")/.."
GO=${GO:-go}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# fuzz PACKAGE TARGET
fuzz() {
	time=${FUZZTIME:-30s}
	echo "$1 $2 for $time"
	if CGO_ENABLED=0 $GO test "$1" -run '^$' -fuzz "^$2\$" -fuzztime "$time" -fuzzminimizetime 1x -timeout 10m >"$log" 2>&1; then
		grep '^fuzz:' "$log" | tail -1
		return
	fi
	# On a loaded machine a worker may be told to stop while it runs an input; that is no finding.
	if ! grep -q 'Failing input written\|panic:\|fatal error:' "$log" && grep -q 'context deadline exceeded' "$log"; then
		echo "stopped while an input was running"
		return
	fi
	cat "$log"
	# The machine that found it may be gone tomorrow.
	sed -n 's/.*Failing input written to //p' "$log" | sort -u | while read -r input; do
		echo "$1/$input:"
		head -c 20000 "$1/$input"
	done
	exit 1
}

fuzz ./pkg/condition FuzzParse
fuzz ./pkg/rule FuzzLoad
fuzz ./pkg/format FuzzFormat
fuzz ./pkg/config FuzzLoad
fuzz ./pkg/alert FuzzDecode
fuzz ./pkg/deliver/queue FuzzOpen
fuzz ./pkg/deliver/dead FuzzOpen
fuzz ./pkg/audit FuzzReceiver
fuzz ./pkg/audit FuzzStream
fuzz ./pkg/audit FuzzCSR
fuzz ./pkg/audit/cloud FuzzUnwrap
fuzz ./pkg/policy FuzzLoad
