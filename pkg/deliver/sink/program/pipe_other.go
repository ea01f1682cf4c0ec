//go:build !linux

package program

import "syscall"

// unreadBytes gives none: only Linux tells at the writing end of a pipe how much of it was read. Elsewhere an alert
// counts as read when the pipe has taken it, so a program that ends with some unread loses those.
func unreadBytes(int) (int, error) { return 0, nil }

// keepInherited keeps the files that we inherited from the program; our own are closed in a new process anyway.
// Whoever starts a program leaves few files open, with low numbers; others are no error.
func keepInherited() {
	for fd := 3; fd < 256; fd++ {
		syscall.CloseOnExec(fd)
	}
}
