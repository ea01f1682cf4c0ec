package program

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// constant converts t to the type that left is compared in, and reports what does not convert.
func (c *compiler) constant(left *Expr, op condition.Op, t *condition.Text) (event.Value, bool) {
	if op == condition.OpBContains || op == condition.OpBStartsWith {
		b, err := hex.DecodeString(t.Value)
		if err != nil {
			c.fail(CodeBadConstant, t.Span(), "write two hexadecimal digits for each byte, without 0x",
				"%s is not a string of hexadecimal bytes, which operator %s needs", quote(t.Value), op)
			return event.Value{}, false
		}
		return event.Value{Text: string(b)}, true
	}
	v, wraps, err := convert(left.typ, t.Value)
	if err != nil {
		c.fail(CodeBadConstant, t.Span(), "", "%s cannot be compared with %s: %v", left.describe(), quote(t.Value), err)
		return v, false
	}
	if wraps {
		c.warn(CodeNumberWraps, t.Span(), "", "%s does not fit type %s of %s and is compared as %s", t.Value, left.typ,
			left.describe(), formatNumber(left.typ, v))
	}
	if f := left.field; f != nil && f.Constant != nil {
		if err := f.Constant(t.Value); err != nil {
			c.failConstant(f, op, t, err)
			return v, false
		}
	}
	return v, true
}

// failConstant reports a constant that the field itself refuses.
func (c *compiler) failConstant(f *field.Field, op condition.Op, t *condition.Text, err error) {
	code, hint := CodeBadConstant, ""
	if f.Name == "evt.type" || f.Name == "syscall.type" {
		code = CodeUnknownEventType
	}
	switch {
	case code != CodeUnknownEventType || c.full(condition.SeverityError):
	case comparesWhole(op):
		hint = didYouMean(field.Nearest(t.Value, uniqueNames(c.catalogue.Types()), 3))
	default:
		hint = "list the event types: " + f.Name + " in (open, openat)"
	}
	c.fail(code, t.Span(), hint, "field %s cannot be %s: %v", f.Name, quote(t.Value), err)
}

func uniqueNames(names []string) []string {
	names = sortedKeys(names)
	if len(names) > 0 && names[0] == "" {
		names = names[1:]
	}
	return names
}

// comparesWhole tells whether op compares with a complete value, not with a part or a pattern of one.
func comparesWhole(op condition.Op) bool {
	switch op {
	case condition.OpEq, condition.OpEqEq, condition.OpNe, condition.OpIn, condition.OpIntersects, condition.OpLt,
		condition.OpLe, condition.OpGt, condition.OpGe:
		return true
	}
	return false
}

var errNotNumber = errors.New("it is not a decimal number")

// convert reads text as a value of type t. wraps tells that a number is outside the range of its type and was made to
// fit as C does: cut to 64 bits at the nearest end, then to the width of the type.
func convert(t event.Type, text string) (v event.Value, wraps bool, err error) {
	switch t.Class() {
	case event.ClassString:
		if strings.IndexByte(text, 0) >= 0 {
			return v, false, errors.New("it contains a NUL byte")
		}
		v.Text = text
	case event.ClassBytes:
		v.Text = text
	case event.ClassBool:
		if text != "true" && text != "false" {
			return v, false, errors.New("it is neither true nor false")
		}
		v.SetBool(text == "true")
	case event.ClassNumber:
		switch t {
		case event.TypeDouble:
			return convertDouble(text)
		case event.TypePort:
			return convertPort(text)
		}
		v.Num, wraps, err = parseNumber(t, text)
	case event.ClassIP:
		v.Addr, err = parseAddr(text)
	case event.ClassNet:
		// The prefix itself is kept in the test; only its form is checked here.
		_, err = parsePrefix(text)
	default:
		err = fmt.Errorf("type %s has no constants", t)
	}
	return v, wraps, err
}

