package audit

import (
	"strings"
	"unsafe"

	"github.com/saker-security/saker/pkg/audit/scan"
)

// Record is the Data of an audit event: the bytes of the event and where its members stand in them. It belongs to a
// Batch and is valid as long as its event.
//
// When a member comes twice in one object the last one counts, as it does for the API server, so that nobody hides a
// member from the rules behind another one of the same name. Names compare exactly, with their escapes resolved.
type Record struct {
	b *Batch
	// at holds where the values of the members stand.
	at [numMembers]scan.Span
	// span is the whole event.
	span scan.Span
	// trimmed tells that the event was too long and is seen without these objects.
	trimmed bool
	// spaced tells that there is white space between tokens of the event.
	spaced bool
}

// PluginName is the name of the plugin that makes audit events in Falco.
func (r *Record) PluginName() string { return "k8saudit" }

// PluginInfo is the event as compact JSON, its strings in the spelling of scan.Respell.
func (r *Record) PluginInfo() string {
	if r.trimmed {
		return r.respelled(r.shortened())
	}
	return r.json(r.span)
}

// AppendIdentity appends the cluster that the batch names and the content of the event, so that the same event has the
// same identity when the API server sends it again, and when it is read from the log file of the API server.
func (r *Record) AppendIdentity(dst []byte) (identity []byte, everywhere bool) {
	dst = append(append(dst, r.b.Cluster...), 0)
	return append(dst, r.content()...), true
}

// content is the text of the event between its braces, without white space between the tokens and without the members
// kind and apiVersion at its beginning: lines of a log file have them there, items of an EventList do not.
func (r *Record) content() string {
	s, doc, span, spaced := &r.b.s, r.b.doc, r.span, r.spaced
	if r.trimmed {
		doc, spaced = r.shortened(), false
		s, span = new(scan.Scanner), scan.Span{End: uint32(len(doc))}
		s.Reset([]byte(doc))
	}
	start, end := s.Space(int(span.Start)+1), int(span.End)-1
	for more := true; more && start < end; {
		key, value := s.Key(start)
		if name := doc[start+1 : key-1]; name != "kind" && name != "apiVersion" {
			break
		}
		start, more = s.Next(s.Value(value, 0), '}')
	}
	raw := doc[min(start, end):end]
	if !spaced {
		return raw
	}
	from := len(r.b.scratch)
	r.b.scratch = scan.Compact(r.b.scratch, raw)
	return view(r.b.scratch[from:])
}

// index passes the object at i, which depth others enclose, and records the members that belong to group g. It returns
// the position after the object or -1. list, when not nil, takes over the value of the member items.
func (r *Record) index(i, depth int, g group, list func(i, depth int) int) int {
	s := &r.b.s
	if depth++; depth > scan.MaxDepth {
		return s.Value(i, scan.MaxDepth)
	}
	before := s.Spaced
	if g == eventGroup {
		s.Spaced = false
	}
	i = s.Space(i + 1)
	if s.At(i) == '}' {
		i++
	} else {
		i = r.indexMembers(i, depth, g, list)
	}
	if g == eventGroup {
		r.spaced = s.Spaced
		s.Spaced = s.Spaced || before
	}
	return i
}

// indexMembers is index from the first member on; depth counts the object too.
func (r *Record) indexMembers(i, depth int, g group, list func(i, depth int) int) int {
	s := &r.b.s
	for more := true; more; {
		key := i + 1
		s.Escaped = false
		end, value := s.Key(i)
		if value < 0 {
			return -1
		}
		m, sub := g.find(r.b.key(key, end-1, s.Escaped))
		switch {
		case m == noMember:
			i = s.Value(value, depth)
		case m == items && list != nil:
			i = list(value, depth)
		case sub == noGroup:
			i = s.Value(value, depth)
		default:
			i = r.indexBelow(value, depth, sub)
		}
		if i < 0 {
			return -1
		}
		if m != noMember {
			r.at[m] = scan.Span{Start: uint32(value), End: uint32(i)}
		}
		i, more = s.Next(i, '}')
	}
	return i
}

// indexBelow records the members of group g from the value at i, if it is an object.
func (r *Record) indexBelow(i, depth int, g group) int {
	clear(r.at[below[g][0]:below[g][1]])
	if r.b.s.At(i) != '{' {
		return r.b.s.Value(i, depth)
	}
	return r.index(i, depth, g, nil)
}

