// Package bcc holds the C text of the BCC sensor, compiled by libbcc on the machine where it runs (package
// pkg/syscall/driver/bcc). It is the counterpart of the CO-RE program for kernels without BTF.
package bcc

import _ "embed"

var (
	//go:embed record.h
	record string
	//go:embed task.h
	task string
	//go:embed sensor.c
	sensor string
)

// Source is the C text without its entry points: the driver writes those behind it, for the events that are wanted
// and the way (kprobes or tracepoints) that the running kernel offers.
var Source = record + task + sensor
