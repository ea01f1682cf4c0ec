package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	h := Header{CPU: 3, Time: 1234567890123456789, Thread: -1, Type: 307}
	params := [][]byte{[]byte("one\x00"), nil, {1, 2, 3, 4}, bytes.Repeat([]byte{7}, 65535)}
	b := Append([]byte("before"), h, params...)
	b = Append(b, Header{Type: 5})

	var e Event
	n, err := e.Decode(b[len("before"):])
	if err != nil {
		t.Fatal(err)
	}
	h.Params = len(params)
	if e.Header != h {
		t.Errorf("header %+v, want %+v", e.Header, h)
	}
	for i, p := range params {
		if !bytes.Equal(e.Param(i), p) {
			t.Errorf("parameter %d is %.20q, want %.20q", i, e.Param(i), p)
		}
	}
	if e.Param(-1) != nil || e.Param(len(params)) != nil {
		t.Error("a parameter that is not there has a value")
	}
	if m, err := e.Decode(b[len("before")+n:]); err != nil || e.Type != 5 || e.Params != 0 || len("before")+n+m != len(b) {
		t.Errorf("second frame: %v, %+v", err, e.Header)
	}
	if e.Param(0) != nil {
		t.Error("a parameter of the frame before is still there")
	}
}

func TestDecodeErrors(t *testing.T) {
	good := Append(nil, Header{Type: 3}, []byte("abc"), []byte("d"))
	change := func(f func(b []byte) []byte) []byte { return f(bytes.Clone(good)) }
	le := binary.LittleEndian
	tests := []struct {
		name, want string
		frame      []byte
	}{
		{"empty", "0 bytes are too few", nil},
		{"half a header", "7 bytes are too few", good[:7]},
		{"version", "frame version 2, want 1", change(func(b []byte) []byte { b[2] = 2; return b })},
		{"cut off", "event length 34 with 33 bytes left", good[:len(good)-1]},
		{"too short for an event", "event length 25", change(func(b []byte) []byte { le.PutUint32(b[4:], 25); return b })},
		{"far too long", "event length 4294967295", change(func(b []byte) []byte { le.PutUint32(b[4:], 1<<32-1); return b })},
		{"lengths differ", "the event says 35 bytes, its frame 34", change(func(b []byte) []byte { le.PutUint32(b[24:], 35); return b })},
		{"too many parameters", "65 parameters", change(func(b []byte) []byte { le.PutUint32(b[30:], 65); return b })},
		{"no room for the lengths", "20 parameters in 34 bytes", change(func(b []byte) []byte { le.PutUint32(b[30:], 20); return b })},
		{"parameter beyond the end", "parameter 1 has 9 bytes, 1 are left", change(func(b []byte) []byte { le.PutUint16(b[36:], 9); return b })},
		{"left over", "1 bytes behind the last parameter", change(func(b []byte) []byte { le.PutUint16(b[36:], 0); return b })},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var e Event
			_, err := e.Decode(test.frame)
			if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// FuzzDecode holds that no bytes crash the decoder, that parameters lie within the frame, and that what was decoded
// encodes to the same bytes.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{})
	f.Add(Append(nil, Header{Type: 3, Thread: 7, Time: 9}, []byte("/etc/passwd\x00"), []byte{1, 0, 0, 0}))
	f.Add(Append(nil, Header{Type: 186}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var e Event
		n, err := e.Decode(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("error of another kind: %v", err)
			}
			return
		}
		var params [][]byte
		for i := range e.Params {
			params = append(params, e.Param(i))
		}
		h := e.Header
		h.Params = 0
		if again := Append(nil, h, params...); !bytes.Equal(again, b[:n]) {
			t.Errorf("encodes to %x, was %x", again, b[:n])
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	frame := Append(nil, Header{Type: 307}, make([]byte, 8), make([]byte, 8), []byte("/etc/ld.so.cache\x00"), make([]byte, 4), make([]byte, 4), make([]byte, 4), make([]byte, 8))
	var e Event
	for b.Loop() {
		if _, err := e.Decode(frame); err != nil {
			b.Fatal(err)
		}
	}
}
