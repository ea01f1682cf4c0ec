package rule

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

const (
	// maxDepth is how deep the YAML of a rules file may be nested. Rules need six levels.
	maxDepth = 64
	// maxExpanded is how many nodes the documents of a file may stand for once each alias is followed; a node takes up
	// to half a kilobyte by the time it is part of a rule.
	maxExpanded = 250_000
	// maxMarks is how many marks between values a file may have. They are counted before anything is built.
	maxMarks = 300_000
)

// parse reads the YAML documents of a file. Documents before the one with a syntax error are returned with it.
func parse(s *source) ([]*yaml.Node, *problem) {
	if p := checkText(s); p != nil {
		return nil, p
	}
	if marks(s.data) > maxMarks {
		return nil, &problem{kind: kindSize, message: fmt.Sprintf("the file has more than %d values or lines", maxMarks),
			hint: "split it into several files"}
	}
	loader, err := newYAMLLoader(s.data)
	if err != nil {
		return nil, &problem{kind: kindYAML, message: "cannot be read as YAML: " + err.Error()}
	}
	var docs []*yaml.Node
	size := &expansion{file: s, known: map[*yaml.Node]int{}}
	for {
		doc := new(yaml.Node)
		err := loader.Load(doc)
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			return docs, syntaxProblem(s, err, s.offset)
		}
		if p := size.check(doc); p != nil {
			return docs, p
		}
		docs = append(docs, doc)
	}
}

func newYAMLLoader(text string) (*yaml.Loader, error) {
	return yaml.NewLoader(strings.NewReader(text), yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxDepth))))
}

// TooLarge tells whether Load refuses a file because of its size in bytes, or in what may be values, without reading it.
func TooLarge(data []byte) bool {
	return len(data) > MaxFileSize || marks(string(data)) > maxMarks
}

// marks counts what begins a value: a file has at most a few times as many values.
func marks(data string) int {
	n := 0
	for i := range len(data) {
		switch data[i] {
		case ',', '\n', '[', '{':
			n++
		case ' ':
			if i > 0 && (data[i-1] == '-' || data[i-1] == '?') {
				n++
			}
		}
	}
	return n
}

// checkText finds what keeps the bytes of a file from being a text: too many, another encoding, control characters.
func checkText(s *source) *problem {
	if len(s.data) > MaxFileSize {
		return &problem{kind: kindSize, message: fmt.Sprintf("the file is larger than %d MiB", MaxFileSize>>20),
			hint: "split it into several files"}
	}
	for _, bom := range []string{"\xff\xfe", "\xfe\xff"} {
		if strings.HasPrefix(s.data, bom) {
			return &problem{kind: kindNotText, message: "the file is UTF-16 text", hint: "save it as UTF-8"}
		}
	}
	for i, c := range s.data {
		at := span{i, i + 1}
		if c == utf8.RuneError && !strings.HasPrefix(s.data[i:], "\ufffd") {
			return &problem{kind: kindNotText, at: at,
				message: fmt.Sprintf("byte 0x%02x is not valid UTF-8", s.data[i]), hint: "save the file as UTF-8 text"}
		}
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0x7f {
			return &problem{kind: kindNotText, at: at,
				message: fmt.Sprintf("control character 0x%02x is not allowed in a rules file", c),
				hint:    "a rules file is YAML text"}
		}
	}
	return nil
}

