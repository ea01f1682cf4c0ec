package event

import (
	"net/netip"
	"testing"
)

// Growing a list reuses the elements of earlier events, but never their content.
func TestGrowReusesMemory(t *testing.T) {
	var v Value
	for _, text := range []string{"a", "b", "c"} {
		e := v.Grow()
		e.Text, e.Num, e.Addr = text, 7, netip.MustParseAddr("10.0.0.1")
		e.Grow().Text = "inner"
	}
	if len(v.List) != 3 || v.List[2].Text != "c" {
		t.Fatalf("%+v", v)
	}
	allocs := testing.AllocsPerRun(100, func() {
		v.Reset()
		for range 3 {
			if e := v.Grow(); e.Text != "" || e.Num != 0 || e.Addr.IsValid() || len(e.List) != 0 {
				t.Fatalf("an element keeps %+v", e)
			}
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestNumbers(t *testing.T) {
	var v Value
	v.SetInt(-5)
	if v.Int() != -5 || v.Num != 0xfffffffffffffffb {
		t.Errorf("%d %x", v.Int(), v.Num)
	}
	v.SetBool(true)
	if !v.Bool() || v.Num != 1 {
		t.Error("true is lost")
	}
	v.SetBool(false)
	if v.Bool() || v.Num != 0 {
		t.Error("false is lost")
	}
}

func TestTypes(t *testing.T) {
	seen := map[string]bool{}
	for typ := TypeNone; typ <= TypeDyn; typ++ {
		name := typ.String()
		if name == "" || seen[name] {
			t.Errorf("type %d has the name %q", typ, name)
		}
		seen[name] = true
		if (typ.Class() == ClassNumber) != (typ.Bits() > 0 && typ != TypeBool) {
			t.Errorf("%s: class %d with %d bits", name, typ.Class(), typ.Bits())
		}
	}
	if !TypeErrno.Signed() || TypeUID.Signed() || TypePort.Bits() != 16 {
		t.Error("wrong width or sign")
	}
}
