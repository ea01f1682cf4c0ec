package config

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/saker-security/saker/pkg/field"
)

// finding is an error or a warning with its place.
type finding struct {
	at   place
	text string
}

func (f *finding) Error() string {
	if at := f.at.String(); at != "" {
		return at + ": " + f.text
	}
	return f.text
}

// sorted puts findings into the order of the files, variables and options, and drops those said twice.
func sorted(findings []*finding) []*finding {
	slices.SortStableFunc(findings, func(a, b *finding) int {
		return cmp.Or(cmp.Compare(a.at.layer, b.at.layer), cmp.Compare(a.at.number, b.at.number),
			cmp.Compare(a.at.line, b.at.line), cmp.Compare(a.at.column, b.at.column))
	})
	return slices.CompactFunc(findings, func(a, b *finding) bool { return *a == *b })
}

// maxErrors and maxWarnings bound how many are told.
const (
	maxErrors   = 100
	maxWarnings = 200
)

// warningTexts gives the warnings as text.
func warningTexts(findings []*finding) []string {
	var out []string
	findings = sorted(findings)
	for i, w := range findings {
		if i == maxWarnings {
			return append(out, "and "+strconv.Itoa(len(findings)-i)+" more warnings")
		}
		out = append(out, w.Error())
	}
	return out
}

// joined is one error of all findings, each on a line.
func joined(findings []*finding) error {
	findings = sorted(findings)
	var errs []error
	for i, f := range findings {
		if i == maxErrors {
			errs = append(errs, errors.New("and "+strconv.Itoa(len(findings)-i)+" more errors"))
			break
		}
		errs = append(errs, f)
	}
	return errors.Join(errs...)
}

// each gives the errors that are joined in err.
func each(err error) []error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		return many.Unwrap()
	}
	return []error{err}
}

// placed gives err the place at, unless it has one.
func placed(err error, at place, key string) *finding {
	var f *finding
	if errors.As(err, &f) {
		return f
	}
	return &finding{at, "key " + key + ": " + err.Error()}
}

// shown is a name of the file as a message shows it: with quotation marks and escapes when it is not plain.
func shown(name string) string {
	if q := strconv.Quote(name); name == "" || len(q) != len(name)+2 {
		return cut(q, 200)
	}
	return cut(name, 200)
}

// cut shortens a text and says so.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}

// nearest is the end of a sentence about an unknown name: what was meant perhaps.
func nearest(name string, names []string) string {
	if near := field.Nearest(name, names, 1); len(near) > 0 {
		return "; did you mean " + near[0] + "?"
	}
	return ""
}
