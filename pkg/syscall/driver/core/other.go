//go:build !linux || !(amd64 || arm64)

package core

import (
	"fmt"
	"runtime"

	"github.com/saker-security/saker/pkg/syscall/driver"
)

// Types lists the event types that this driver can send: none on this platform.
func Types() []uint16 { return nil }

// Open fails: the sensor is built for Linux on amd64 and arm64.
func Open(driver.Options) (driver.Driver, error) {
	return nil, fmt.Errorf("%w: the co-re driver is for linux on amd64 and arm64, this is %s on %s",
		driver.ErrUnavailable, runtime.GOOS, runtime.GOARCH)
}
