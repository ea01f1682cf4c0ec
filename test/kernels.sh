#!/bin/sh
# The drivers on other kernels than this machine's, in emulated machines: CO-RE on three Debian releases, BCC by kprobes.
# GO is the Go command. It needs root, Debian and x86-64; the first run fetches the kernels.
set -u
cd "$(dirname "$0")/.."
status=0
sh bpf/vm/test.sh || status=1
sh pkg/syscall/driver/bcc/vm/run.sh || status=1
exit $status
