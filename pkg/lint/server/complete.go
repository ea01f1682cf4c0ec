package server

import (
	"maps"
	"slices"
	"strings"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// maxItems is how many proposals are sent; the client asks again when the author goes on.
const maxItems = 300

// transformers and operators with a text for people.
var transformers = map[string]string{
	"tolower":  "the text in lower case",
	"toupper":  "the text in upper case",
	"b64":      "the text that base64 stands for",
	"basename": "what follows the last slash",
	"len":      "the length of a text in bytes, or of a list",
	"join":     "the elements of a list with a separator between them",
	"concat":   "several texts, one after another",
	"getopt":   "the options of a command line",
	"val":      "another field, on the right-hand side",
}

var operators = map[string]string{
	"exists":      "the field has a value",
	"=":           "equal",
	"!=":          "not equal; false when the field has no value",
	"<":           "less than a number",
	"<=":          "at most a number",
	">":           "greater than a number",
	">=":          "at least a number",
	"contains":    "holds a text",
	"icontains":   "holds a text, whatever the case of its letters",
	"bcontains":   "holds bytes, written in hexadecimal",
	"startswith":  "begins with a text",
	"bstartswith": "begins with bytes, written in hexadecimal",
	"endswith":    "ends with a text",
	"glob":        "fits a pattern of * ? [ ] as a whole",
	"iglob":       "fits a pattern, whatever the case of its letters",
	"regex":       "fits a POSIX regular expression as a whole",
	"in":          "is one of; of a list: all its elements are",
	"intersects":  "one of the elements is one of",
	"pmatch":      "is one of some paths, or below it",
}

// proposals collects what may be written at a place.
type proposals struct {
	d     *document
	p     place
	items []completionItem
	seen  map[string]bool
}

// add proposes label when it holds the word that is being written; what begins with it comes first.
func (c *proposals) add(label string, kind int, detail, documentation string) {
	word := strings.ToLower(c.p.word)
	rank := strings.Index(strings.ToLower(label), word)
	if rank < 0 || c.seen[label] {
		return
	}
	c.seen[label] = true
	sort := "1" + label
	if rank == 0 {
		sort = "0" + label
	}
	c.items = append(c.items, completionItem{Label: label, Kind: kind, Detail: detail, Documentation: documentation,
		SortText: sort, TextEdit: textEdit{Range: c.d.span(c.p.start, c.p.end), NewText: label}})
}

func (c *proposals) list() completionList {
	slices.SortStableFunc(c.items, func(a, b completionItem) int { return strings.Compare(a.SortText, b.SortText) })
	if len(c.items) > maxItems {
		return completionList{IsIncomplete: true, Items: c.items[:maxItems]}
	}
	if c.items == nil {
		c.items = []completionItem{}
	}
	return completionList{Items: c.items}
}

// complete proposes what may stand at the cursor.
func (w *workspace) complete(d *document, offset int) any {
	c := &proposals{d: d, p: d.at(offset), seen: map[string]bool{}}
	c.p.word = d.text[c.p.start:offset]
	switch {
	case c.p.naming:
		kind := ""
		if c.p.item != nil {
			kind = c.p.item.kind
		}
		for _, key := range keysOf(kind) {
			c.add(key, itemProperty, "", keyHelp()[key])
		}
	case c.p.key == "exceptions" && c.p.inner == "fields":
		w.addFields(c, c.p.item)
	case c.p.key == "exceptions" && c.p.inner == "comps":
		addAll(c, operators, itemKeyword)
	default:
		w.addValues(c)
	}
	return c.list()
}

// addValues proposes values of the key that the cursor is in.
func (w *workspace) addValues(c *proposals) {
	switch c.p.inner {
	case "condition":
		if c.p.key == "override" {
			c.add("append", itemKeyword, "", "add to what there is")
			c.add("replace", itemKeyword, "", "put in the place of what there is")
			return
		}
		w.addExpression(c)
	case "output":
		if c.p.key == "output" && c.p.start > 0 && c.d.text[c.p.start-1] == '%' {
			w.addFields(c, c.p.item)
			addAll(c, transformers, itemFunction)
		}
	case "priority":
		for _, p := range []string{"EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG"} {
			c.add(p, itemEnum, "", "")
		}
	case "source":
		for _, s := range slices.Sorted(maps.Keys(w.options.Catalogues)) {
			c.add(s, itemEnum, "", "")
		}
	case "enabled", "append", "capture", "warn_evttypes", "skip-if-unknown-filter":
		if c.p.key != "override" {
			c.add("true", itemKeyword, "", "")
			c.add("false", itemKeyword, "", "")
		}
	case "items":
		w.addNamed(c, "list")
	case "tags":
		w.addTags(c)
	}
}

// addExpression proposes what may follow in a condition.
func (w *workspace) addExpression(c *proposals) {
	before := strings.TrimLeft(c.p.before, " >|-+\n\r")
	before = strings.TrimSuffix(before, c.p.word)
	before = strings.TrimPrefix(strings.TrimPrefix(before, `"`), "'")
	what, name := expects(before)
	switch what {
	case slotOperand:
		w.addFields(c, c.p.item)
		w.addNamed(c, "macro")
		addAll(c, transformers, itemFunction)
		c.add("not", itemKeyword, "", "the opposite")
	case slotOperator:
		addAll(c, operators, itemKeyword)
	case slotValue:
		w.addConstants(c, name)
		addAll(c, transformers, itemFunction)
	case slotList, slotItem:
		w.addNamed(c, "list")
		w.addConstants(c, name)
	case slotJoin:
		c.add("and", itemKeyword, "", "both hold")
		c.add("or", itemKeyword, "", "one of both holds")
	case slotText:
	}
}

// addConstants proposes values of a field that has a known set of them.
func (w *workspace) addConstants(c *proposals, name string) {
	for _, cat := range w.catalogues(c.p.item) {
		f, _, ok := cat.Lookup(name)
		switch {
		case !ok:
		case f.Type.Class() == event.ClassBool:
			c.add("true", itemValue, "", "")
			c.add("false", itemValue, "", "")
		case name == "evt.type":
			for _, t := range cat.Types() {
				if t != "" {
					c.add(t, itemValue, "event type", "")
				}
			}
		}
	}
}

func (w *workspace) addFields(c *proposals, it *item) {
	for _, cat := range w.catalogues(it) {
		for _, f := range cat.Fields() {
			if !f.Hidden {
				c.add(f.Name, itemField, detail(f, cat.Source()), f.Help)
			}
		}
	}
}

func detail(f *field.Field, source string) string {
	text := f.Type.String()
	if f.List {
		text += " list"
	}
	return text + ", " + source
}

// catalogues gives those of the source of an item; of all sources when it does not say, as a macro cannot.
func (w *workspace) catalogues(it *item) []*field.Catalogue {
	if it != nil && it.kind == "rule" {
		for _, line := range strings.Split(it.text, "\n") {
			if key, value, _, ok := keyValue(line); ok && key == "source" {
				if cat := w.options.Catalogues[value]; cat != nil {
					return []*field.Catalogue{cat}
				}
			}
		}
		if cat := w.options.Catalogues[event.SourceSyscall]; cat != nil && !strings.Contains(it.text, "override") {
			return []*field.Catalogue{cat}
		}
	}
	var all []*field.Catalogue
	for _, source := range slices.Sorted(maps.Keys(w.options.Catalogues)) {
		all = append(all, w.options.Catalogues[source])
	}
	return all
}

// addNamed proposes the macros or lists that are defined.
func (w *workspace) addNamed(c *proposals, kind string) {
	protocolKind := map[string]int{"macro": itemFunction, "list": itemVariable}[kind]
	for _, doc := range w.before(c.d) {
		for _, it := range doc.items {
			if it.kind == kind && it.name != "" {
				c.add(it.name, protocolKind, kind, it.shown())
			}
		}
	}
}

// addTags proposes the tags that other rules have.
func (w *workspace) addTags(c *proposals) {
	for _, doc := range w.before(c.d) {
		for _, it := range doc.items {
			if it.kind != "rule" {
				continue
			}
			for _, line := range strings.Split(it.text, "\n") {
				if key, value, _, ok := keyValue(line); ok && key == "tags" {
					for _, tag := range strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune("[], \"'", r) }) {
						c.add(tag, itemValue, "tag", "")
					}
				}
			}
		}
	}
}

func addAll(c *proposals, words map[string]string, kind int) {
	for _, word := range slices.Sorted(maps.Keys(words)) {
		c.add(word, kind, "", words[word])
	}
}
