package lint

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	File    string        `xml:"file,attr"`
	Line    int           `xml:"line,attr,omitempty"`
	Failure *junitFailure `xml:"failure"`
}

type junitFailure struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// WriteJUnit writes the findings as a JUnit report: a suite for each file, in it a failed test for each finding, or a
// passed one for a file without findings.
func (r Result) WriteJUnit(w io.Writer) error {
	report := junitSuites{Name: "saker lint"}
	suites := map[string]int{}
	for _, f := range r.files {
		if _, ok := suites[f.Name]; !ok {
			suites[f.Name] = len(report.Suites)
			report.Suites = append(report.Suites, junitSuite{Name: printable(f.Name)})
		}
	}
	for i := range r.Findings {
		d := &r.Findings[i]
		var text strings.Builder
		writeFinding(&text, d, plain)
		at, ok := suites[d.Start.File]
		if !ok { // the configuration file of the linter
			at = len(report.Suites)
			suites[d.Start.File] = at
			report.Suites = append(report.Suites, junitSuite{Name: printable(d.Start.File)})
		}
		suite := &report.Suites[at]
		suite.Cases = append(suite.Cases, junitCase{
			Name: fmt.Sprintf("%d:%d %s", d.Start.Line, d.Start.Column, d.Code), Class: suite.Name, File: suite.Name, Line: d.Start.Line,
			Failure: &junitFailure{Type: d.Severity.String(), Message: printable(d.Message), Text: text.String()},
		})
	}
	for i := range report.Suites {
		suite := &report.Suites[i]
		suite.Failures = len(suite.Cases)
		if suite.Failures == 0 {
			suite.Cases = []junitCase{{Name: "no findings", Class: suite.Name, File: suite.Name}}
		}
		suite.Tests = len(suite.Cases)
		report.Tests += suite.Tests
		report.Failures += suite.Failures
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("write findings: %w", err)
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(report); err != nil {
		return fmt.Errorf("write findings: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}
