package daemon

import (
	"errors"
	"fmt"
	"io"

	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/lint"
	"github.com/saker-security/saker/pkg/rule"
	"github.com/saker-security/saker/pkg/syscall"
	"github.com/saker-security/saker/rules"
)

// ErrRules is wrapped by the error of rules that cannot be used; the findings are printed already.
var ErrRules = errors.New("the rules cannot be used")

// Catalogues gives the fields of every source.
func Catalogues(hostname string) map[string]*field.Catalogue {
	return map[string]*field.Catalogue{
		event.SourceK8sAudit: audit.Catalogue(hostname),
		event.SourceSyscall:  syscall.Catalogue(hostname),
	}
}

// loadRules reads the rules files, or the built-in rules where paths is empty, prints the findings to stderr and
// compiles them.
func loadRules(paths []string, hostname string, stderr io.Writer) (*rule.Compiled, error) {
	files := rules.Files()
	if len(paths) > 0 {
		var err error
		if files, err = rule.ReadFiles(paths); err != nil {
			return nil, err
		}
	}
	result := lint.Check(files, Catalogues(hostname))
	if err := result.WriteText(stderr); err != nil {
		return nil, err
	}
	if !result.OK() {
		return nil, fmt.Errorf("%w: see the findings above", ErrRules)
	}
	return result.Compiled, nil
}
