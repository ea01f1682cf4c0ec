#!/bin/sh
# Fuzzes what parses texts that others write (conditions, rules files, output templates, configurations) and files that
# a disk may have damaged (queues, dead letters). Each target runs for FUZZTIME, a minute or half a minute by default,
# from the committed corpus; GO is the Go command.
set -eu
cd "$(dirname "$0")/.."
GO=${GO:-go}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# fuzz PACKAGE TARGET TIME
fuzz() {
	time=${FUZZTIME:-$3}
	echo "$1 $2 for $time"
	if CGO_ENABLED=0 $GO test "$1" -run '^$' -fuzz "^$2\$" -fuzztime "$time" -fuzzminimizetime 10x -timeout 10m >"$log" 2>&1; then
		grep '^fuzz:' "$log" | tail -1
		return
	fi
	# On a loaded machine a worker may be told to stop while it runs an input; that is no finding.
	if ! grep -q 'Failing input written\|panic:\|fatal error:' "$log" && grep -q 'context deadline exceeded' "$log"; then
		echo "stopped while an input was running"
		return
	fi
	cat "$log"
	exit 1
}

fuzz ./pkg/condition FuzzParse 60s
fuzz ./pkg/rule FuzzLoad 60s
fuzz ./pkg/format FuzzFormat 60s
fuzz ./pkg/config FuzzLoad 30s
fuzz ./pkg/alert FuzzDecode 30s
fuzz ./pkg/deliver/queue FuzzOpen 30s
fuzz ./pkg/deliver/dead FuzzOpen 30s
