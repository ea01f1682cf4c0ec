package ruletest

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/saker-security/saker/pkg/rule"
)

// WriteText writes the tests that failed with what is not as expected, with verbose the ones that passed too, and a line
// with the sums. Broken is not written.
func (r *Report) WriteText(w io.Writer, verbose bool) error {
	var b strings.Builder
	for _, one := range r.Results {
		switch {
		case len(one.Failures) > 0:
			fmt.Fprintf(&b, "FAIL %s: %s\n", rule.Printable(one.Test.Pos.String()), rule.Printable(one.Test.Name))
			for _, f := range one.Failures {
				f.write(&b)
			}
		case verbose:
			fmt.Fprintf(&b, "ok   %s: %s (%s, %s)\n", rule.Printable(one.Test.Pos.String()), rule.Printable(one.Test.Name),
				plural(one.Events, "event"), plural(one.Alerts, "alert"))
		}
	}
	fmt.Fprintf(&b, "%s in %s: %d passed, %d failed", plural(len(r.Results), "test"), plural(r.Files, "file"), len(r.Results)-r.Failed(), r.Failed())
	if len(r.Broken) > 0 {
		fmt.Fprintf(&b, ", %s", plural(len(r.Broken), "error"))
	}
	b.WriteByte('\n')
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the results of tests: %w", err)
	}
	return nil
}

func (f *Failure) write(b *strings.Builder) {
	fmt.Fprintf(b, "  %s: %s\n", rule.Printable(f.Pos.String()), f.Message)
	for _, d := range f.Details {
		fmt.Fprintf(b, "      %s\n", d)
	}
}

// The elements of a JUnit report, as CI systems read them: https://github.com/testmoapp/junitxml describes the form.
type (
	junitReport struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []*junitFile `xml:"testsuite"`
	}
	junitFile struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
		took     time.Duration
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		File    string        `xml:"file,attr,omitempty"`
		Line    int           `xml:"line,attr,omitempty"`
		Time    string        `xml:"time,attr"`
		Failure *junitFailure `xml:"failure"`
		Error   *junitFailure `xml:"error"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes the results as JUnit XML: a suite for each test file, and one with the errors.
func (r *Report) WriteJUnit(w io.Writer) error {
	out := junitReport{Tests: len(r.Results) + len(r.Broken), Failures: r.Failed(), Errors: len(r.Broken), Time: seconds(r.Duration)}
	suites := map[string]*junitFile{}
	suite := func(name string) *junitFile {
		s := suites[name]
		if s == nil {
			s = &junitFile{Name: name}
			suites[name] = s
			out.Suites = append(out.Suites, s)
		}
		s.Tests++
		return s
	}
	for _, one := range r.Results {
		s := suite(one.File.Name)
		c := junitCase{Name: one.Test.Name, Class: one.File.Name, File: one.File.Name, Line: one.Test.Pos.Line, Time: seconds(one.Duration)}
		if len(one.Failures) > 0 {
			s.Failures++
			var b strings.Builder
			for _, f := range one.Failures {
				f.write(&b)
			}
			c.Failure = &junitFailure{one.Failures[0].Message, b.String()}
		}
		s.took += one.Duration
		s.Cases = append(s.Cases, c)
	}
	for _, err := range r.Broken {
		s := suite("errors")
		s.Errors++
		message, _, _ := strings.Cut(err.Error(), "\n")
		s.Cases = append(s.Cases, junitCase{Name: message, Class: "errors", Time: seconds(0), Error: &junitFailure{message, err.Error()}})
	}
	for _, s := range out.Suites {
		s.Time = seconds(s.took)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("write a JUnit report: %w", err)
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(out); err != nil {
		return fmt.Errorf("write a JUnit report: %w", err)
	}
	if _, err := io.WriteString(w, "\n"); err != nil {
		return fmt.Errorf("write a JUnit report: %w", err)
	}
	return nil
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.6f", d.Seconds()) }
