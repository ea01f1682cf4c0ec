package rule

import (
	"fmt"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
)

// Traps of the language: what is read here as it is meant and elsewhere as something else, and what is probably not
// meant. None of them changes the rules.

// differs is a finding about something that Falco reads in another way.
func differs(message, hint string) problem {
	return problem{kind: kindDiffers, message: message, hint: hint}
}

// special are the characters that can make Falco read an item of a list as something else.
const special = "()\"'=,\\ \t\n\r\v\f"

// falcoReading says how Falco reads an item of a list, or a value of an exception, that does not stay one text with
// the given value when it is written into a condition; empty when it does.
func falcoReading(written, value string) string {
	if !strings.ContainsAny(written, special) {
		return ""
	}
	n, d := condition.Parse("a.b in (" + written + ")")
	if d != nil {
		return "Falco takes it for a part of the condition, which is an error"
	}
	var list *condition.List
	if check, ok := n.(*condition.Check); ok {
		list, _ = check.Right.(*condition.List)
	}
	switch {
	case list == nil:
		return "Falco takes it for a part of the condition, which then means something else"
	case len(list.Items) != 1:
		return fmt.Sprintf("Falco takes it for %d items", len(list.Items))
	case list.Items[0].Value != value:
		return "Falco reads it as the text " + quote(list.Items[0].Value)
	}
	return ""
}

// oddItem tells how Falco reads an item of a list that is more to it than one text.
func (l *loader) oddItem(item *listItem) {
	if reading := falcoReading(falcoQuoted(item.text.value), item.parsed.Value); reading != "" {
		l.found.reportRange(l.texts, item.parsed.Range, differs("here the item is one text; "+reading, "avoid such an item if Falco is to read the rules"))
	}
}

// oddValue does so for a value of an exception that Falco writes into the condition as written.
func (l *loader) oddValue(t *condition.Text, written string) {
	if reading := falcoReading(written, t.Value); reading != "" {
		l.found.reportRange(l.texts, t.Range, differs("here the value is one text; "+reading, "write a list, as in [a, b], for several values"))
	}
}

// hiddenList tells that a quoted text has the name of a list between blanks, where Falco replaces it.
func (r *resolver) hiddenList(t *condition.Text) {
	if t.Quote == 0 || !strings.ContainsAny(t.Value, falcoDelims) {
		return
	}
	for at, rest := 0, t.Value; ; {
		i := strings.IndexAny(rest, falcoDelims)
		if i < 0 {
			return
		}
		if word := rest[:i]; at > 0 && r.loader.lists[word] != nil {
			r.loader.found.reportRange(r.loader.texts, t.Range, differs(
				fmt.Sprintf("here the text stays as it is; Falco replaces %s in it by the items of the list of that name", quote(word)), "give the list another name"))
			return
		}
		at, rest = at+i+1, rest[i+1:]
	}
}

// macroAndList tells that a macro has the name of a list, by whose items Falco replaces it.
func (r *resolver) macroAndList(n *condition.Macro) {
	if r.loader.lists[n.Name] != nil {
		r.loader.found.reportRange(r.loader.texts, n.Range, differs(
			fmt.Sprintf("here %s is the macro; Falco puts the items of the list of that name in its place", quote(n.Name)), "give one of the two another name"))
	}
}

// listAsValue warns that a word is the name of a list where one value is compared.
func (r *resolver) listAsValue(name *condition.Text, item *condition.Text) {
	r.loader.found.reportRange(r.loader.texts, name.Range, problem{kind: kindListWord,
		message: fmt.Sprintf("%s is the name of a list, so the value is its item %s", quote(name.Value), quote(item.Value)),
		hint:    fmt.Sprintf("write in (%s) if the list is meant, and the word in quotation marks if the word is", name.Value)})
}

// maybeList tells that a word stands where the name of a list would, is none, and is like the name of one: in the
// place of a list, or alone in one when it looks like a name. Only when all files are read it is known what is a list.
func (r *resolver) maybeList(t *condition.Text, alone bool) {
	l := r.loader
	if !l.complete || t.Quote != 0 || l.broken[t.Value] || alone && !strings.Contains(t.Value, "_") {
		return
	}
	near, known := l.nearLists[t.Value]
	if !known {
		near = l.nearName(inList, t.Value)
		l.nearLists[t.Value] = near
	}
	if near != "" {
		l.found.reportRange(l.texts, t.Range, problem{kind: kindNoList, suggestion: near, hint: "did you mean " + near + "?",
			message: fmt.Sprintf("there is no list %s, so the value is that word itself", quote(t.Value))})
	}
}

// nested tells that Falco does not see what is in a list two levels down, unless that is defined later.
func (l *loader) nested(d *listDef) {
	for _, item := range d.items {
		inner := l.lists[item.text.value]
		if inner == nil || inner == d || inner.index >= d.visible {
			continue
		}
		for _, item := range inner.items {
			if deepest := l.lists[item.text.value]; deepest != nil && deepest != inner && deepest.index < d.index {
				l.found.report(d.file, d.context, problem{kind: kindDiffers, at: d.at, hint: "name that list too if Falco is to read the rules",
					message: fmt.Sprintf("here list %s has the items of %s, which is in %s; Falco takes that name for an item",
						quote(d.name), quote(deepest.name), quote(inner.name))})
				return
			}
		}
	}
}

// keywordList warns of a list whose name is a word of the language or a field: Falco replaces it everywhere.
func (l *loader) keywordList(m *mapping, name string) {
	known := keywords[name] || operators[name]
	for _, catalogue := range l.catalogues {
		if _, arg, ok := catalogue.Lookup(name); ok && arg == "" {
			known = true
		}
	}
	if known {
		p := differs(quote(name)+" has a meaning of its own in conditions; Falco replaces it by the items wherever it stands", "give the list another name")
		p.at = nodeSpan(m.file, m.value(inList))
		m.report(m.context, p)
	}
}

var keywords = map[string]bool{"and": true, "or": true, "not": true, "oneof": true, "anyof": true, "allof": true}
