package server

import "strings"

// item is a stretch of a rules file from one dash of the outermost list to the next: a rule, a macro or a list. It is
// found by indentation alone, so that it is there while the YAML around it is being typed.
type item struct {
	text string
	// line is the number of its first line, from 0. Only this changes when lines are added before the item.
	line int
	// kind is rule, macro, list or empty; name is its value, nameStart and nameEnd where that stands in text.
	kind, name         string
	nameStart, nameEnd int
	// words are the words in it that may be names of macros and lists.
	words map[string]bool
	// findings are those of the last check of the item, with lines counted from its first line.
	findings []finding
	// checked is set once findings are those of this text.
	checked bool
}

// split gives the items of a document. Those of old whose text is unchanged are taken over with what is known of them.
func split(d, old *document) []*item {
	known := map[string][]*item{}
	if old != nil {
		for _, it := range old.items {
			known[it.text] = append(known[it.text], it)
		}
	}
	var items []*item
	for _, b := range boundaries(d) {
		text := d.text[b.start:b.end]
		it := &item{}
		if same := known[text]; len(same) > 0 {
			*it = *same[0]
			known[text] = same[1:]
		} else {
			*it = scan(text)
		}
		it.line = b.line
		items = append(items, it)
	}
	return items
}

type boundary struct{ start, end, line int }

// boundaries finds the lines that start with a dash as deep as the first one does, and those between documents.
func boundaries(d *document) []boundary {
	indent := -1
	var out []boundary
	end := func(at int) {
		if len(out) > 0 && out[len(out)-1].end == 0 {
			out[len(out)-1].end = at
		}
	}
	for n, start := range d.lines {
		line := d.line(n)
		trimmed := strings.TrimLeft(line, " ")
		if strings.HasPrefix(line, "---") || strings.HasPrefix(line, "...") {
			end(start)
			indent = -1
			continue
		}
		if !strings.HasPrefix(trimmed, "- ") && trimmed != "-" {
			continue
		}
		if depth := len(line) - len(trimmed); indent < 0 || depth <= indent {
			indent = depth
			end(start)
			out = append(out, boundary{start: start, line: n})
		}
	}
	end(len(d.text))
	return out
}

// scan reads what the server needs of an item without parsing it as YAML.
func scan(text string) item {
	it := item{text: text, words: map[string]bool{}}
	offset := 0
	for _, line := range strings.SplitAfter(text, "\n") {
		key, value, at, ok := keyValue(line)
		if ok && it.kind == "" && (key == "rule" || key == "macro" || key == "list") {
			it.kind = key
			it.name, it.nameStart = unquoted(value, offset+at)
			it.nameEnd = it.nameStart + len(it.name)
		}
		offset += len(line)
	}
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return !isNameRune(r) }) {
		it.words[w] = true
	}
	return it
}

// isNameRune tells whether r may be part of the name of a macro or a list.
func isNameRune(r rune) bool {
	return r == '_' || r == '-' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r > 0x7f
}

// keyValue splits a line "key: value", with or without a dash before; at is where the value starts.
func keyValue(line string) (key, value string, at int, ok bool) {
	rest := strings.TrimLeft(line, " ")
	rest = strings.TrimLeft(strings.TrimPrefix(rest, "- "), " ")
	i := strings.IndexByte(rest, ':')
	if i <= 0 || strings.ContainsAny(rest[:i], " \"'#{[") {
		return "", "", 0, false
	}
	after := rest[i+1:]
	if after != "" && !strings.ContainsRune(" \r\n", rune(after[0])) {
		return "", "", 0, false
	}
	value = strings.TrimLeft(after, " ")
	return rest[:i], strings.TrimRight(value, " \r\n"), len(line) - len(value), true
}

// unquoted removes quotation marks and a comment from the name of an item.
func unquoted(value string, at int) (string, int) {
	if len(value) > 1 && (value[0] == '"' || value[0] == '\'') {
		if i := strings.IndexByte(value[1:], value[0]); i >= 0 {
			return value[1 : i+1], at + 1
		}
	}
	if i := strings.Index(value, " #"); i >= 0 {
		value = strings.TrimRight(value[:i], " ")
	}
	return value, at
}
