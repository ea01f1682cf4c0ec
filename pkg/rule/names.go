package rule

import (
	"strings"

	"github.com/saker-security/saker/pkg/field"
)

// isMacroName tells whether a name can be written in a condition: an identifier.
func isMacroName(name string) bool {
	for i := 0; i < len(name); i++ {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return name != ""
}

// isListName tells whether a name can be written in a condition: a bare text.
func isListName(name string) bool {
	return name != "" && !strings.ContainsAny(name, "()\"'=, \t\n\r\v\f\b")
}

// nearest gives the name that is most like s, empty when none is.
func nearest(s string, names []string) string {
	if near := field.Nearest(s, names, 1); len(near) > 0 {
		return near[0]
	}
	return ""
}

// maxCompared is how many names are compared while rules are loaded; files in which everything is misspelled would
// take the square of their length.
const maxCompared = 50_000

// nearName gives the name of a list, macro or rule that is most like a name, empty when none is.
func (l *loader) nearName(item, name string) string {
	if l.compared > maxCompared {
		return ""
	}
	names := l.names(item)
	l.compared += len(names)
	return nearest(name, names)
}
