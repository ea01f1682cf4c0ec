package rule

import (
	"strings"

	"go.yaml.in/yaml/v4"
)

// One syntax error must not hide what is wrong with the rest of a file. So when a file is not YAML its outermost items
// are parsed one by one; those that are broken are made comments, and what is left is parsed again. The whole takes a
// bounded number of parses however many items are broken; when there are more errors than are shown it is given up.

const (
	// maxRetries is how often what is left is parsed again after an error that no item has on its own.
	maxRetries = 10
	// largeFile is the size in bytes above which it is parsed again only once.
	largeFile = 1 << 20
)

// recovery is a file with syntax errors being read without the items that have them.
type recovery struct {
	file *source
	// pieces are the items of the file, in order; broken tells of which of them nothing is read.
	pieces []span
	broken map[int]bool
	// problems are the errors, names those of the broken items; unnamed is set when one of them has none.
	problems []problem
	names    []string
	unnamed  bool
}

// recoverItems reads the items that p, an error of the file as a whole, and others like it leave intact. The nodes belong
// to rest, the file with the broken items as comments. When even that is no YAML, complete is false.
func recoverItems(file *source, p *problem) (r *recovery, rest *source, docs []*yaml.Node, complete bool) {
	r = &recovery{file: file, pieces: pieces(file.data), broken: map[int]bool{}}
	r.alone(p)
	retries := maxRetries
	if len(file.data) > largeFile {
		retries = 1
	}
	rest = file
	for ; retries > 0 && len(r.problems) <= maxFindings; retries-- {
		rest = r.rest()
		if docs, p = parse(rest); p == nil {
			return r, rest, docs, true
		}
		if !r.lacksAnchor(p) {
			r.report(p)
		}
		if p.kind != kindYAML || !r.exclude(r.pieceAt(p.cause)) {
			break
		}
	}
	return r, rest, docs, false
}

// alone parses each item on its own and excludes those that are broken. p stays when it is not about one of them, and
// stands for the error of the first when it is in it; otherwise its place is only where the parser noticed.
func (r *recovery) alone(p *problem) {
	first := true
	for i, at := range r.pieces {
		if len(r.problems) > maxFindings {
			return
		}
		own := parseAlone(r.file, at)
		if own == nil {
			continue
		}
		switch {
		case first && p.cause < at.start:
			r.report(p)
			r.report(own)
			r.exclude(r.pieceAt(p.cause))
		case first && (p.at.start < at.end || at.end == len(r.file.data)):
			r.report(p)
		default:
			r.report(own)
		}
		first = false
		r.exclude(i)
	}
	if first {
		r.report(p)
		r.exclude(r.pieceAt(p.cause))
	}
}

func (r *recovery) report(p *problem) { r.problems = append(r.problems, *p) }

// parseAlone gives the syntax error of one item, nil when it has none or when only the rest of the file can tell.
func parseAlone(file *source, at span) *problem {
	text := strings.TrimRight(file.data[at.start:at.end], " \t\r\n")
	loader, err := newYAMLLoader(text)
	if err == nil {
		err = loader.Load(new(yaml.Node))
	}
	if err == nil || strings.Contains(err.Error(), "unknown anchor") || strings.Contains(err.Error(), "undefined tag handle") {
		return nil
	}
	own := newSource(File{Data: []byte(text)})
	return syntaxProblem(file, err, func(line, column int) int { return at.start + own.offset(line, column) })
}

// exclude leaves out piece i; false when there is no such piece, or nothing left of it.
func (r *recovery) exclude(i int) bool {
	if i < 0 || r.broken[i] {
		return false
	}
	r.broken[i] = true
	names := namesIn(r.file.data[r.pieces[i].start:r.pieces[i].end])
	r.names = append(r.names, names...)
	r.unnamed = r.unnamed || len(names) == 0
	return true
}

// pieceAt finds the piece at an offset, or the last one before it; -1 when there is none.
func (r *recovery) pieceAt(offset int) int {
	lo, hi := 0, len(r.pieces)
	for lo < hi {
		if mid := (lo + hi) / 2; r.pieces[mid].start <= offset {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo - 1
}

// lacksAnchor tells whether p is an alias to a value of an item that was left out.
func (r *recovery) lacksAnchor(p *problem) bool {
	_, name, ok := strings.Cut(p.message, "unknown anchor '")
	name, _, _ = strings.Cut(name, "'")
	for i := range r.broken {
		if ok && strings.Contains(r.file.data[r.pieces[i].start:r.pieces[i].end], "&"+name) {
			return true
		}
	}
	return false
}

// rest is the file with the lines of the broken items as comments, so that all places stay as they are. Blanks would not
// do: they could become part of a block of text before them.
func (r *recovery) rest() *source {
	data := []byte(r.file.data)
	for i := range r.broken {
		for at := r.pieces[i].start; at < r.pieces[i].end; at++ {
			if data[at] != '\n' && data[at] != '\r' {
				data[at] = '#'
			}
		}
	}
	return newSource(File{Name: r.file.name, Data: data})
}

// pieces finds the outermost items of a text by their indentation: from each line that starts with a dash as deep as the
// first one, or less deep, to the next or to the end of the document. What stands before the first is a piece too.
func pieces(data string) []span {
	var out []span
	open, indent := false, -1
	for at := len(data) - len(strings.TrimPrefix(data, "\ufeff")); at < len(data); {
		start := at
		line, next := nextLine(data, start)
		at = next
		text := strings.TrimLeft(line, " ")
		depth := len(line) - len(text)
		switch {
		case isMark(line, "---") || isMark(line, "..."):
			open, indent = false, -1
		case isMark(text, "-") && (indent < 0 || depth <= indent):
			open, indent = true, depth
			out = append(out, span{start, at})
		case open:
			out[len(out)-1].end = at
		case text != "" && text[0] != '#' && text[0] != '%':
			open = true
			out = append(out, span{start, at})
		}
	}
	return out
}

// isMark tells whether a line starts with a mark that something else follows only behind a blank.
func isMark(line, mark string) bool {
	rest, ok := strings.CutPrefix(line, mark)
	return ok && (rest == "" || rest[0] == ' ' || rest[0] == '\t')
}

// nextLine gives the line at an offset without its break, and where the next one starts.
func nextLine(data string, at int) (line string, next int) {
	i := strings.IndexAny(data[at:], "\r\n")
	if i < 0 {
		return data[at:], len(data)
	}
	return data[at : at+i], at + i + breakLen(data, at+i)
}

// namesIn finds the names of macros, lists and rules in the text of a broken item.
func namesIn(text string) []string {
	var names []string
	for at := 0; at < len(text); {
		var line string
		line, at = nextLine(text, at)
		key, value, ok := strings.Cut(strings.TrimLeft(line, "-{ \t"), ":")
		if key = strings.Trim(key, " \"'"); !ok || key != inMacro && key != inList && key != inRule {
			continue
		}
		if name := writtenName(strings.Trim(value, " \t")); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// writtenName takes a name out of the rest of its line: to the quotation mark that ends it, or to a comment. It is empty
// when something else stands there.
func writtenName(value string) string {
	if value != "" && strings.IndexByte("[]{}&*!|>%@`#", value[0]) >= 0 {
		return ""
	}
	if quoted := strings.TrimLeft(value, "\"'"); quoted != value {
		end := strings.IndexByte(quoted, value[0])
		if end < 0 {
			end = len(quoted)
		}
		return quoted[:end]
	}
	value, _, _ = strings.Cut(value, " #")
	value, _, _ = strings.Cut(value, ", ")
	return strings.TrimRight(value, " }")
}
