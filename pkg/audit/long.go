package audit

import "github.com/saker-security/saker/pkg/audit/scan"

// long is what is known of an object that is taken member by member.
type long struct {
	// begin is where it begins.
	begin place
	// isList and isEvent are what the last member kind says, named tells that there was one.
	isList, isEvent, named bool
	// listed tells that the items of a list were taken, up to listEnd. Of items that were not, other is the first byte.
	listed  bool
	listEnd place
	other   byte
	// left is how many bytes were passed by and are not kept. over tells that it is too long even so.
	left int
	over bool
}

// nameRoom is what the names and kinds that matter take at most, each letter written as an escape. It is kept of each,
// also when an object is too long otherwise.
const nameRoom = 128

// null is what takes the place of an object that an event loses.
const null = "null"

// object takes the object at the position member by member. The items of an EventList are taken as elements are. Anything
// else is longer than an event may be, and loses its request and response object.
func (s *stream) object(inList bool, depth int) error {
	o := long{begin: s.place}
	s.kept = append(s.kept[:0], '{')
	s.advance(1)
	c, err := s.peek()
	if err != nil {
		return err
	}
	if c == '}' {
		s.advance(1)
	}
	for more := c != '}'; more; {
		if err = s.member(&o, inList, depth+1); err != nil {
			return err
		}
		if more, err = s.separator("',' or '}'", '}'); err != nil {
			return err
		}
		if more {
			s.kept = append(s.kept, ',')
			if _, err = s.peek(); err != nil {
				return err
			}
		}
	}
	s.kept = append(s.kept, '}')
	return s.objectEnd(&o, inList, depth)
}

// member takes the member at the position.
func (s *stream) member(o *long, inList bool, depth int) error {
	if o.over {
		s.kept = s.kept[:0]
	}
	limit := s.splitter.limit()
	name, err := s.name(depth, max(limit+1, len(s.kept)+nameRoom))
	if err != nil {
		return err
	}
	first, err := s.peek()
	if err != nil {
		return err
	}
	at := len(s.kept)
	switch {
	case name == "items" && !inList && first == '[' && (o.isList || !o.named):
		return s.items(o, depth)
	case isBulky(name):
		n, err := s.pass(depth, at+len(null))
		if n > len(null) {
			s.kept = append(s.kept[:at], null...)
			o.left += n - len(null)
		}
		return err
	}
	n, err := s.pass(depth, max(limit+1, at+nameRoom))
	if err != nil {
		return err
	}
	switch name {
	case "items":
		o.other = first
	case "kind":
		text, isText := quoted(s.kept[at:], n)
		o.named, o.isList, o.isEvent = true, isText && text == "EventList", isText && text == "Event"
	}
	o.over = o.over || len(s.kept) > limit
	return nil
}

// name passes the name of a member and the colon behind it, and returns it unless it is too long to be kept.
func (s *stream) name(depth, most int) (string, error) {
	at := len(s.kept)
	if c := s.rest(); len(c) > 0 && c[0] != '"' || len(c) == 0 && s.ended {
		return "", s.unexpected("a member name in quotation marks")
	}
	n, err := s.pass(depth, most)
	if err != nil {
		return "", err
	}
	name, _ := quoted(s.kept[at:], n)
	switch c, err := s.peek(); {
	case err != nil:
		return "", err
	case c != ':':
		return "", s.unexpected("':'")
	}
	s.advance(1)
	s.kept = append(s.kept, ':')
	return name, nil
}

// quoted is the text of a string of n bytes, of which what was kept is all.
func quoted(kept []byte, n int) (text string, ok bool) {
	if len(kept) != n || n < 2 || kept[0] != '"' {
		return "", false
	}
	return string(scan.Unquote(nil, view(kept[1:n-1]))), true
}

// items takes the items of an EventList. Nothing of the list itself is kept from then on.
func (s *stream) items(o *long, depth int) error {
	if o.listed {
		return s.place.of(&BodyError{Line: 1, Column: 1, Message: itemsTwice})
	}
	s.advance(1)
	if err := s.elements(true, depth+1); err != nil {
		return err
	}
	o.listed, o.over, o.listEnd = true, true, s.place
	return nil
}

// objectEnd makes of an object that was passed what it turned out to be.
func (s *stream) objectEnd(o *long, inList bool, depth int) error {
	switch tooLong := s.offset-o.begin.offset-o.left > s.splitter.limit(); {
	case o.listed && !o.isList:
		return o.listEnd.of(&BodyError{Line: 1, Column: 1, Message: "the items were read, but the kind is not EventList"})
	case o.listed:
		return nil
	case o.isList && !inList && o.other == '[':
		return o.begin.of(&BodyError{Line: 1, Column: 1, Message: kindTwice})
	case o.isList && !inList && (o.other == 0 || o.other == 'n'):
		return nil // an empty list
	case !o.isEvent && !inList:
		return s.reject(NotAnEvent, o.begin, depth)
	case tooLong:
		return s.reject(TooLarge, o.begin, depth)
	}
	c := s.cutter(s.kept, o.begin)
	c.trimmed = true
	each := c.item
	if inList {
		each = c.listItem
	}
	if each(0, depth) < 0 {
		return c.failure() // cannot happen: what is kept was passed
	}
	if rejects := s.batch.Rejects; depth == 0 && len(rejects) == 1 {
		return s.reject(rejects[0].Reason, o.begin, depth)
	}
	return c.flush()
}

// lost is how many bytes an event is shorter without its request and response object.
func (r *Record) lost() (n int) {
	r.bulky(func(value scan.Span) { n += int(value.End-value.Start) - len(null) })
	return n
}

// shortened is the event as compact JSON without its request and response object.
func (r *Record) shortened() string {
	from, at := len(r.b.scratch), r.span.Start
	r.bulky(func(value scan.Span) {
		r.b.scratch = append(scan.Compact(r.b.scratch, r.b.doc[at:value.Start]), null...)
		at = value.End
	})
	r.b.scratch = scan.Compact(r.b.scratch, r.b.doc[at:r.span.End])
	return view(r.b.scratch[from:])
}

// bulky calls do for the request and response object, unless they are shorter than what takes their place.
func (r *Record) bulky(do func(value scan.Span)) {
	r.members(r.span, func(key string, value scan.Span) {
		if isBulky(key) && int(value.End-value.Start) > len(null) {
			do(value)
		}
	})
}

func isBulky(key string) bool { return key == "requestObject" || key == "responseObject" }
