package rule

import (
	"fmt"
	"strings"
)

// Priority is how bad a match is. Smaller is worse, as in syslog.
type Priority uint8

// The priorities.
const (
	PriorityEmergency Priority = iota
	PriorityAlert
	PriorityCritical
	PriorityError
	PriorityWarning
	PriorityNotice
	PriorityInformational
	PriorityDebug
)

var priorityNames = [...]string{
	"Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug",
}

// String gives the canonical name, such as Informational.
func (p Priority) String() string {
	if int(p) < len(priorityNames) {
		return priorityNames[p]
	}
	return fmt.Sprintf("Priority(%d)", uint8(p))
}

// Short gives the name in upper case as statistics print it: INFO for Informational.
func (p Priority) Short() string {
	if p == PriorityInformational {
		return "INFO"
	}
	return strings.ToUpper(p.String())
}

// PriorityNames lists the canonical names, the worst first.
func PriorityNames() []string { return append([]string(nil), priorityNames[:]...) }

// ParsePriority reads a canonical name or Info, in any case.
func ParsePriority(s string) (Priority, error) {
	for i, name := range priorityNames {
		if strings.EqualFold(s, name) {
			return Priority(i), nil
		}
	}
	if strings.EqualFold(s, "info") {
		return PriorityInformational, nil
	}
	return 0, fmt.Errorf("read priority: %q is not one of %s", s, strings.ToLower(strings.Join(priorityNames[:], ", ")))
}
