package event

import "net/netip"

// Value is one value taken from an event. Which member holds it follows from the Type under which it was asked for:
//
//	ClassString, ClassBytes   Text (bytes are kept as a string of raw bytes)
//	ClassNumber               Num (two's complement for signed types, IEEE 754 bits for TypeDouble)
//	ClassBool                 Num, 0 or 1
//	ClassIP, ClassNet         Addr
//
// A list keeps its elements in List and leaves the other members alone. "No value" is not a Value: extractors say it
// by returning false.
type Value struct {
	Text string
	Num  uint64
	Addr netip.Addr
	List []Value
}

// Reset empties v and keeps the memory of its list for the next extraction.
func (v *Value) Reset() {
	v.Text, v.Num, v.Addr, v.List = "", 0, netip.Addr{}, v.List[:0]
}

// Grow adds an empty element to the list of v and returns it. The pointer is valid until the next call of Grow.
func (v *Value) Grow() *Value {
	if len(v.List) < cap(v.List) {
		v.List = v.List[:len(v.List)+1]
		e := &v.List[len(v.List)-1]
		e.Reset()
		return e
	}
	v.List = append(v.List, Value{})
	return &v.List[len(v.List)-1]
}

// SetBool stores a truth value.
func (v *Value) SetBool(b bool) {
	v.Num = 0
	if b {
		v.Num = 1
	}
}

// SetInt stores a signed number.
func (v *Value) SetInt(n int64) { v.Num = uint64(n) }

// Int reads a signed number.
func (v *Value) Int() int64 { return int64(v.Num) }

// Bool reads a truth value.
func (v *Value) Bool() bool { return v.Num != 0 }
