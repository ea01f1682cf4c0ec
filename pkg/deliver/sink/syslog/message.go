package syslog

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver/sink/lines"
)

// facilities are the names of syslog.conf(5), in the order of their codes; those without a name are not used.
var facilities = []string{
	"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
	"", "", "", "", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
}

// Facility gives the code of a facility, from 0 to 23.
func Facility(name string) (int, error) {
	if name == "security" { // the old name of auth
		name = "auth"
	}
	if i := slices.Index(facilities, name); i >= 0 && name != "" {
		return i, nil
	}
	names := slices.DeleteFunc(slices.Clone(facilities), func(n string) bool { return n == "" })
	return 0, fmt.Errorf("unknown syslog facility %q; one of %s", name, strings.Join(names, ", "))
}

// Lengths of the parts of a message in bytes: the first two are the limits of RFC 5424.
const (
	maxHostname = 255
	maxAppName  = 48
	// maxParameter bounds a value of the structured data, so that something of a datagram is left for the message.
	maxParameter = 256
	// maxUDP is the size of a datagram that every receiver should take (RFC 5426, section 3.2).
	maxUDP = 2048
)

// structured is the name of our structured data. 32473 is the enterprise number that RFC 5612 gives to whoever has
// none.
const structured = "saker@32473"

// writer makes messages. Not safe for concurrent use.
type writer struct {
	facility int
	app, pid string
	raw      []byte
}

func newWriter(facility int, app string) writer {
	return writer{facility: facility, app: token(app, maxAppName), pid: strconv.Itoa(os.Getpid())}
}

// token makes text fit where only visible ASCII characters are allowed.
func token(text string, limit int) string {
	clean := strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7F {
			return '_'
		}
		return r
	}, text)
	if clean == "" {
		return "-"
	}
	return clean[:min(len(clean), limit)]
}

// appendPriority appends the facility and the severity, which is the priority: both have syslog's order.
func (w *writer) appendPriority(dst []byte, a *alert.Alert) []byte {
	dst = append(dst, '<')
	dst = strconv.AppendInt(dst, int64(w.facility*8+min(int(a.Priority), int(alert.PriorityDebug))), 10)
	return append(dst, '>')
}

// appendLocal appends the message as syslog(3) sends it: local time, name, process, text.
func (w *writer) appendLocal(dst []byte, a *alert.Alert, text []byte) []byte {
	dst = w.appendPriority(dst, a)
	dst = time.Unix(0, a.Time).AppendFormat(dst, time.Stamp)
	dst = append(dst, ' ')
	dst = append(dst, w.app...)
	dst = append(dst, '[')
	dst = append(dst, w.pid...)
	dst = append(dst, "]: "...)
	return lines.AppendClean(dst, text)
}

// append5424 appends the message in the form of RFC 5424. The text is UTF-8 without the byte order mark that the RFC
// asks for, as other programs send it, because receivers would take it for a part of JSON.
func (w *writer) append5424(dst []byte, a *alert.Alert, text []byte) []byte {
	dst = w.appendPriority(dst, a)
	dst = append(dst, "1 "...)
	dst = time.Unix(0, a.Time).UTC().AppendFormat(dst, "2006-01-02T15:04:05.000000Z")
	for _, part := range []string{token(a.Hostname, maxHostname), w.app, w.pid, "alert"} {
		dst = append(dst, ' ')
		dst = append(dst, part...)
	}
	dst = append(dst, " ["+structured...)
	dst = w.appendParameter(dst, "id", a.ID)
	dst = w.appendParameter(dst, "rule", a.Rule)
	dst = w.appendParameter(dst, "source", a.Source)
	dst = append(dst, "] "...)
	return lines.AppendClean(dst, text)
}

// appendParameter appends a value of the structured data, in which a backslash protects three characters.
func (w *writer) appendParameter(dst []byte, name, value string) []byte {
	dst = append(dst, ' ')
	dst = append(dst, name...)
	dst = append(dst, `="`...)
	w.raw = lines.AppendClean(w.raw[:0], []byte(value))
	if len(w.raw) > maxParameter {
		w.raw = append(w.raw[:boundary(w.raw, maxParameter)], "..."...)
	}
	for _, c := range w.raw {
		if c == '"' || c == '\\' || c == ']' {
			dst = append(dst, '\\')
		}
		dst = append(dst, c)
	}
	return append(dst, '"')
}

// cut shortens a message to a size, with a mark that says so.
func cut(message []byte, size int) []byte {
	if len(message) <= size {
		return message
	}
	mark := fmt.Sprintf(" [cut from %d bytes]", len(message))
	return append(message[:boundary(message, size-len(mark))], mark...)
}

// boundary gives the greatest length up to n that does not split a character.
func boundary(text []byte, n int) int {
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return n
}
