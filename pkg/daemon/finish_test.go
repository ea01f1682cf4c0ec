package daemon

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/deliver"
)

func TestLeftOf(t *testing.T) {
	got := leftOf([]deliver.Count{
		{Sink: "fine", Matched: 5, Delivered: 3, Suppressed: map[string]uint64{"repeated": 2, "below_priority": 0}, Dropped: map[string]uint64{"expired": 0}},
		{Sink: "down", Queued: 2, Failing: "refused", Dropped: map[string]uint64{"queue_full": 4, "expired": 1}},
		{Sink: "torn", Queued: 5, Dropped: map[string]uint64{"unwritten": 6}},
	})
	want := leftovers{
		kept: []string{"2 for down (refused)", "5 for torn"}, lost: []string{"6 for torn"},
		dropped:  []string{"1 for down (expired)", "4 for down (queue_full)"},
		repeated: []string{"2 for fine"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(leftovers{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if err := got.error(); err == nil || err.Error() != "alerts were lost: 6 for torn" {
		t.Errorf("error %v", err)
	}
	if err := (leftovers{kept: want.kept, dropped: want.dropped}).error(); err != nil {
		t.Errorf("what is kept, or was dropped as configured, is no error: %v", err)
	}
}
