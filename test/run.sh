#!/bin/sh
# Runs every suite that this machine can run; `make test` calls it with GO set to the Go command.
#
# As root on Debian it installs what a suite needs. A suite that cannot run is named with its reason; with CI=true
# that is a failure. The last line counts the suites; the lines before it are those of go test.
set -u
cd "$(dirname "$0")/.."

GO=${GO:-go}
PATH=$(dirname "$GO"):$PATH
export PATH
CI=${CI:-false}
export CI
logs=$(mktemp -d)
servers=''
trap '[ -z "$servers" ] || kill -- "-$servers" 2>/dev/null; rm -rf "$logs"' EXIT
passed=0 failed=0 skipped=0
failures='' leftouts=''

say() { printf '\n=== %s\n' "$*"; }

pass() { passed=$((passed + 1)); }

fail() {
	failed=$((failed + 1))
	failures="$failures $1"
	echo "FAILED: $1"
}

leave_out() {
	if [ "$CI" = true ]; then
		echo "left out: $1: $2"
		fail "$1"
		return
	fi
	skipped=$((skipped + 1))
	leftouts="$leftouts
  $1: $2"
	echo "left out: $1: $2"
}

# suite NAME COMMAND...: runs the command with its time.
suite() {
	name=$1
	shift
	say "$name"
	start=$(date +%s)
	if "$@"; then pass; else fail "$name"; fi
	echo "($name: $(($(date +%s) - start)) s)"
}

have() { command -v "$1" >/dev/null 2>&1; }

updated=false
# install PACKAGE...: installs Debian packages when that is possible; returns whether they are there.
install() {
	missing=''
	for p in "$@"; do
		dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
	done
	[ -z "$missing" ] && return 0
	[ "$(id -u)" = 0 ] && have apt-get || return 1
	if [ $updated = false ]; then
		apt-get update >"$logs/apt" 2>&1 || cat "$logs/apt"
		updated=true
	fi
	echo "installing$missing"
	# shellcheck disable=SC2086
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing >"$logs/apt" 2>&1 || {
		cat "$logs/apt"
		return 1
	}
}

root() { [ "$(id -u)" = 0 ]; }

build() { make --no-print-directory build && ./bin/saker version && static bin/saker; }

# static FILE: fails when the program needs a dynamic loader.
static() {
	if have file && file "$1" | grep -q 'dynamically linked'; then
		echo "$1 is not static"
		return 1
	fi
}

say "what this machine has"
echo "kernel $(uname -r), $(nproc) CPUs, $($GO version), user $(id -un)"
install git make gcc libc6-dev file ca-certificates || echo "some of git make gcc libc6-dev file are missing and cannot be installed"

# kube-apiserver takes minutes to build the first time. That begins now, gives way to everything else, and is mostly over
# when its suite comes; the tests that look at the clock come after that.
setsid nice -n 19 sh test/kube/build.sh >"$logs/servers" 2>&1 &
servers=$!

suite build build
suite lint sh test/lint.sh

if [ "$CI" = true ] || [ "${GENERATE:-false}" = true ]; then
	have npm || install nodejs npm
	if have npm && install clang-14 llvm-14 libbpf-dev; then
		suite generated sh hack/check-generated.sh
	else
		leave_out generated "needs clang-14, llvm-14, libbpf-dev, nodejs and npm"
	fi
else
	say generated
	echo "the check that generated files match their sources is CI's; GENERATE=true runs it here"
fi

bcc() {
	make --no-print-directory agent-bcc &&
		./bin/saker-bcc version &&
		CGO_ENABLED=1 $GO test -tags bcc -count=1 -timeout 10m ./pkg/syscall/driver/bcc/...
}
if ! root; then
	leave_out bcc "the BCC driver needs root"
elif install libbpfcc-dev gcc libc6-dev; then
	suite bcc bcc
else
	leave_out bcc "needs libbpfcc-dev and a C compiler"
fi

if ! root; then
	leave_out kernels "booting other kernels installs packages, which needs root"
elif [ "$(uname -m)" != x86_64 ]; then
	leave_out kernels "the kernels are fetched for x86_64 only"
elif install qemu-system-x86 seabios busybox-static cpio; then
	suite kernels sh test/kernels.sh
else
	leave_out kernels "needs qemu-system-x86, seabios, busybox-static and cpio"
fi

# A real API server, attacked. It needs nothing but Go and the modules.
wait "$servers"
servers=''
if sh test/kube/build.sh >>"$logs/servers" 2>&1; then
	suite kube sh test/kube/run.sh
else
	cat "$logs/servers"
	leave_out kube "kube-apiserver and etcd cannot be built"
fi

if [ "$CI" = true ] || [ "${FUZZ:-false}" = true ]; then
	suite fuzz sh test/fuzz.sh
else
	say fuzz
	echo "fuzzing for minutes is CI's; FUZZ=true runs it here, and the tests below run the committed corpus"
fi

# The client that users of the gRPC outputs have, which is no dependency of the program.
grpc_client() { (cd test/grpcclient && $GO vet ./... && $GO test -count=1 -timeout 5m ./...); }
suite grpc-client grpc_client

# What the race detector would distort: how much memory is taken.
memory() { CGO_ENABLED=0 $GO test -count=1 -run 'Allocation|Large|Bombs' ./pkg/engine ./pkg/condition/program ./pkg/rule ./pkg/syscall ./rules; }
suite memory memory

# What the race detector makes so slow that only samples are taken with it: a cut at every byte, every flipped bit.
damage() { CGO_ENABLED=0 $GO test -count=1 -timeout 10m ./pkg/deliver/queue; }
suite damage damage

# Everything under go test comes last, so that its lines close the output. Live kernel tests are among it: they say
# themselves what is missing, and the report counts what was skipped.
say "go test"
if have gcc || have cc; then
	race=-race
	export CGO_ENABLED=1
	# A program with the race detector sleeps for a second when it is done, which each package would.
	export GORACE=atexit_sleep_ms=20
else
	race=''
	export CGO_ENABLED=0
	leave_out race "the race detector needs a C compiler; the tests run without it"
fi
# shellcheck disable=SC2086
if $GO test $race -count=1 -timeout 20m -json ./... >"$logs/events"; then pass; else fail tests; fi
$GO run ./test/report "$logs/events" "$logs/skipped" || [ "$failed" -gt 0 ] || fail tests
if [ -s "$logs/skipped" ]; then
	while IFS= read -r line; do leave_out "${line%%: *}" "${line#*: }"; done <"$logs/skipped"
fi

echo
[ -n "$leftouts" ] && echo "left out:$leftouts"
[ -n "$failures" ] && echo "failed:$failures"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
