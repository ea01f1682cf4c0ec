#!/bin/sh
# Runs the tests of the CO-RE driver on the kernels of three Debian releases (5.10, 6.1, 6.12) in emulated machines.
# Needs qemu-system-x86, seabios, busybox-static and cpio; as root on Debian it installs them. GO is the Go command;
# arguments are the releases to run on instead.
set -eu
cd "$(dirname "$0")/../.."

GO=${GO:-go}
[ $# -gt 0 ] || set -- bullseye bookworm trixie
if ! command -v qemu-system-x86_64 busybox cpio >/dev/null; then
	apt-get update >/dev/null
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends qemu-system-x86 seabios busybox-static cpio \
		ca-certificates >/dev/null
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
CGO_ENABLED=0 "$GO" test -c -o "$work/core.test" ./pkg/syscall/driver/core
failed=''
for suite in "$@"; do
	kernel=$(sh bpf/vm/kernel.sh "$suite")
	echo "--- ${kernel##*/vmlinuz-} ($suite)"
	sh bpf/vm/run.sh "$kernel" "$work/core.test" -test.v -test.timeout=8m >"$work/log" 2>&1 || failed="$failed $suite"
	case " $failed " in *" $suite "*) cat "$work/log" ;; *) grep -c '^--- PASS' "$work/log" | sed 's/$/ tests passed/' ;; esac
done
[ -z "$failed" ] || { echo "failed on:$failed"; exit 1; }
