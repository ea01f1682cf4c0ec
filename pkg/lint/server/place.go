package server

import (
	"regexp"
	"strings"
)

// place is what stands around the cursor.
type place struct {
	item *item
	// key is the key of the item whose value the cursor is in, inner the one nearest to the cursor when values nest:
	// override and condition, exceptions and fields. Both are empty before the first colon of a line.
	key, inner string
	// before is the value from its start to the cursor.
	before string
	// word is what is being written at the cursor, from start to end in the document.
	word       string
	start, end int
	// naming is set when the cursor is where a key is written.
	naming bool
}

// at finds what stands around a byte offset of the document.
func (d *document) at(offset int) place {
	pos := d.lineOf(offset)
	p := place{item: d.itemAt(pos), start: offset, end: offset}
	for p.start > 0 && isWordByte(d.text[p.start-1]) {
		p.start--
	}
	for p.end < len(d.text) && isWordByte(d.text[p.end]) {
		p.end++
	}
	p.word = d.text[p.start:p.end]
	if p.item == nil {
		p.naming = true
		return p
	}
	depth := keyDepth(d.line(p.item.line))
	for n := pos; n >= p.item.line; n-- {
		line := d.line(n)
		key, _, at, ok := keyValue(line + "\n")
		column := offset - d.lines[n]
		if n == pos && (!ok || column < at-1) {
			head := strings.TrimLeft(line[:min(column, len(line))], " -")
			indent := keyDepth(line)
			p.naming = !strings.ContainsAny(head, " :") && indent <= depth+2 && !d.insideBlock(n, p.item.line)
			continue
		}
		if !ok {
			continue
		}
		if p.inner == "" {
			p.inner = key
			p.before = d.text[min(d.lines[n]+min(at, len(line)), offset):offset] // empty between the colon and the value
		}
		if keyDepth(line) <= depth {
			p.key = key
			break
		}
	}
	if p.naming {
		p.inner = ""
	}
	return p
}

// insideBlock tells whether line n belongs to a text that began on an earlier line with > or |.
func (d *document) insideBlock(n, first int) bool {
	depth := keyDepth(d.line(n))
	for n--; n >= first; n-- {
		line := d.line(n)
		if strings.TrimSpace(line) == "" || keyDepth(line) >= depth {
			continue
		}
		_, value, _, ok := keyValue(line + "\n")
		return ok && (strings.HasPrefix(value, ">") || strings.HasPrefix(value, "|"))
	}
	return false
}

// keyDepth is the column at which the first key of a line starts: behind its indentation and dash.
func keyDepth(line string) int {
	rest := strings.TrimLeft(line, " ")
	if strings.HasPrefix(rest, "- ") {
		rest = strings.TrimLeft(rest[2:], " ")
	}
	return len(line) - len(rest)
}

func (d *document) lineOf(offset int) int {
	return d.position(offset).Line
}

// isWordByte tells whether c may be part of a field, a name or an operator word.
func isWordByte(c byte) bool {
	return c == '_' || c == '-' || c == '.' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// slot is what may stand at a place of a condition.
type slot uint8

const (
	slotOperand slot = iota
	slotOperator
	slotValue
	slotList
	slotItem
	slotJoin
	slotText // inside a quoted text: nothing is known of it
)

var token = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|["'(),]|<=|>=|!=|==|[=<>]|[^\s"'(),=<>!]+|!`)

// expects reads a condition up to the cursor and tells what may follow, and of which field.
func expects(before string) (what slot, field string) {
	what = slotOperand
	depth := 0 // of the parentheses of a transformer
	transformer := false
	for _, t := range token.FindAllString(before, -1) {
		switch {
		case t == `"` || t == "'":
			return slotText, field
		case t == "(" && (transformer || depth > 0):
			transformer = false
			depth++
		case t == ")" && depth > 0:
			if depth--; depth > 0 {
				continue
			}
			if what == slotValue {
				what = slotJoin
			} else {
				what = slotOperator
			}
		case depth > 0:
		default:
			what, field, transformer = step(what, field, t)
		}
	}
	if depth > 0 {
		return slotOperand, field
	}
	return what, field
}

// step moves on by one token.
func step(what slot, field, t string) (next slot, of string, transformer bool) {
	switch what {
	case slotOperand:
		switch {
		case t == "not" || t == "(":
			return slotOperand, "", false
		case isTransformer(t):
			return slotOperand, "", true
		case strings.Contains(t, "."):
			return slotOperator, t, false
		}
		return slotJoin, "", false
	case slotOperator:
		switch t {
		case "exists":
			return slotJoin, "", false
		case "in", "intersects", "pmatch":
			return slotList, field, false
		}
		return slotValue, field, false
	case slotValue:
		switch {
		case t == "anyof" || t == "allof" || t == "oneof":
			return slotList, field, false
		case isTransformer(t):
			return slotValue, field, true
		}
		return slotJoin, "", false
	case slotList:
		if t == "(" {
			return slotItem, field, false
		}
		return slotJoin, "", false
	case slotItem:
		if t == ")" {
			return slotJoin, "", false
		}
		return slotItem, field, false
	}
	if t == "and" || t == "or" {
		return slotOperand, "", false
	}
	return slotJoin, "", false
}

func isTransformer(word string) bool {
	_, ok := transformers[word]
	return ok
}
