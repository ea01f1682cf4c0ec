package alert

import (
	"strconv"
	"time"

	"github.com/saker-security/saker/pkg/format"
)

// Options choose what an alert line looks like. The members are Falco's settings; DefaultOptions gives Falco's
// defaults.
type Options struct {
	// Output, Message, Fields and Tags are json_include_output_property, json_include_message_property,
	// json_include_output_fields_property and json_include_tags_property: the optional keys of a JSON line.
	Output, Message, Fields, Tags bool
	// ID adds the key id, which Falco does not have.
	ID bool
	// ISO8601 is time_format_iso_8601: the time of a text line is in UTC with its date, instead of the local time of
	// day.
	ISO8601 bool
	// Location is the time zone of local times; nil is that of the machine.
	Location *time.Location
}

// DefaultOptions gives what Falco does without settings.
func DefaultOptions() Options { return Options{Output: true, Fields: true, Tags: true} }

// Names of the field that every JSON line has beside those of the output.
const (
	timeField    = "evt.time"
	timeFieldISO = "evt.time.iso8601"
)

// AppendText appends the alert as a line of text, TIME: PRIORITY MESSAGE, without a line break. It is escaped as the
// inside of a JSON string, as Falco after 0.44 does, so that no value can break or forge a line.
func (a *Alert) AppendText(dst []byte, o Options) []byte {
	if a.internal() {
		o.ISO8601 = false
	}
	dst = a.appendPrefix(dst, o)
	dst = format.AppendEscaped(dst, a.Message)
	if a.internal() {
		dst = a.appendDetails(dst)
	}
	return dst
}

// appendPrefix appends time and priority as they stand before the message.
func (a *Alert) appendPrefix(dst []byte, o Options) []byte {
	if o.ISO8601 {
		dst = a.appendTime(dst, time.UTC, "2006-01-02T15:04:05.000000000+0000")
	} else {
		location := o.Location
		if location == nil {
			location = time.Local
		}
		dst = a.appendTime(dst, location, "15:04:05.000000000")
	}
	dst = append(dst, ": "...)
	dst = append(dst, a.Priority.String()...)
	return append(dst, ' ')
}

func (a *Alert) appendTime(dst []byte, location *time.Location, layout string) []byte {
	return time.Unix(0, a.Time).In(location).AppendFormat(dst, layout)
}

// AppendJSON appends the alert as a JSON object on one line, without a line break, keys in alphabetical order.
func (a *Alert) AppendJSON(dst []byte, o Options) []byte {
	if a.internal() {
		o.Message, o.Tags = false, false
	}
	dst = append(dst, `{"hostname":`...)
	dst = format.AppendString(dst, a.Hostname)
	if o.ID {
		dst = append(dst, `,"id":`...)
		dst = format.AppendString(dst, a.ID)
	}
	if o.Message {
		dst = append(dst, `,"message":`...)
		dst = format.AppendString(dst, a.Message)
	}
	if o.Output {
		dst = append(dst, `,"output":"`...)
		if a.internal() {
			dst = format.AppendEscaped(dst, a.Message)
		} else {
			dst = a.AppendText(dst, o)
		}
		dst = append(dst, '"')
	}
	if o.Fields {
		dst = append(dst, `,"output_fields":`...)
		dst = a.appendFields(dst, o)
	}
	dst = append(dst, `,"priority":"`...)
	dst = append(dst, a.Priority.String()...)
	dst = append(dst, `","rule":`...)
	dst = format.AppendString(dst, a.Rule)
	dst = append(dst, `,"source":`...)
	dst = format.AppendString(dst, a.Source)
	if o.Tags {
		dst = append(dst, `,"tags":`...)
		dst = a.appendTags(dst)
	}
	dst = append(dst, `,"time":"`...)
	dst = a.appendTime(dst, time.UTC, "2006-01-02T15:04:05.000000000Z")
	return append(dst, `"}`...)
}

func (a *Alert) appendTags(dst []byte) []byte {
	dst = append(dst, '[')
	for i, t := range a.Tags {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = format.AppendString(dst, t)
	}
	return append(dst, ']')
}

// appendFields appends the fields with the time of the event among them, in the order of their names. What the program
// says about itself has only its own.
func (a *Alert) appendFields(dst []byte, o Options) []byte {
	name := timeField
	if o.ISO8601 {
		name = timeFieldISO
	}
	dst = append(dst, '{')
	empty, timed := true, a.internal()
	key := func(name string) {
		if !empty {
			dst = append(dst, ',')
		}
		empty = false
		dst = format.AppendString(dst, name)
		dst = append(dst, ':')
	}
	for _, f := range a.Fields {
		if !timed && f.Name > name {
			key(name)
			dst = strconv.AppendInt(dst, a.Time, 10)
			timed = true
		}
		timed = timed || f.Name == name
		key(f.Name)
		dst = append(dst, f.JSON...)
	}
	if !timed {
		key(name)
		dst = strconv.AppendInt(dst, a.Time, 10)
	}
	return append(dst, '}')
}