// key is the text of a member name. An escaped one is rare: no name that we look for needs it.
func (b *Batch) key(start, end int, escaped bool) string {
	if !escaped {
		return b.doc[start:end]
	}
	return string(scan.Unquote(nil, b.doc[start:end]))
}

// text gives the text of a value: of a string what it says, of anything else its compact JSON, see json. null and
// nothing have no text.
func (r *Record) text(sp scan.Span) (string, bool) {
	if sp.IsZero() {
		return "", false
	}
	raw := r.b.doc[sp.Start:sp.End]
	switch raw[0] {
	case '"':
		return r.unquoted(raw[1 : len(raw)-1]), true
	case 'n':
		return "", false
	}
	return r.json(sp), true
}

// is tells whether the value is a string that says want.
func (r *Record) is(sp scan.Span, want string) bool {
	text, ok := r.text(sp)
	return ok && r.b.doc[sp.Start] == '"' && text == want
}

// json gives a value as compact JSON with its strings in the spelling of scan.Respell. A client may write k8s.io\/name or
// p\u0061th for the API server to read as k8s.io/name and path; rules that search the text find them all the same.
func (r *Record) json(sp scan.Span) string {
	raw := r.b.doc[sp.Start:sp.End]
	if raw[0] != '{' && raw[0] != '[' {
		return raw
	}
	if r.spaced {
		start := len(r.b.scratch)
		r.b.scratch = scan.Compact(r.b.scratch, raw)
		raw = view(r.b.scratch[start:])
	}
	return r.respelled(raw)
}

// respelled gives a JSON text with its strings in the spelling of scan.Respell. Most have it already.
func (r *Record) respelled(text string) string {
	if scan.WellSpelled(text) {
		return text
	}
	start := len(r.b.scratch)
	r.b.scratch = scan.Respell(r.b.scratch, text)
	return view(r.b.scratch[start:])
}

// unquoted resolves the escapes of what stands between quotation marks.
func (r *Record) unquoted(raw string) string {
	if strings.IndexByte(raw, '\\') < 0 {
		return raw
	}
	start := len(r.b.scratch)
	r.b.scratch = scan.Unquote(r.b.scratch, raw)
	return view(r.b.scratch[start:])
}

// view is b as a string without copying it.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// isArray and isObject tell what a value is.
func (r *Record) isArray(sp scan.Span) bool  { return !sp.IsZero() && r.b.doc[sp.Start] == '[' }
func (r *Record) isObject(sp scan.Span) bool { return !sp.IsZero() && r.b.doc[sp.Start] == '{' }

// elements calls do for the elements of an array until it returns false. Anything else has none.
func (r *Record) elements(sp scan.Span, do func(k int, element scan.Span) bool) {
	if !r.isArray(sp) {
		return
	}
	s := &r.b.s
	i := s.Space(int(sp.Start) + 1)
	if s.At(i) == ']' {
		return
	}
	for k, more := 0, true; more; k++ {
		end := s.Value(i, 0)
		if end < 0 || !do(k, scan.Span{Start: uint32(i), End: uint32(end)}) {
			return
		}
		i, more = s.Next(end, ']')
	}
}

// members calls do for the members of an object. Anything else has none.
func (r *Record) members(sp scan.Span, do func(key string, value scan.Span)) {
	if !r.isObject(sp) {
		return
	}
	s := &r.b.s
	i := s.Space(int(sp.Start) + 1)
	if s.At(i) == '}' {
		return
	}
	for more := true; more; {
		start := i + 1
		s.Escaped = false
		end, value := s.Key(i)
		if value < 0 {
			return
		}
		key := r.b.key(start, end-1, s.Escaped)
		if i = s.Value(value, 0); i < 0 {
			return
		}
		do(key, scan.Span{Start: uint32(value), End: uint32(i)})
		i, more = s.Next(i, '}')
	}
}

// get walks from a value down through members.
func (r *Record) get(sp scan.Span, keys ...string) scan.Span {
	for _, want := range keys {
		var found scan.Span
		r.members(sp, func(key string, value scan.Span) {
			if key == want {
				found = value
			}
		})
		sp = found
	}
	return sp
}

// element is element n of an array, nothing when there is none.
func (r *Record) element(sp scan.Span, n int) (found scan.Span) {
	r.elements(sp, func(k int, element scan.Span) bool {
		if k == n {
			found = element
		}
		return k < n
	})
	return found
}
