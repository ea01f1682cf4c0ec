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
