//go:build bcc

package daemon

import "github.com/saker-security/saker/pkg/syscall/driver/bcc"

func init() { drivers["bcc"] = bcc.Open }
