package program

import (
	"strings"

	"github.com/saker-security/saker/pkg/event"
)

// partIndex tells, for the parts that many checks look for in a text, whether it contains any of them. It does not tell
// which: row 0 is none, row 1 is some, and then each check finds out for itself.
type partIndex struct {
	parts []string
	// The parts make one automaton (that of Aho and Corasick): next has for each state and each class of bytes the state
	// that follows. It is nil for a few parts, which are faster found one by one.
	next    []int32
	classes [256]uint16
	width   int32
}

const (
	// found is the state of the automaton in which a part was read.
	found = -1
	// fewParts are found one by one.
	fewParts = 4
	// longestScanned is how long a text may be for the automaton; a longer one has row 1 unseen, because a search for a
	// single part is many times faster per byte.
	longestScanned = 256
	// mostPartBytes bounds the automaton; checks beyond it stay alone.
	mostPartBytes = 1 << 13
)

func newPartIndex(checks []*check) *partIndex {
	x := &partIndex{}
	seen := map[string]bool{}
	for _, c := range checks {
		for i := range c.constants {
			if text := c.constants[i].Text; !seen[text] {
				seen[text] = true
				x.parts = append(x.parts, text)
			}
		}
	}
	if len(x.parts) > fewParts {
		x.build()
	}
	return x
}

func (x *partIndex) row(v *event.Value) int32 {
	switch {
	case len(v.Text) > longestScanned:
		return 1
	case x.next == nil:
		for _, part := range x.parts {
			if strings.Contains(v.Text, part) {
				return 1
			}
		}
		return 0
	}
	state := x.next[0]
	for i := 0; state != found && i < len(v.Text); i++ {
		state = x.next[1+state*x.width+int32(x.classes[v.Text[i]])]
	}
	if state == found {
		return 1
	}
	return 0
}

// build makes the automaton. Its first element is the state to begin with.
func (x *partIndex) build() {
	x.width = 1 // class 0 is of the bytes that are in no part
	for _, part := range x.parts {
		for _, c := range []byte(part) {
			if x.classes[c] == 0 {
				x.classes[c] = uint16(x.width)
				x.width++
			}
		}
	}
	x.next = []int32{0}
	x.addState()
	for _, part := range x.parts {
		x.insert(part)
	}
	x.complete()
}

func (x *partIndex) addState() int32 {
	x.next = append(x.next, make([]int32, x.width)...)
	return int32(len(x.next)-1)/x.width - 1
}

// cell is the place in next of what follows state on reading c.
func (x *partIndex) cell(state int32, c byte) *int32 {
	return &x.next[1+state*x.width+int32(x.classes[c])]
}

// insert adds a path for part to the trie that the automaton is at first, in which 0 means that nothing follows.
func (x *partIndex) insert(part string) {
	if part == "" {
		x.next[0] = found
		return
	}
	state := int32(0)
	for i := range len(part) - 1 {
		next := *x.cell(state, part[i])
		if next == found {
			return // a shorter part is found before
		}
		if next == 0 {
			next = x.addState()
			*x.cell(state, part[i]) = next
		}
		state = next
	}
	*x.cell(state, part[len(part)-1]) = found
}

// complete fills in what follows where the trie ends: what follows the longest end of what was read that some part
// begins with. States are visited by their depth, so that this is known.
func (x *partIndex) complete() {
	fallback := map[int32]int32{0: 0}
	for queue := []int32{0}; len(queue) > 0; queue = queue[1:] {
		state := queue[0]
		for class := range x.width {
			at := 1 + state*x.width + class
			follows := int32(0)
			if state != 0 {
				follows = x.next[1+fallback[state]*x.width+class]
			}
			switch next := x.next[at]; {
			case next == 0 || follows == found:
				x.next[at] = follows
			case next != found:
				fallback[next] = follows
				queue = append(queue, next)
			}
		}
	}
}
