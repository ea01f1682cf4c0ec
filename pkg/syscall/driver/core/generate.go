package core

// The objects and their Go bindings come from the C in /bpf. The same compiler and libbpf headers (Debian 12:
// clang-14, llvm-14, libbpf-dev) give the same bytes everywhere: bpf2go maps build paths away and strips the debug
// information that is not type information.
//
//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -cc clang-14 -strip llvm-strip-14 -target amd64,arm64 -type row -type call -type param -type param_kind -type directory -type tally sensor ../../../../bpf/core.bpf.c -- -O2 -mcpu=v2 -Wall -Werror -I../../../../bpf -I/usr/include
