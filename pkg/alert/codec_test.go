package alert

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/rule"
)

func TestCodecRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 300, 300)
		a := &Alert{
			ID: text.Draw(t, "id"), Time: rapid.Int64().Draw(t, "time"), Rule: text.Draw(t, "rule"),
			Priority: Priority(rapid.ByteMax(byte(rule.PriorityDebug)).Draw(t, "priority")), Source: text.Draw(t, "source"),
			Hostname: text.Draw(t, "hostname"), Message: text.Draw(t, "message"),
		}
		for range rapid.IntRange(0, 4).Draw(t, "tags") {
			a.Tags = append(a.Tags, text.Draw(t, "tag"))
		}
		for range rapid.IntRange(0, 4).Draw(t, "fields") {
			a.Fields = append(a.Fields, Field{text.Draw(t, "name"), text.Draw(t, "json")})
		}
		encoded := a.Append(nil)
		back, err := Decode(encoded)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(a, back); diff != "" {
			t.Fatal(diff)
		}
		if _, err := Decode(encoded[:rapid.IntRange(0, len(encoded)-1).Draw(t, "cut")]); !errors.Is(err, ErrEncoding) {
			t.Fatalf("a cut alert: %v", err)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add((&Alert{ID: "i", Rule: "r", Tags: []string{"t"}, Fields: []Field{{"a", "1"}}}).Append(nil))
	f.Add([]byte("\x01\x02........\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := Decode(b)
		if err != nil {
			return
		}
		if back, err := Decode(a.Append(nil)); err != nil || cmp.Diff(a, back) != "" {
			t.Fatalf("%v, %v", back, err)
		}
	})
}

func TestNewID(t *testing.T) {
	one := NewID(1469918176385e6, []byte("a"))
	if len(one) != idLength || !strings.HasPrefix(one, "01ARYZ6S41") {
		t.Errorf("%s: the time of the specification's example is written 01ARYZ6S41", one)
	}
	if one != NewID(1469918176385e6, []byte("a")) || one == NewID(1469918176385e6, []byte("b")) {
		t.Error("an ID stands for its time and identity")
	}
	if a, b := NewID(5e9, []byte("z")), NewID(6e9, []byte("a")); a >= b {
		t.Errorf("%s is not before %s", a, b)
	}
}

type identified struct{ everywhere bool }

func (i identified) AppendIdentity(dst []byte) ([]byte, bool) {
	return append(dst, "same"...), i.everywhere
}

// The same event gives the same ID on every machine only where its source knows it by a name that is the same there.
func TestIDOfAnEvent(t *testing.T) {
	id := func(host, rule string, data any) string {
		b := Builder{Hostname: host}
		return b.id(&event.Event{Time: 7, Source: "s", Data: data}, rule)
	}
	if id("a", "r", identified{true}) != id("b", "r", identified{true}) {
		t.Error("an audit event is another one on another machine")
	}
	if id("a", "r", identified{}) == id("b", "r", identified{}) {
		t.Error("a system call is the same one on another machine")
	}
	if id("a", "r", identified{}) == id("a", "q", identified{}) {
		t.Error("two rules share an ID")
	}
}
