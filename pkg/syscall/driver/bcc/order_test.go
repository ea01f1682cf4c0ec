//go:build bcc

package bcc

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestOrder(t *testing.T) {
	var o order
	add := func(times ...uint64) {
		for _, at := range times {
			o.add(binary.LittleEndian.AppendUint64(o.buffer()[:0], at), int(at%4))
		}
	}
	take := func() (out []uint64) {
		for {
			raw, cpu, ok := o.next()
			if !ok {
				return out
			}
			at := binary.LittleEndian.Uint64(raw)
			if cpu != int(at%4) {
				t.Errorf("the record of %d comes from CPU %d", at, cpu)
			}
			out = append(out, at)
		}
	}
	for _, round := range []struct {
		add   []uint64
		until time.Duration
		want  []uint64
	}{
		{add: []uint64{10, 30, 20, 5}, until: 25, want: []uint64{5, 10, 20}},
		{add: []uint64{27, 26}, until: 26, want: nil},
		{add: nil, until: 31, want: []uint64{26, 27, 30}},
		{add: []uint64{40}, until: 100, want: []uint64{40}},
		{add: nil, until: 200, want: nil},
	} {
		add(round.add...)
		o.release(round.until)
		if diff := cmp.Diff(round.want, take()); diff != "" {
			t.Errorf("until %d (-want +got):\n%s", round.until, diff)
		}
	}
	if o.epoch < 0 || time.Since(time.Unix(0, int64(o.epoch+monotonic()))).Abs() > time.Minute {
		t.Errorf("a record of now gets the time %v", time.Unix(0, int64(o.epoch+monotonic())))
	}
}

func TestSumMissed(t *testing.T) {
	const profile = `  r___x64_sys_openat_bcc_42                     1000               3
  p___x64_sys_openat_bcc_42                     1000               0
  r___x64_sys_connect_bcc_42                       7               2
  r___x64_sys_connect_bcc_142                      7              99
  broken line_bcc_42
`
	if got := sumMissed([]byte(profile), "_bcc_42"); got != 5 {
		t.Errorf("%d are missed, want 5", got)
	}
}
