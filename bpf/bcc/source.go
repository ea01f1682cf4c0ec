// Package bcc holds the C text of the BCC sensor, compiled by libbcc on the machine where it runs (package
// pkg/syscall/driver/bcc). It is the counterpart of the CO-RE program for kernels without BTF.
package bcc

import _ "embed"

// Source is the C text without its entry points: the driver writes those behind it, for the events that are wanted
// and the way (kprobes or tracepoints) that the running kernel offers.
//
//go:embed sensor.c
var Source string
