package field

import (
	"fmt"
	"sort"
	"strings"
)

// Catalogue is all that can be asked of the events of one source. It is immutable after New and safe for concurrent
// use.
type Catalogue struct {
	source string
	order  []*Field
	byName map[string]*Field
	types  []string
	ids    map[string][]uint16
}

// New makes the catalogue of a source. Fields keep their order. types[i] is the name of event type i; several ids may
// share a name, an empty name is an unused id; it is nil for a source with a single type. New panics when two
// fields have one name, which is a defect of the program.
func New(source string, types []string, fields ...[]Field) *Catalogue {
	c := &Catalogue{source: source, byName: map[string]*Field{}, types: types, ids: map[string][]uint16{}}
	for _, group := range fields {
		for i := range group {
			f := &group[i]
			if c.byName[f.Name] != nil {
				panic(fmt.Sprintf("field %s declared twice in source %s", f.Name, source))
			}
			c.byName[f.Name] = f
			c.order = append(c.order, f)
		}
	}
	for id, name := range types {
		if name != "" {
			c.ids[name] = append(c.ids[name], uint16(id))
		}
	}
	return c
}

// Source is the name of the event source.
func (c *Catalogue) Source() string { return c.source }

// Fields lists the fields in the order of their declaration. The slice must not be changed.
func (c *Catalogue) Fields() []*Field { return c.order }

// Types lists the event type names by id; nil for a source with a single type. The slice must not be changed.
func (c *Catalogue) Types() []string { return c.types }

// TypeIDs gives the ids of the event type called name, none when there is no such type.
func (c *Catalogue) TypeIDs(name string) []uint16 { return c.ids[name] }

// Lookup finds a field by its full name. For a field with DotArg the last part of the name is its argument, returned
// as arg with ok.
func (c *Catalogue) Lookup(name string) (f *Field, arg string, ok bool) {
	if f := c.byName[name]; f != nil {
		return f, "", true
	}
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		if f := c.byName[name[:i]]; f != nil && f.DotArg {
			return f, name[i+1:], true
		}
	}
	return nil, "", false
}

// Suggest gives what may be meant by a name that is no field, best first, at most three; none when nothing is near. They
// are names, some with an argument in brackets.
func (c *Catalogue) Suggest(name string) []string {
	const most = 3
	if names := c.instead(name); len(names) > 0 {
		return names[:min(len(names), most)]
	}
	names := make([]string, 0, len(c.order))
	for _, f := range c.order {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	}
	return Nearest(name, names, most)
}

const (
	// shortest is how long a text must be to be taken for the beginning of a name.
	shortest = 3
	// longest is how long a text may be to be compared: no name is longer, and comparing takes the square of the length.
	longest = 200
)

// Nearest gives those of names that are name with few letters changed for its length, or that begin with it, best
// first, at most n. Of names with as many changes, the one that is the same for longer comes first.
func Nearest(name string, names []string, n int) []string {
	type scored struct {
		name         string
		cost, common int
	}
	if len(name) > longest {
		return nil
	}
	limit := 1 + len(name)/4
	var near []scored
	lower := strings.ToLower(name)
	for _, c := range names {
		other := strings.ToLower(c)
		common := commonPrefix(lower, other)
		cost := limit + 1
		if d := len(c) - len(name); d <= limit && -d <= limit {
			cost = distance(lower, other, limit)
		}
		if common == len(lower) && common >= shortest {
			cost = min(cost, limit)
		}
		if cost <= limit {
			near = append(near, scored{c, cost, common})
		}
	}
	sort.SliceStable(near, func(i, j int) bool {
		if near[i].cost != near[j].cost {
			return near[i].cost < near[j].cost
		}
		return near[i].common > near[j].common
	})
	out := make([]string, 0, n)
	for i := 0; i < len(near) && i < n; i++ {
		out = append(out, near[i].name)
	}
	return out
}

func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// distance is the edit distance of a and b where two neighbouring letters that changed places count as one edit.
// It returns something above limit as soon as the result is known to be above it.
func distance(a, b string, limit int) int {
	prev2 := make([]int, len(b)+1)
	prev := make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		best := row[0]
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], prev2[j-2]+1)
			}
			best = min(best, row[j])
		}
		if best > limit {
			return best
		}
		prev2, prev, row = prev, row, prev2
	}
	return prev[len(b)]
}
