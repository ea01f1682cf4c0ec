package ruletest

import (
	"encoding/base64"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/saker-security/saker/pkg/event"
)

// parse reads a YAML scalar as a value of type t. A text is what stands there; numbers are decimal, or hexadecimal
// after 0x and octal after 0o; bytes that are no text come as !!binary.
func parse(t event.Type, n *yaml.Node, v *event.Value) error {
	switch t.Class() {
	case event.ClassString, event.ClassBytes:
		v.Text = n.Value
		if n.Tag == "!!binary" {
			raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(n.Value), ""))
			if err != nil {
				return fmt.Errorf("it is not base64: %w", err)
			}
			v.Text = string(raw)
		}
		return nil
	case event.ClassBool:
		if n.Value != "true" && n.Value != "false" {
			return fmt.Errorf("it must be true or false, not %s", quoted(n.Value))
		}
		v.SetBool(n.Value == "true")
		return nil
	case event.ClassNumber:
		return parseNumber(t, n.Value, v)
	case event.ClassIP, event.ClassNet:
		a, err := netip.ParseAddr(n.Value)
		if err != nil {
			return fmt.Errorf("%w: %s", errAddress, quoted(n.Value))
		}
		v.Addr = a
		return nil
	}
	return fmt.Errorf("a value of type %s cannot be written", t)
}

func parseNumber(t event.Type, text string, v *event.Value) error {
	if t == event.TypeDouble {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("it must be a number, not %s", quoted(text))
		}
		v.Num = math.Float64bits(f)
		return nil
	}
	base, digits := 10, text
	for prefix, b := range map[string]int{"0x": 16, "0o": 8} {
		if strings.HasPrefix(text, prefix) {
			base, digits = b, text[2:]
		}
	}
	if t.Signed() {
		i, err := strconv.ParseInt(digits, base, t.Bits())
		if err != nil {
			return fmt.Errorf("it must be a whole number with a sign of at most %d bits, not %s", t.Bits(), quoted(text))
		}
		v.SetInt(i)
		return nil
	}
	u, err := strconv.ParseUint(digits, base, t.Bits())
	if err != nil {
		return fmt.Errorf("it must be a whole number without a sign of at most %d bits, not %s", t.Bits(), quoted(text))
	}
	v.Num = u
	return nil
}

// show writes a value for people: texts in quotation marks with their control characters escaped, lists in parentheses.
func show(v *event.Value, t event.Type, list bool) string {
	if list || len(v.List) > 0 {
		items := make([]string, 0, min(len(v.List), maxShown))
		for i := range v.List {
			if i == maxShown {
				items = append(items, fmt.Sprintf("… %d more", len(v.List)-i))
				break
			}
			items = append(items, show(&v.List[i], t, false))
		}
		return "(" + strings.Join(items, ", ") + ")"
	}
	switch t.Class() {
	case event.ClassString, event.ClassBytes:
		return quoted(v.Text)
	case event.ClassBool:
		return strconv.FormatBool(v.Bool())
	case event.ClassIP, event.ClassNet:
		return v.Addr.String()
	case event.ClassNumber:
		switch {
		case t == event.TypeDouble:
			return strconv.FormatFloat(math.Float64frombits(v.Num), 'g', -1, 64)
		case t.Signed():
			return strconv.FormatInt(v.Int(), 10)
		}
	}
	return strconv.FormatUint(v.Num, 10)
}

// maxShown is how many elements of a list are shown.
const maxShown = 20

// same tells whether two values of one type are equal.
func same(a, b *event.Value) bool {
	if a.Text != b.Text || a.Num != b.Num || a.Addr != b.Addr || len(a.List) != len(b.List) {
		return false
	}
	for i := range a.List {
		if !same(&a.List[i], &b.List[i]) {
			return false
		}
	}
	return true
}
