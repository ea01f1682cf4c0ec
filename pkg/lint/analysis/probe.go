package analysis

import (
	"math"
	"net/netip"
	"strconv"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/condition/program"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// probesOf converts the constants of a check on numbers, truth values or addresses. Values are the constants
// themselves; probes are they, what lies beside them, and the ends of what the type can hold. Each comparison changes
// its answer at its constants only, so what holds for no probe of two checks holds for no value. ok is false for a
// constant that is none or does not fit its type.
func probesOf(t event.Type, texts []string) (values, probes []event.Value, ok bool) {
	for _, text := range texts {
		var at, around []event.Value
		switch t.Class() {
		case event.ClassNumber:
			at, around, ok = numberProbes(t, text)
		case event.ClassBool:
			at, ok = boolProbe(text)
		case event.ClassIP:
			at, ok = addressProbe(text)
		case event.ClassNet:
			around, ok = networkProbes(text)
		default:
			ok = false
		}
		if !ok {
			return nil, nil, false
		}
		values = append(values, at...)
		probes = append(append(probes, at...), around...)
	}
	return values, append(probes, ends(t)...), true
}

// ends gives probes that belong to no constant.
func ends(t event.Type) []event.Value {
	switch {
	case t.Class() == event.ClassBool:
		return []event.Value{{Num: 0}, {Num: 1}}
	case t.Class() == event.ClassIP || t.Class() == event.ClassNet:
		// Addresses of networks for documentation stand for all that no rule speaks of.
		return []event.Value{{Addr: netip.MustParseAddr("192.0.2.219")}, {Addr: netip.MustParseAddr("2001:db8::a7c3:19")},
			{Addr: netip.MustParseAddr("198.51.100.77")}, {}}
	case t == event.TypeDouble:
		return []event.Value{double(math.Inf(-1)), double(math.Inf(1)), double(math.NaN())}
	case t.Signed():
		return []event.Value{{Num: 1 << 63}, {Num: math.MaxInt64}}
	}
	return []event.Value{{Num: 0}, {Num: math.MaxUint64}}
}

func double(f float64) event.Value { return event.Value{Num: math.Float64bits(f)} }

func numberProbes(t event.Type, text string) (at, around []event.Value, ok bool) {
	switch {
	case t == event.TypeDouble:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, nil, false
		}
		return []event.Value{double(f)}, []event.Value{double(math.Nextafter(f, math.Inf(-1))), double(math.Nextafter(f, math.Inf(1)))}, true
	case t.Signed():
		n, err := strconv.ParseInt(text, 10, t.Bits())
		if err != nil {
			return nil, nil, false
		}
		if n > math.MinInt64 {
			around = append(around, event.Value{Num: uint64(n - 1)})
		}
		if n < math.MaxInt64 {
			around = append(around, event.Value{Num: uint64(n + 1)})
		}
		return []event.Value{{Num: uint64(n)}}, around, true
	}
	n, err := strconv.ParseUint(text, 10, t.Bits())
	if err != nil {
		return nil, nil, false
	}
	if n > 0 {
		around = append(around, event.Value{Num: n - 1})
	}
	if n < math.MaxUint64 {
		around = append(around, event.Value{Num: n + 1})
	}
	return []event.Value{{Num: n}}, around, true
}

func boolProbe(text string) ([]event.Value, bool) {
	var v event.Value
	v.SetBool(text == "true")
	return []event.Value{v}, text == "true" || text == "false"
}

func addressProbe(text string) ([]event.Value, bool) {
	a, err := netip.ParseAddr(text)
	return []event.Value{{Addr: a}}, err == nil && a.Zone() == ""
}

// networkProbes gives the first and the last address of a network and those beside them.
func networkProbes(text string) ([]event.Value, bool) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return nil, false
	}
	first := p.Masked().Addr()
	bytes := first.AsSlice()
	for i := p.Bits(); i < len(bytes)*8; i++ {
		bytes[i/8] |= 0x80 >> (i % 8)
	}
	last, _ := netip.AddrFromSlice(bytes)
	return []event.Value{{Addr: first}, {Addr: last}, {Addr: first.Prev()}, {Addr: last.Next()}}, true
}

// prober puts checks to single values of their left side, by the same code that evaluates rules. Checks are added to
// a program of a catalogue of its own, in which there is one field for each type.
type prober struct {
	catalogue *field.Catalogue
	builder   *program.Builder
	state     *program.State
	event     event.Event
}

func newProber() *prober {
	var fields []field.Field
	for t := event.TypeNone + 1; t <= event.TypeIPv6; t++ {
		fields = append(fields, field.Field{Name: probeName(t), Type: t, Extract: func(e *event.Event, _ *field.Arg, v *event.Value) bool {
			from := e.Data.(*event.Value)
			v.Text, v.Num, v.Addr = from.Text, from.Num, from.Addr
			return true
		}})
	}
	p := &prober{catalogue: field.New("probe", nil, fields)}
	p.builder = program.NewBuilder(p.catalogue)
	return p
}

func probeName(t event.Type) string { return "probe." + t.String() }

// prepare adds the check of an atom, put to a single value. An atom that does not compile becomes opaque.
func (w *world) prepare(a *atom) {
	if a.opaque {
		return
	}
	n := *a.first
	n.Left = &condition.Field{Name: probeName(a.x.typ)}
	if a.x.list && n.Op == condition.OpIn {
		n.Op = condition.OpIntersects // of a single value they are the same
	}
	a.id1, _ = w.prober.builder.Add(&n)
	if a.id1 == program.None {
		a.opaque, a.equals, a.excluded, a.patterns = true, false, false, nil
	}
}

// holds tells whether the predicate of an atom holds for a present value.
func (w *world) holds(a *atom, v *event.Value) bool {
	if a.texts != nil {
		_, in := a.texts[v.Text]
		return in != a.excluded
	}
	p := w.prober
	if p.state == nil {
		p.state = p.builder.Build().NewState()
	}
	p.event.Data = v
	p.event.Num++
	p.state.Begin(&p.event)
	return p.state.True(a.id1)
}

// fits tells whether a present value fulfils a literal.
func (w *world) fits(l literal, v *event.Value) bool { return w.holds(l.atom, v) != l.not }
