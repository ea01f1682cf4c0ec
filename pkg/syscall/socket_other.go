//go:build !linux

package syscall

import "github.com/saker-security/saker/pkg/syscall/process"

// socketProtocol has nobody to ask: only Linux lends descriptors of other processes.
func socketProtocol(int64, *process.FD) byte { return process.ProtocolUnknown }

func describeSocket(int64, *process.FD) {}
