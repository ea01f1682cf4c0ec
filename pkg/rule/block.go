package rule

// locateBlock reads the block scalar whose header (| or > with indicators) is at data[at:]. The indentation is found
// by trying: what is right gives the value. Only an indentation indicator, which counts from the parent node, makes
// more than one try necessary.
func locateBlock(data string, at int, value string, folded bool) []span {
	chomp, explicit := byte(0), false
	for at++; at < len(data); at++ {
		switch c := data[at]; {
		case c == '+' || c == '-':
			chomp = c
			continue
		case c >= '1' && c <= '9':
			explicit = true
			continue
		}
		break
	}
	for at < len(data) && breakLen(data, at) == 0 { // a comment
		at++
	}
	if at < len(data) {
		at += breakLen(data, at)
	}
	first := blockIndent(data, at)
	lowest := first
	if explicit {
		lowest = 1
	}
	var best []span
	for indent := first; indent >= lowest; indent-- {
		b := block{data: data, indent: indent, chomp: chomp, folded: folded}
		b.read(at)
		spans, ok := b.result(value)
		if ok {
			return spans
		}
		if len(spans) > len(best) {
			best = spans
		}
	}
	return best
}

// blockIndent counts the blanks that open the first line with text at data[at:], or of the longest of the lines
// before the end when none has text.
func blockIndent(data string, at int) int {
	longest := 0
	for at < len(data) {
		n := 0
		for at < len(data) && data[at] == ' ' {
			n, at = n+1, at+1
		}
		longest = max(longest, n)
		if at == len(data) {
			break
		}
		b := breakLen(data, at)
		if b == 0 {
			return max(n, 1)
		}
		at += b
	}
	return max(longest, 1)
}

// block reads the lines of a block scalar. Line breaks are kept back until it is known what follows them: a folded
// scalar turns one break between two lines of text into a blank, and chomping decides on the last ones.
type block struct {
	trace
	data   string
	indent int
	chomp  byte
	folded bool
	// end is the break after the last line of text, empty the breaks of the empty lines after it.
	end   span
	empty []span
}

func (b *block) read(at int) {
	wasBlank, any := false, false
	for {
		at = b.skipEmpty(at)
		start, ok := b.indented(at)
		if !ok {
			break
		}
		blank := b.data[start] == ' ' || b.data[start] == '\t'
		b.between(any, b.folded && !wasBlank && !blank)
		end := start
		for end < len(b.data) && breakLen(b.data, end) == 0 {
			end++
		}
		b.copy(b.data, start, end)
		wasBlank, any = blank, true
		b.end = span{end, end}
		if end < len(b.data) {
			b.end.end += breakLen(b.data, end)
		}
		at = b.end.end
	}
	b.finish(any)
}

// skipEmpty passes lines without text at data[at:] and keeps their breaks.
func (b *block) skipEmpty(at int) int {
	for at < len(b.data) {
		end := at
		for end < len(b.data) && end-at < b.indent && b.data[end] == ' ' {
			end++
		}
		if end == len(b.data) {
			return at
		}
		n := breakLen(b.data, end)
		if n == 0 {
			return at
		}
		b.empty = append(b.empty, span{end, end + n})
		at = end + n
	}
	return at
}

// indented tells whether the line at data[at:] belongs to the scalar, and where its text starts.
func (b *block) indented(at int) (int, bool) {
	for i := 0; i < b.indent; i++ {
		if at+i >= len(b.data) || b.data[at+i] != ' ' {
			return at, false
		}
	}
	return at + b.indent, at+b.indent < len(b.data)
}

// between adds the breaks that were kept back before a line of text.
func (b *block) between(any, fold bool) {
	if any && !fold || any && len(newline(b.data, b.end)) == 3 {
		b.put(newline(b.data, b.end), b.end.start, b.end.end)
	} else if any && len(b.empty) == 0 {
		b.put(" ", b.end.start, b.end.end)
	}
	b.putEmpty()
}

func (b *block) putEmpty() {
	for _, e := range b.empty {
		b.put(newline(b.data, e), e.start, e.end)
	}
	b.empty = nil
}

// finish adds the last breaks as the chomping indicator says.
func (b *block) finish(any bool) {
	if b.chomp != '-' && any && b.end.end > b.end.start {
		b.put(newline(b.data, b.end), b.end.start, b.end.end)
	}
	if b.chomp == '+' {
		b.putEmpty()
	}
}
