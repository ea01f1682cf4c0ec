package rule

import (
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/saker-security/saker/pkg/condition"
)

// context is an item of a rules file inside the items around it, under the names that Falco gives them. It is what
// Diagnostic.Path tells.
type context struct {
	parent     *context
	file       *source
	kind, name string
	at         int
}

// The kinds of items as Falco names them.
const (
	inContent     = "rules content"
	inItem        = "rules content item"
	inEngine      = "required_engine_version"
	inPlugins     = "required plugin versions"
	inPlugin      = "required plugin versions entry"
	inAlternative = "required plugin versions alternative"
	inList        = "list"
	inListItem    = "list item"
	inMacro       = "macro"
	inMacroText   = "macro condition"
	inRule        = "rule"
	inCondition   = "rule condition"
	inExpression  = "condition expression"
	inOutput      = "rule output"
	inPriority    = "rule priority"
	inOverrides   = "overrides"
	inExceptions  = "exceptions"
	inException   = "exception"
	inValues      = "exception values"
	inOneValue    = "exception value"
	inValue       = "value for"
)

// content is the outermost context of a file.
func content(file *source) *context { return &context{file: file, kind: inContent} }

// inside gives the context of the item at node n.
func (c *context) inside(kind, name string, n *yaml.Node) *context {
	return c.insideAt(kind, name, markOf(c.file, n))
}

// insideAt gives the context of an item that starts at an offset.
func (c *context) insideAt(kind, name string, at int) *context {
	return &context{parent: c, file: c.file, kind: kind, name: name, at: at}
}

// markOf is where a node starts, a quotation mark included, a tag and an anchor not.
func markOf(file *source, n *yaml.Node) int {
	return contentStart(file.data, file.offset(n.Line, n.Column))
}

// item is the kind and the name of the item of the file that c is in: a rule, a macro, a list or a requirement.
func (c *context) item() (kind, name string) {
	for ; c != nil; c = c.parent {
		switch c.kind {
		case inRule, inMacro, inList, inEngine:
			return c.kind, c.name
		case inPlugins:
			return "required_plugin_versions", ""
		}
	}
	return "", ""
}

// path lists the contexts from the outermost to c.
func (c *context) path() []Location {
	if c == nil {
		return nil
	}
	l := Location{Type: c.kind, Name: c.name, File: c.file.name, Offset: c.at}
	if c.parent != nil {
		l.Line, l.Column = c.file.newlines(c.at)
	}
	return append(c.parent.path(), l)
}

// shownText is how many bytes of a condition stand for it in a path.
const shownText = 17

// expressionPath is the path of a place in a text that is part of the condition named. As in Falco the place, with its
// line and column from 1, is added to that of c, which counts from 0.
func (c *context) expressionPath(named, text string, offset int) []Location {
	path := c.path()
	last := path[len(path)-1]
	line, column := condition.Position(text, offset)
	return append(path, Location{Type: inExpression, File: shortText(named), Line: last.Line + line, Column: last.Column + column,
		Offset: last.Offset + offset})
}

// wholePath is the path of the condition text as a whole, where c is.
func (c *context) wholePath(text string) []Location {
	path := c.path()
	last := path[len(path)-1]
	last.Type, last.Name, last.File = inExpression, "", shortText(text)
	return append(path, last)
}

// shortText is the name that a condition has in a path.
func shortText(text string) string {
	if len(text) > shownText+len("...") {
		text = text[:shownText] + "..."
	}
	return `"` + strings.NewReplacer("\n", " ", "\r", " ").Replace(text) + `"`
}
