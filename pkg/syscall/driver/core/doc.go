// Package core is the CO-RE driver: the programs of /bpf on raw tracepoints, loaded with the type information of the
// running kernel, and their ring buffer. It needs Linux 5.8 with BTF (Debian since 5.10) on amd64 or arm64.
package core
