//go:build unix

package config

import "golang.org/x/sys/unix"

// isWritable tells whether the program may make files in a directory.
func isWritable(dir string) bool { return unix.Access(dir, unix.W_OK|unix.X_OK) == nil }
