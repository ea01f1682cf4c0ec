package lint

import (
	"embed"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
)

// explanations holds a file for each group of codes. In it each code is a section: its name, a line that says what
// was found, text, the blocks Bad and Good, and what Falco does. A block is marked yaml (a rules file), condition or
// output.
//
//go:embed explain/*.md
var explanations embed.FS

// Explanation is the text about one code.
type Explanation struct {
	Code string
	// Group is the title of the group of codes that it belongs to.
	Group string
	// Title says in one sentence what was found, Text what it means and what to do about it.
	Title, Text string
	// Bad is an example that gives the code, Good how to write it instead. Codes about the size or the bytes of a file
	// have no examples.
	Bad, Good Example
	// Falco says how Falco reports the same.
	Falco string
}

// Example is a piece of a rules file.
type Example struct {
	// Kind is yaml for a rules file, condition or output for the text of that key of a rule.
	Kind, Text string
}

// File gives the rules file of an example.
func (e Example) File() string {
	condition, output := "evt.type = openat", "a file was opened"
	indented := strings.ReplaceAll(strings.TrimSpace(e.Text), "\n", "\n    ")
	switch e.Kind {
	case "condition":
		condition = indented
	case "output":
		output = indented
	default:
		return e.Text
	}
	return "- rule: Example\n  desc: An example.\n  condition: >-\n    " + condition + "\n  output: >-\n    " + output + "\n  priority: NOTICE\n"
}

// Explain gives the explanation of a code.
func Explain(code string) (Explanation, bool) {
	all := Explanations()
	i := slices.IndexFunc(all, func(e Explanation) bool { return e.Code == code })
	if i < 0 {
		return Explanation{}, false
	}
	return all[i], true
}

// ExplanationURL is the address of the text about a code.
func ExplanationURL(code string) string { return project + "/blob/main/docs/lint-codes.md#" + code }

// Explanations lists what is known about each code, in the order of the groups.
func Explanations() []Explanation {
	names, err := fs.Glob(explanations, "explain/*.md")
	if err != nil {
		panic(err) // the pattern is wrong
	}
	var all []Explanation
	for _, name := range names {
		data, err := explanations.ReadFile(name)
		if err != nil {
			panic(err) // the file is part of the program
		}
		all = append(all, parseExplanations(string(data))...)
	}
	return all
}

func parseExplanations(text string) []Explanation {
	head, rest, _ := strings.Cut(text, "\n## ")
	group := strings.TrimSpace(strings.TrimPrefix(head, "# "))
	var all []Explanation
	for section := range strings.SplitSeq(rest, "\n## ") {
		code, body, _ := strings.Cut(section, "\n")
		e := Explanation{Code: strings.TrimSpace(code), Group: group}
		body, e.Falco, _ = strings.Cut(body, "\nFalco: ")
		body, e.Good = cutExample(body, "\nGood:\n")
		body, e.Bad = cutExample(body, "\nBad:\n")
		e.Title, e.Text, _ = strings.Cut(strings.TrimSpace(body), "\n")
		e.Text, e.Falco = strings.TrimSpace(e.Text), strings.TrimSpace(e.Falco)
		all = append(all, e)
	}
	return all
}

func cutExample(body, label string) (string, Example) {
	body, block, ok := strings.Cut(body, label)
	if !ok {
		return body, Example{}
	}
	kind, text, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(block), "```"), "\n")
	return body, Example{Kind: kind, Text: strings.TrimSuffix(text, "```")}
}

// Markdown gives the explanation as the document about the codes has it, without a heading.
func (e Explanation) Markdown() string {
	var b strings.Builder
	b.WriteString(e.Title + "\n")
	if e.Text != "" {
		b.WriteString("\n" + e.Text + "\n")
	}
	for _, x := range []struct {
		label string
		Example
	}{{"Bad", e.Bad}, {"Good", e.Good}} {
		if x.Text == "" {
			continue
		}
		language := "yaml"
		if x.Kind != language {
			language = "text"
		}
		fmt.Fprintf(&b, "\n%s%s:\n\n```%s\n%s```\n", x.label, x.about(), language, x.Text)
	}
	if e.Falco != "" {
		b.WriteString("\nFalco: " + e.Falco + "\n")
	}
	return b.String()
}

func (e Example) about() string {
	if e.Kind == "yaml" {
		return ""
	}
	return " " + e.Kind
}

// Write writes the explanation for a terminal.
func (e Explanation) Write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s\n", e.Code, e.Title)
	if e.Text != "" {
		b.WriteString("\n" + e.Text + "\n")
	}
	for _, x := range []struct {
		label string
		Example
	}{{"Bad", e.Bad}, {"Good", e.Good}} {
		if x.Text != "" {
			text := strings.ReplaceAll(strings.TrimSuffix(x.Text, "\n"), "\n", "\n    ")
			fmt.Fprintf(&b, "\n%s%s:\n\n    %s\n", x.label, x.about(), strings.ReplaceAll(text, "\n    \n", "\n\n"))
		}
	}
	if e.Falco != "" {
		b.WriteString("\nFalco: " + e.Falco + "\n")
	}
	fmt.Fprintf(&b, "\n%s\n", ExplanationURL(e.Code))
	_, err := io.WriteString(w, b.String())
	return err
}

// CodesDocument gives the document about all codes, in Markdown, without its title.
func CodesDocument() string {
	var b strings.Builder
	group := ""
	for _, e := range Explanations() {
		if e.Group != group {
			group = e.Group
			b.WriteString("## " + group + "\n\n")
		}
		b.WriteString("### " + e.Code + "\n\n" + e.Markdown() + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}
