//go:build linux && (amd64 || arm64)

package core

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/features"
	"golang.org/x/sys/unix"

	"github.com/saker-security/saker/pkg/syscall/driver"
)

// attachError says which tracepoint could not be attached to.
type attachError struct {
	tracepoint string
	err        error
}

func (e *attachError) Error() string {
	return fmt.Sprintf("attach to raw tracepoint %s: %v", e.tracepoint, e.err)
}

func (e *attachError) Unwrap() error { return e.err }

// unavailableError is one line that says what the machine lacks. It wraps driver.ErrUnavailable and the cause.
type unavailableError struct {
	lacking string
	cause   error
}

func (e *unavailableError) Error() string   { return driver.ErrUnavailable.Error() + ": " + e.lacking }
func (e *unavailableError) Unwrap() []error { return []error{driver.ErrUnavailable, e.cause} }

// unavailable turns a failure to load or attach into an unavailableError.
func unavailable(err error) error {
	return &unavailableError{lacking: strings.ReplaceAll(lacking(err), "\n", " "), cause: err}
}

func lacking(err error) string {
	var attach *attachError
	switch {
	case errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) && !isVerifier(err):
		return "loading BPF programs is not permitted; run as root, or with CAP_BPF and CAP_PERFMON " +
			"(CAP_SYS_ADMIN before Linux 5.8)"
	case errors.Is(err, unix.ENOSYS):
		return "the kernel is built without the bpf system call (CONFIG_BPF_SYSCALL)"
	case errors.Is(features.HaveMapType(ebpf.RingBuf), ebpf.ErrNotSupported):
		return "the kernel has no BPF ring buffer; Linux 5.8 or later is needed"
	case !hasTypes():
		return "the kernel offers no type information in /sys/kernel/btf/vmlinux (CONFIG_DEBUG_INFO_BTF); " +
			"use the bcc driver there"
	case errors.As(err, &attach) && errors.Is(err, unix.ENOENT):
		return "the kernel has no tracepoint " + attach.tracepoint
	case isVerifier(err):
		return fmt.Sprintf("the kernel's verifier refuses the sensor: %v", err)
	}
	return err.Error()
}

func isVerifier(err error) bool {
	var refused *ebpf.VerifierError
	return errors.As(err, &refused)
}

func hasTypes() bool {
	_, err := btf.LoadKernelSpec()
	return err == nil
}
