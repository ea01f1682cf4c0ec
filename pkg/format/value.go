package format

import (
	"math"
	"strconv"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

const (
	// missing is the text of a value that is not there.
	missing = "<NA>"
	// maxText is how many bytes of a list or a buffer the text shows, as in Falco.
	maxText = 1023
)

// appendText appends a value as text: integers in decimal or as print says, truth values as words, numbers with a
// fraction with one decimal, a list as (a,b). A network is <IPNET>, as in Falco.
func appendText(dst []byte, v *event.Value, t event.Type, list bool, print field.Print) []byte {
	if !list && len(v.List) == 0 {
		return appendScalar(dst, v, t, print)
	}
	start := len(dst)
	dst = append(dst, '(')
	for i := range v.List {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendScalar(dst, &v.List[i], t, print)
		if len(dst)-start > maxText {
			return dst[:start+maxText]
		}
	}
	dst = append(dst, ')')
	return dst[:min(len(dst), start+maxText)]
}

func appendScalar(dst []byte, v *event.Value, t event.Type, print field.Print) []byte {
	switch t.Class() {
	case event.ClassString:
		return append(dst, v.Text...)
	case event.ClassBytes:
		return appendBuffer(dst, v.Text)
	case event.ClassBool:
		return strconv.AppendBool(dst, v.Bool())
	case event.ClassNumber:
		return appendNumber(dst, v, t, print)
	case event.ClassIP:
		return v.Addr.AppendTo(dst)
	case event.ClassNet:
		return append(dst, "<IPNET>"...)
	}
	return append(dst, missing...)
}

// appendBuffer shows a buffer with a dot for each byte that is not printable ASCII.
func appendBuffer(dst []byte, text string) []byte {
	for i := 0; i < len(text) && i < maxText; i++ {
		c := text[i]
		if c < ' ' || c > '~' {
			c = '.'
		}
		dst = append(dst, c)
	}
	return dst
}

func appendNumber(dst []byte, v *event.Value, t event.Type, print field.Print) []byte {
	switch {
	case t == event.TypeDouble:
		return strconv.AppendFloat(dst, math.Float64frombits(v.Num), 'f', 1, 64)
	case print == field.Hex:
		return appendUpperHex(dst, masked(v.Num, t))
	case print == field.Octal:
		return strconv.AppendUint(dst, masked(v.Num, t), 8)
	case print == field.Padded9:
		return appendPadded(dst, v.Num)
	case t.Signed():
		return appendInt(dst, v.Int())
	}
	return strconv.AppendUint(dst, v.Num, 10)
}

// masked gives the bits that a number of type t has.
func masked(n uint64, t event.Type) uint64 {
	if bits := t.Bits(); bits > 0 && bits < 64 {
		return n & (1<<bits - 1)
	}
	return n
}

func appendUpperHex(dst []byte, n uint64) []byte {
	start := len(dst)
	dst = strconv.AppendUint(dst, n, 16)
	for i := start; i < len(dst); i++ {
		if dst[i] >= 'a' {
			dst[i] -= 'a' - 'A'
		}
	}
	return dst
}

func appendPadded(dst []byte, n uint64) []byte {
	for limit := uint64(1e8); limit > n && limit > 1; limit /= 10 {
		dst = append(dst, '0')
	}
	return strconv.AppendUint(dst, n, 10)
}

func appendInt(dst []byte, n int64) []byte { return strconv.AppendInt(dst, n, 10) }

func appendJSON(dst []byte, v *event.Value, t event.Type, list bool, print field.Print) []byte {
	if !list && len(v.List) == 0 {
		return appendScalarJSON(dst, v, t, print)
	}
	dst = append(dst, '[')
	for i := range v.List {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendScalarJSON(dst, &v.List[i], t, print)
	}
	return append(dst, ']')
}

func appendScalarJSON(dst []byte, v *event.Value, t event.Type, print field.Print) []byte {
	switch t.Class() {
	case event.ClassString:
		return AppendString(dst, v.Text)
	case event.ClassBool:
		return strconv.AppendBool(dst, v.Bool())
	case event.ClassNumber:
		return appendNumberJSON(dst, v, t, print)
	}
	// The text of the other classes needs no escapes but those for quotation marks and backslashes of buffers.
	var buffer [64]byte
	return AppendString(dst, appendScalar(buffer[:0], v, t, print))
}

func appendNumberJSON(dst []byte, v *event.Value, t event.Type, print field.Print) []byte {
	if t == event.TypeDouble {
		f := math.Float64frombits(v.Num)
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return append(dst, "null"...) // JSON has no such numbers
		}
		return strconv.AppendFloat(dst, f, 'g', -1, 64)
	}
	if print == field.Decimal {
		return appendNumber(dst, v, t, print)
	}
	dst = append(dst, '"')
	dst = appendNumber(dst, v, t, print)
	return append(dst, '"')
}
