package program

import (
	"testing"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// TestAtMost: for a distance = asks for values up to the constant, and nothing else can be asked.
func TestAtMost(t *testing.T) {
	c := field.New("test", nil, []field.Field{{Name: "t.distance", Type: event.TypeUint64, AtMost: true, Extract: fromSample("distance")}})
	for cond, want := range map[string]bool{
		"t.distance = 5": true, "t.distance == 4": true, "t.distance = 3": false, "not t.distance = 3": true, "t.distance exists": true,
	} {
		b := NewBuilder(c)
		id, found := b.Add(parse(t, cond))
		if len(found) > 0 {
			t.Errorf("%s: %v", cond, found[0])
			continue
		}
		s := b.Build().NewState()
		s.Begin(newEvent(map[string]event.Value{"distance": num(4)}))
		if got := s.True(id); got != want {
			t.Errorf("%s: %v", cond, got)
		}
	}
	for _, cond := range []string{"t.distance > 5", "t.distance != 5", "t.distance in (5)", "t.distance = anyof (5)"} {
		if _, found := NewBuilder(c).Add(parse(t, cond)); len(found) != 1 || found[0].Code != CodeOperatorType || found[0].Severity != condition.SeverityError {
			t.Errorf("%s: %v", cond, found)
		}
	}
}
