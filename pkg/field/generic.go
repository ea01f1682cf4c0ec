package field

import (
	"time"

	"github.com/saker-security/saker/pkg/event"
)

// Plugin is implemented by the Data of events of a source that Falco takes from a plugin. Without it evt.pluginname
// and evt.plugininfo have no value.
type Plugin interface {
	// PluginName is the name of the plugin in Falco, such as k8saudit.
	PluginName() string
	// PluginInfo is one line of text about the event.
	PluginInfo() string
}

// Async is implemented by the Data of events that can be asynchronous, which are events that the source made itself,
// such as the news of a container. AsyncType is the name of the kind, empty for an ordinary event.
type Async interface {
	AsyncType() string
}

// Generic gives the evt fields that the events of every source have. hostname is what evt.hostname answers. A source
// puts them first into its catalogue.
func Generic(hostname string) []Field {
	return []Field{
		{Name: "evt.num", Type: event.TypeUint64, Help: "Number of the event in its source, from 1.",
			Extract: number(func(e *event.Event) uint64 { return e.Num })},
		{Name: "evt.time", Type: event.TypeString, Epoch: true, Help: "Local time of day of the event, with nanoseconds.",
			Extract: clock("15:04:05.000000000", false)},
		{Name: "evt.time.s", Type: event.TypeString, Epoch: true, Help: "Local time of day of the event, in seconds.",
			Extract: clock("15:04:05", false)},
		{Name: "evt.time.iso8601", Type: event.TypeString, Epoch: true, Help: "Date and time of the event in UTC as ISO 8601, with nanoseconds.",
			Extract: clock("2006-01-02T15:04:05.000000000-0700", true)},
		{Name: "evt.datetime", Type: event.TypeString, Epoch: true, Help: "Local date and time of the event, with nanoseconds.",
			Extract: clock("2006-01-02 15:04:05.000000000", false)},
		{Name: "evt.datetime.s", Type: event.TypeString, Epoch: true, Help: "Local date and time of the event, in seconds.",
			Extract: clock("2006-01-02 15:04:05", false)},
		{Name: "evt.rawtime", Type: event.TypeAbsTime, Help: "Time of the event in nanoseconds since 1970.",
			Extract: number(func(e *event.Event) uint64 { return uint64(e.Time) })},
		{Name: "evt.rawtime.s", Type: event.TypeAbsTime, Help: "Time of the event in whole seconds since 1970.",
			Extract: number(func(e *event.Event) uint64 { return uint64(e.Time / nanosPerSecond) })},
		{Name: "evt.rawtime.ns", Type: event.TypeAbsTime, Print: Padded9, Help: "Nanoseconds of the event within its second.",
			Extract: number(func(e *event.Event) uint64 { return uint64(e.Time % nanosPerSecond) })},
		{Name: "evt.reltime", Type: event.TypeRelTime, Help: "Nanoseconds from the first event of the source to this one.",
			Extract: number(func(e *event.Event) uint64 { return sinceStart(e) })},
		{Name: "evt.reltime.s", Type: event.TypeRelTime, Help: "Whole seconds from the first event of the source to this one.",
			Extract: number(func(e *event.Event) uint64 { return sinceStart(e) / uint64(nanosPerSecond) })},
		{Name: "evt.reltime.ns", Type: event.TypeRelTime, Print: Padded9, Help: "Nanoseconds of evt.reltime beyond its whole seconds.",
			Extract: number(func(e *event.Event) uint64 { return sinceStart(e) % uint64(nanosPerSecond) })},
		{Name: "evt.pluginname", Type: event.TypeString, Help: "Name of the plugin that makes such events in Falco; none for system calls.",
			Extract: func(e *event.Event, _ *Arg, v *event.Value) bool {
				p, ok := e.Data.(Plugin)
				if ok {
					v.Text = p.PluginName()
				}
				return ok
			}},
		{Name: "evt.plugininfo", Type: event.TypeString, Help: "The event in one line of text; none for system calls.",
			Extract: func(e *event.Event, _ *Arg, v *event.Value) bool {
				p, ok := e.Data.(Plugin)
				if ok {
					v.Text = p.PluginInfo()
				}
				return ok
			}},
		{Name: "evt.source", Type: event.TypeString, Help: "Name of the source of the event, such as syscall or k8s_audit.",
			Extract: func(e *event.Event, _ *Arg, v *event.Value) bool {
				v.Text = e.Source
				return true
			}},
		{Name: "evt.is_async", Type: event.TypeBool, Help: "Whether the source made the event itself instead of observing it.",
			Extract: func(e *event.Event, _ *Arg, v *event.Value) bool {
				v.SetBool(asyncType(e) != "")
				return true
			}},
		{Name: "evt.asynctype", Type: event.TypeString, Help: "Kind of an event that the source made itself, such as container.",
			Extract: func(e *event.Event, _ *Arg, v *event.Value) bool {
				v.Text = asyncType(e)
				return v.Text != ""
			}},
		{Name: "evt.hostname", Type: event.TypeString, Help: "Name of the host, or what the environment variable FALCO_HOSTNAME says.",
			Extract: func(_ *event.Event, _ *Arg, v *event.Value) bool {
				v.Text = hostname
				return true
			}},
	}
}

const nanosPerSecond = int64(time.Second)

func number(get func(*event.Event) uint64) Extractor {
	return func(e *event.Event, _ *Arg, v *event.Value) bool {
		v.Num = get(e)
		return true
	}
}

func clock(layout string, utc bool) Extractor {
	return func(e *event.Event, _ *Arg, v *event.Value) bool {
		t := time.Unix(0, e.Time)
		if utc {
			t = t.UTC()
		}
		v.Text = t.Format(layout)
		return true
	}
}

// sinceStart is 0 for an event that is older than the first one that came in, as happens when several senders deliver
// batches: a huge unsigned number would be wrong for every rule.
func sinceStart(e *event.Event) uint64 { return uint64(max(e.Time-e.Start, 0)) }

func asyncType(e *event.Event) string {
	if a, ok := e.Data.(Async); ok {
		return a.AsyncType()
	}
	return ""
}
