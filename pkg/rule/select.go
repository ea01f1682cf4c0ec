package rule

import (
	"fmt"
	"slices"
	"strings"
)

// Selection switches rules on or off after the rules files are read. It names rules either by their name or by a tag.
type Selection struct {
	// Enable switches on, otherwise off.
	Enable bool
	// Rule is the name of a rule, in which each * stands for any text; empty when the rules are chosen by Tag, which
	// must be one of their tags, letter by letter.
	Rule, Tag string
}

// Unmatched is a selection that no rule answers to.
type Unmatched struct {
	// Index is its place among the selections.
	Index int
	// Message says what there is not, Hint what may be meant; Hint may be empty.
	Message, Hint string
}

// Select carries out selections one after another on the rules of the set; it must be called before Compile. What it
// returns are the selections without effect because no rule is named so or tagged so.
//
// As in Falco a rule that is switched on while it is off moves behind all others, so that with the first match
// winning it is asked last; several that one selection switches on keep their order.
func (s *Set) Select(selections []Selection) []Unmatched {
	var unmatched []Unmatched
	for i, sel := range selections {
		if !s.selectRules(sel) {
			message, hint := s.missing(sel)
			unmatched = append(unmatched, Unmatched{Index: i, Message: message, Hint: hint})
		}
	}
	return unmatched
}

// selectRules carries out one selection and tells whether a rule answered to it.
func (s *Set) selectRules(sel Selection) bool {
	found := false
	stay, move := make([]*Rule, 0, len(s.Rules)), []*Rule(nil)
	for _, r := range s.Rules {
		hit := sel.Matches(r)
		found = found || hit
		if hit && sel.Enable && !r.Enabled {
			move = append(move, r)
		} else {
			stay = append(stay, r)
		}
		if hit {
			r.Enabled = sel.Enable
		}
	}
	s.Rules = append(stay, move...)
	return found
}

// Matches tells whether the selection is about rule r.
func (s Selection) Matches(r *Rule) bool {
	if s.Tag != "" {
		return slices.Contains(r.Tags, s.Tag)
	}
	return wildcard(s.Rule, r.Name)
}

// missing says that no rule answers to a selection, and which names or tags are near.
func (s *Set) missing(sel Selection) (message, hint string) {
	names, tags := s.namesAndTags()
	if sel.Tag != "" {
		message = fmt.Sprintf("no rule has the tag %s", quote(sel.Tag))
		if slices.Contains(names, sel.Tag) {
			return message, "that is the name of a rule, choose it by rule"
		}
		return message, didYouMean(sel.Tag, tags)
	}
	if !strings.Contains(sel.Rule, "*") {
		message = fmt.Sprintf("no rule is named %s", quote(sel.Rule))
		if slices.Contains(tags, sel.Rule) {
			return message, "that is a tag, choose it by tag"
		}
		return message, didYouMean(sel.Rule, names)
	}
	message = fmt.Sprintf("no rule is named like %s", quote(sel.Rule))
	lower := strings.ToLower(sel.Rule)
	for _, name := range names {
		if wildcard(lower, strings.ToLower(name)) {
			return message, fmt.Sprintf("upper and lower case count: there is a rule %s", quote(name))
		}
	}
	return message, ""
}

func (s *Set) namesAndTags() (names, tags []string) {
	for _, r := range s.Rules {
		names = append(names, r.Name)
		for _, t := range r.Tags {
			if !slices.Contains(tags, t) {
				tags = append(tags, t)
			}
		}
	}
	return names, tags
}

// didYouMean is a hint at the nearest name; empty when none is near.
func didYouMean(s string, names []string) string {
	if near := nearest(s, names); near != "" {
		return fmt.Sprintf("did you mean %s?", quote(near))
	}
	return ""
}

// wildcard tells whether the whole of s has the form of pattern, in which each * stands for any text.
func wildcard(pattern, s string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return s == pattern
	}
	if !strings.HasPrefix(s, head) {
		return false
	}
	s = s[len(head):]
	for {
		var part string
		part, rest, star = strings.Cut(rest, "*")
		if !star {
			return strings.HasSuffix(s, part)
		}
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
}
