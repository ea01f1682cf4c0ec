package field

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/event"
)

type pluginData struct{ async string }

func (pluginData) PluginName() string  { return "k8saudit" }
func (pluginData) PluginInfo() string  { return "info" }
func (p pluginData) AsyncType() string { return p.async }

// TestGeneric extracts every generic field from one event with, and one without, the optional interfaces.
func TestGeneric(t *testing.T) {
	local := time.Local
	time.Local = time.FixedZone("test", 2*3600)
	defer func() { time.Local = local }()

	start := time.Date(2024, 2, 29, 22, 59, 58, 999_999_999, time.UTC).UnixNano()
	at := time.Date(2024, 2, 29, 23, 0, 3, 1_000, time.UTC).UnixNano()
	cases := []struct {
		name string
		e    event.Event
		want map[string]any
	}{
		{"plugin", event.Event{Num: 7, Time: at, Start: start, Source: event.SourceK8sAudit, Data: pluginData{}}, map[string]any{
			"evt.num":          uint64(7),
			"evt.time":         "01:00:03.000001000",
			"evt.time.s":       "01:00:03",
			"evt.time.iso8601": "2024-02-29T23:00:03.000001000+0000",
			"evt.datetime":     "2024-03-01 01:00:03.000001000",
			"evt.datetime.s":   "2024-03-01 01:00:03",
			"evt.rawtime":      uint64(at),
			"evt.rawtime.s":    uint64(at / 1e9),
			"evt.rawtime.ns":   uint64(1_000),
			"evt.reltime":      uint64(4_000_001_001),
			"evt.reltime.s":    uint64(4),
			"evt.reltime.ns":   uint64(1_001),
			"evt.pluginname":   "k8saudit",
			"evt.plugininfo":   "info",
			"evt.source":       "k8s_audit",
			"evt.is_async":     uint64(0),
			"evt.hostname":     "node-1",
		}},
		{"older than the first, asynchronous", event.Event{Num: 1, Time: start, Start: at, Source: event.SourceSyscall, Data: pluginData{"container"}}, map[string]any{
			"evt.num":          uint64(1),
			"evt.time":         "00:59:58.999999999",
			"evt.time.s":       "00:59:58",
			"evt.time.iso8601": "2024-02-29T22:59:58.999999999+0000",
			"evt.datetime":     "2024-03-01 00:59:58.999999999",
			"evt.datetime.s":   "2024-03-01 00:59:58",
			"evt.rawtime":      uint64(start),
			"evt.rawtime.s":    uint64(start / 1e9),
			"evt.rawtime.ns":   uint64(999_999_999),
			"evt.reltime":      uint64(0),
			"evt.reltime.s":    uint64(0),
			"evt.reltime.ns":   uint64(0),
			"evt.pluginname":   "k8saudit",
			"evt.plugininfo":   "info",
			"evt.source":       "syscall",
			"evt.is_async":     uint64(1),
			"evt.asynctype":    "container",
			"evt.hostname":     "node-1",
		}},
		{"no data", event.Event{Source: event.SourceSyscall}, map[string]any{
			"evt.num":          uint64(0),
			"evt.time":         "02:00:00.000000000",
			"evt.time.s":       "02:00:00",
			"evt.time.iso8601": "1970-01-01T00:00:00.000000000+0000",
			"evt.datetime":     "1970-01-01 02:00:00.000000000",
			"evt.datetime.s":   "1970-01-01 02:00:00",
			"evt.rawtime":      uint64(0),
			"evt.rawtime.s":    uint64(0),
			"evt.rawtime.ns":   uint64(0),
			"evt.reltime":      uint64(0),
			"evt.reltime.s":    uint64(0),
			"evt.reltime.ns":   uint64(0),
			"evt.source":       "syscall",
			"evt.is_async":     uint64(0),
			"evt.hostname":     "node-1",
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := map[string]any{}
			for _, f := range Generic("node-1") {
				var v event.Value
				if !f.Extract(&c.e, &Arg{}, &v) {
					continue
				}
				if f.Type.Class() == event.ClassString {
					got[f.Name] = v.Text
				} else {
					got[f.Name] = v.Num
				}
				if f.Help == "" {
					t.Errorf("%s has no help", f.Name)
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("fields differ (-want +got):\n%s", d)
			}
		})
	}
}
