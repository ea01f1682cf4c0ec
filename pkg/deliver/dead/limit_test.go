package dead

import (
	"strings"
	"testing"

	"github.com/saker-security/saker/pkg/alert"
)

// TestLimit: a smaller limit drops the oldest letters, at once and after a restart; a larger one takes more.
func TestLimit(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		s, err := Open(nil, dir, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"a", "b", "c", "d"} {
			if err := s.Add(Entry{ID: id, Alert: &alert.Alert{ID: id, Message: strings.Repeat("x", 1000)}}); err != nil {
				t.Fatal(err)
			}
		}
		s.Limit(s.Stats().Bytes - 1)
		if got := s.List(); len(got) != 3 || got[0].ID != "b" || s.Stats().Dropped != 1 {
			t.Errorf("%+v, %+v", got, s.Stats())
		}
		s.Limit(1 << 20)
		if err := s.Add(Entry{ID: "e", Alert: &alert.Alert{ID: "e"}}); err != nil || len(s.List()) != 4 {
			t.Errorf("%v, error %v", s.List(), err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s.Limit(1)
		if dir == "" {
			continue
		}
		if s, err = Open(nil, dir, 1<<20); err != nil {
			t.Fatal(err)
		}
		if got := s.List(); len(got) != 4 || got[0].ID != "b" {
			t.Errorf("after a restart: %+v", got)
		}
		s.Close()
	}
}