// parseNumber reads a decimal number as scanf does: blanks, a sign and digits, and nothing after them.
func parseNumber(t event.Type, text string) (n uint64, wraps bool, err error) {
	digits := strings.TrimLeft(text, " \t\n\v\f\r")
	negative := strings.HasPrefix(digits, "-")
	if negative || strings.HasPrefix(digits, "+") {
		digits = digits[1:]
	}
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, false, errNotNumber
	}
	n, err = strconv.ParseUint(digits, 10, 64)
	overflow := err != nil // the only error left; n is the maximum then
	if !t.Signed() {
		exact := n
		if negative && !overflow {
			n = -n
		}
		n &= math.MaxUint64 >> (64 - t.Bits())
		return n, overflow || negative && exact != 0 || n != exact, nil
	}
	s, clipped := signed(n, negative, overflow)
	shift := 64 - t.Bits()
	cut := s << shift >> shift
	return uint64(cut), clipped || cut != s, nil
}

// signed gives a number its sign and moves it to the nearest end of the 64-bit range when it is outside.
func signed(n uint64, negative, overflow bool) (s int64, clipped bool) {
	switch {
	case negative && (overflow || n > 1<<63):
		return math.MinInt64, true
	case negative:
		return int64(-n), false
	case overflow || n > math.MaxInt64:
		return math.MaxInt64, true
	}
	return int64(n), false
}

// formatNumber writes a converted number back.
func formatNumber(t event.Type, v event.Value) string {
	if t.Signed() {
		return strconv.FormatInt(v.Int(), 10)
	}
	return strconv.FormatUint(v.Num, 10)
}

// convertDouble reads a decimal number with an optional fraction and exponent.
func convertDouble(text string) (v event.Value, wraps bool, err error) {
	text = strings.TrimLeft(text, " \t\n\v\f\r")
	if text == "" || strings.Trim(text, "0123456789+-.eE") != "" {
		return v, false, errNotNumber
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return v, false, errNotNumber
	}
	v.Num = math.Float64bits(f)
	return v, false, nil
}

// convertPort reads a port as a number or as the name of a service. As in Falco, nothing is port 0.
func convertPort(text string) (v event.Value, wraps bool, err error) {
	if port, ok := services[text]; ok {
		v.Num = uint64(port)
		return v, false, nil
	}
	if text == "" {
		return v, false, nil
	}
	if strings.Trim(text, "0123456789") != "" {
		return v, false, errors.New("it is neither a port number nor a service known by name")
	}
	v.Num, wraps, err = parseNumber(event.TypePort, text)
	return v, wraps, err
}

// parseAddr reads an address without prefix length or zone. A dot makes it IPv4.
func parseAddr(text string) (netip.Addr, error) {
	if strings.Contains(text, "/") {
		return netip.Addr{}, errors.New("it is a network, not a single address")
	}
	family := "IPv6"
	if strings.Contains(text, ".") {
		family = "IPv4"
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" || a.Is4() != (family == "IPv4") {
		return netip.Addr{}, fmt.Errorf("it is not an %s address", family)
	}
	return a, nil
}

// parsePrefix reads an address with a prefix length.
func parsePrefix(text string) (netip.Prefix, error) {
	addr, length, ok := strings.Cut(text, "/")
	if !ok {
		return netip.Prefix{}, errors.New("it has no prefix length, as in 10.0.0.0/8")
	}
	a, err := parseAddr(addr)
	if err != nil {
		return netip.Prefix{}, err
	}
	bits, err := strconv.ParseUint(length, 10, 16)
	if err != nil || bits > uint64(a.BitLen()) {
		return netip.Prefix{}, fmt.Errorf("its prefix length is not a number from 0 to %d", a.BitLen())
	}
	return netip.PrefixFrom(a, int(bits)).Masked(), nil
}

// parseIndex reads an argument that is an index: digits, without leading zeros.
func parseIndex(text string) (int, error) {
	switch {
	case strings.Trim(text, "0123456789") != "":
		return 0, fmt.Errorf("%s is not an index, which consists of digits only", quote(text))
	case len(text) > 1 && text[0] == '0':
		return 0, fmt.Errorf("index %s starts with 0", text)
	}
	n, err := strconv.ParseInt(text, 10, 0)
	if err != nil {
		return 0, fmt.Errorf("index %s is too large", text)
	}
	return int(n), nil
}
