package main

import (
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/syscall/table"
)

// delivers tells whether the sources of this version ever report events of the named type.
func delivers(source, eventType string) bool {
	return source != event.SourceSyscall || table.Deliverable(eventType)
}
