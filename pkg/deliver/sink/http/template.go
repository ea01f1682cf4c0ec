package http

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	texttemplate "text/template"
	"text/template/parse"
	"time"

	"github.com/saker-security/saker/pkg/alert"
)

const (
	// maxTemplate bounds a template, maxOutput what it makes of one alert, in bytes.
	maxTemplate = 64 << 10
	maxOutput   = 1 << 20
	// maxSteps bounds how often the body of a loop or of a template is begun for one alert, maxTime how long that may
	// take.
	maxSteps = 10_000
	maxTime  = time.Second
)

// template writes the body for one alert. It is safe for concurrent use.
type template struct {
	parsed *texttemplate.Template
	time   time.Duration // what it may take for one alert
}

// templateName is the name of the whole template in errors of text/template.
const templateName = "template"

// parseTemplate reads a template. Its errors tell line and column. Fields and functions that do not exist are found
// here and not first when there is an alert.
func parseTemplate(text string) (*template, error) {
	if len(text) > maxTemplate {
		return nil, fmt.Errorf("template: %d bytes are more than %d", len(text), maxTemplate)
	}
	parsed, err := texttemplate.New(templateName).Funcs(functions).Parse(text)
	if err != nil {
		return nil, parseError(text, err)
	}
	for _, t := range parsed.Templates() {
		if t.Tree != nil && t.Root != nil {
			addStep(t.Root)
		}
	}
	t := &template{parsed, maxTime}
	if _, err := t.execute(nil, sample, false); err != nil && isWrongAlways(err) {
		return nil, err
	}
	return t, nil
}

// sample is an alert on which a template is tried.
var sample = &alert.Alert{
	ID: "01ARYZ6S41TSV4RRFFQ69G5FAV", Rule: "A rule", Source: "syscall", Hostname: "host", Tags: []string{"tag"}, Message: "A message",
	Fields: []alert.Field{{Name: "proc.name", JSON: `"cat"`}},
}

// isWrongAlways tells that a template fails whatever the alert is.
func isWrongAlways(err error) bool {
	return strings.Contains(err.Error(), "can't evaluate field") || strings.Contains(err.Error(), "wrong number of args")
}

// addStep puts an empty text before the body of each loop, and before the list itself. Writing it does nothing but to
// call the writer, which is what can end a template: nothing else is called in a loop that writes nothing.
func addStep(list *parse.ListNode) {
	if list == nil {
		return
	}
	for _, node := range list.Nodes {
		var lists []*parse.ListNode
		switch node := node.(type) {
		case *parse.IfNode:
			lists = []*parse.ListNode{node.List, node.ElseList}
		case *parse.WithNode:
			lists = []*parse.ListNode{node.List, node.ElseList}
		case *parse.RangeNode:
			lists = []*parse.ListNode{node.List, node.ElseList}
		}
		for _, inner := range lists {
			addStep(inner)
		}
	}
	list.Nodes = slices.Insert(list.Nodes, 0, parse.Node(&parse.TextNode{NodeType: parse.NodeText, Pos: list.Pos}))
}

// writer takes what a template writes, within limits.
type writer struct {
	out   []byte
	start int // of this template's output in out
	steps int
	until time.Time
}

var (
	errOutput = fmt.Errorf("more than %d bytes of output", maxOutput)
	errSteps  = fmt.Errorf("more than %d steps", maxSteps)
	errTime   = errors.New("it takes too long")
)

func (w *writer) Write(p []byte) (int, error) {
	if len(p) == 0 {
		if w.steps++; w.steps > maxSteps {
			return 0, errSteps
		}
	}
	if time.Now().After(w.until) {
		return 0, errTime
	}
	if len(w.out)-w.start+len(p) > maxOutput {
		return 0, errOutput
	}
	w.out = append(w.out, p...)
	return len(p), nil
}

// execute appends what the template makes of an alert; on an error dst is as it was.
func (t *template) execute(dst []byte, a *alert.Alert, iso8601 bool) ([]byte, error) {
	w := &writer{out: dst, start: len(dst), until: time.Now().Add(t.time)}
	if err := t.parsed.Execute(w, newView(a, iso8601)); err != nil {
		return dst, executeError(err)
	}
	return w.out, nil
}

// Errors of text/template begin with the name of the template and the line; those of executing have the column too,
// as a number of bytes from 0.
var (
	parseErrorText   = regexp.MustCompile(`(?s)^template: ` + templateName + `:(\d+): (.*)$`)
	executeErrorText = regexp.MustCompile(`(?s)^template: ` + templateName + `:(\d+):(\d+): executing ".*?" (at .*)$`)
)

// executeError tells where a template failed.
func executeError(err error) error {
	parts := executeErrorText.FindStringSubmatch(err.Error())
	if parts == nil {
		return fmt.Errorf("template: %w", err)
	}
	column := 0
	_, _ = fmt.Sscan(parts[2], &column)
	text := strings.ReplaceAll(parts[3], " in type http.view", "; there are "+strings.Join(viewFields, " "))
	return fmt.Errorf("template: line %s, column %d: %s", parts[1], column+1, text)
}

// parseError tells where a template cannot be read. text/template only knows the line, so the column is that of the
// first action of the line up to which the template has the same error.
func parseError(text string, err error) error {
	parts := parseErrorText.FindStringSubmatch(err.Error())
	if parts == nil {
		return errors.New(err.Error())
	}
	line, offset := 0, 0
	_, _ = fmt.Sscan(parts[1], &line)
	for range line - 1 {
		offset += strings.IndexByte(text[offset:], '\n') + 1
	}
	rest, _, _ := strings.Cut(text[offset:], "\n")
	column := strings.LastIndex(rest, "{{") + 1
	for at := 0; ; {
		begin := strings.Index(rest[at:], "{{")
		if begin < 0 {
			break
		}
		begin += at
		end := strings.Index(rest[begin:], "}}")
		if end < 0 {
			break
		}
		at = begin + end + len("}}")
		_, again := texttemplate.New(templateName).Funcs(functions).Parse(text[:offset+at])
		if again != nil && again.Error() == err.Error() {
			column = begin + 1
			break
		}
	}
	return fmt.Errorf("template: line %d, column %d: %s", line, max(column, 1), parts[2])
}
