package lint

import (
	"github.com/saker-security/saker/pkg/rule"
)

// safeCodes are the findings whose corrections change nothing about what the rules match.
var safeCodes = map[string]bool{"deprecated": true, "deprecated-field": true}

// isSafe tells whether --fix makes the corrections of a finding.
func isSafe(d *rule.Diagnostic) bool { return len(d.Fixes) > 0 && safeCodes[d.Code] }
