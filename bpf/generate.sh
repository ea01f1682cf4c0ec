#!/bin/sh
# Builds the CO-RE objects and their Go bindings from the C beside this file. Needs clang-14, llvm-14 and libbpf-dev of
# Debian 12; GO is the Go command.
set -eu
cd "$(dirname "$0")/../pkg/syscall/driver/core"
exec "${GO:-go}" generate .