// syntaxProblem puts an error of the YAML library in our words. offset turns a mark into a place in s.
func syntaxProblem(s *source, err error, offset func(line, column int) int) *problem {
	p := &problem{kind: kindYAML, message: "not valid YAML: " + err.Error()}
	var load *yaml.LoadError
	if !errors.As(err, &load) {
		return p
	}
	at := offset(load.Mark.Line, load.Mark.Column)
	p.message = "not valid YAML: " + strings.TrimPrefix(load.Message, "did not find expected ")
	if strings.HasPrefix(load.Message, "did not find expected ") {
		p.message = "not valid YAML: expected " + strings.TrimPrefix(load.Message, "did not find expected ")
	}
	context := offset(load.ContextMark.Line, load.ContextMark.Column)
	p.cause = at
	if load.ContextMsg != "" && !strings.Contains(load.ContextMsg, "block collection") { // which is all of the items
		p.cause = context
	}
	switch {
	case strings.Contains(load.Message, "exceeded max depth"):
		p.kind, p.message = kindDepth, fmt.Sprintf("the YAML is nested more than %d levels deep", maxDepth)
	case strings.Contains(load.Message, "tab character"):
		at += max(0, strings.IndexByte(s.data[at:], '\t'))
		p.message, p.hint = "not valid YAML: a tab character in the indentation", "indent with blanks"
	case strings.Contains(load.Message, "unexpected end of stream") && strings.Contains(load.ContextMsg, "quoted scalar"):
		at = context
		p.unclosed = s.data[at:min(at+1, len(s.data))]
		p.message, p.hint = "not valid YAML: the quoted text that starts here has no end", "add the closing quotation mark"
	case strings.Contains(load.Message, "mapping values are not allowed"):
		p.message = "not valid YAML: a colon and a blank inside a value that is not quoted"
		p.hint = "quote the value, or write it as a block with > or |"
	case strings.Contains(load.Message, "unknown escape character"):
		p.message = "not valid YAML: unknown escape sequence in a double-quoted text"
		p.hint = "use single quotes, or a block with > or |, where a backslash is an ordinary character"
	case strings.Contains(load.Message, "cannot start any token"):
		p.hint = "quote the value"
		if at < len(s.data) && s.data[at] == '\t' {
			p.hint = "indent with blanks, YAML does not take tabs"
		}
	case load.ContextMsg != "":
		p.message += " " + load.ContextMsg
		if line := s.position(context).Line; line != s.position(at).Line {
			p.message += fmt.Sprintf(" that starts on line %d", line)
		}
	}
	p.at = span{at, at}
	return p
}

// expansion counts the nodes that a tree stands for when each alias is followed, so that a small file that stands for
// billions of nodes is refused without building them.
type expansion struct {
	file  *source
	known map[*yaml.Node]int
	total int
}

func (x *expansion) check(doc *yaml.Node) *problem {
	n, culprit := x.count(doc)
	x.total += n
	if culprit == nil && x.total <= maxExpanded {
		return nil
	}
	if culprit == nil {
		return &problem{kind: kindSize, message: fmt.Sprintf("the file has more than %d values", maxExpanded), hint: "split it into several files"}
	}
	at := x.file.offset(culprit.Line, culprit.Column)
	p := &problem{kind: kindAlias, at: span{at, at}, hint: "write the values out"}
	p.message = fmt.Sprintf("aliases expand the file to more than %d values", maxExpanded)
	if x.known[culprit.Alias] < 0 {
		p.message = fmt.Sprintf("alias *%s stands inside the value that it repeats", culprit.Value)
	}
	return p
}

// count gives the size of the tree below n, or the alias at which it becomes too large or has no end.
func (x *expansion) count(n *yaml.Node) (int, *yaml.Node) {
	if n.Kind == yaml.AliasNode {
		size, ok := x.known[n.Alias]
		if !ok {
			var culprit *yaml.Node
			if size, culprit = x.count(n.Alias); culprit != nil {
				return size, culprit
			}
		}
		if size < 0 || size > maxExpanded {
			return size, n
		}
		return size, nil
	}
	x.known[n] = -1 // being counted: an alias to it from inside has no end
	size := 1
	for _, c := range n.Content {
		s, culprit := x.count(c)
		if culprit != nil {
			return size, culprit
		}
		if size += s; size > maxExpanded && c.Kind == yaml.AliasNode {
			return size, c
		}
	}
	x.known[n] = size
	return size, nil
}
