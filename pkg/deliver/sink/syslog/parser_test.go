package syslog_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// parsed is a message of RFC 5424 taken apart, by the grammar of its section 6 alone.
type parsed struct {
	facility, severity           int
	time                         time.Time
	hostname, app, process, kind string
	id                           string
	parameters                   map[string]string
	message                      string
}

var header = regexp.MustCompile(`^<(0|[1-9][0-9]{0,2})>([1-9][0-9]{0,2}) ([0-9T:.Z+-]{1,32}) ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) \[([!-~]{1,32})`)

// parse takes a message apart.
func parse(text string) (p parsed, err error) {
	m := header.FindStringSubmatch(text)
	if m == nil || m[2] != "1" {
		return p, fmt.Errorf("header of %q", text)
	}
	code, err := strconv.Atoi(m[1])
	if err != nil || code > 191 {
		return p, fmt.Errorf("priority of %q", text)
	}
	p.facility, p.severity = code/8, code%8
	if p.time, err = time.Parse("2006-01-02T15:04:05.999999Z07:00", m[3]); err != nil {
		return p, err
	}
	p.hostname, p.app, p.process, p.kind, p.id = m[4], m[5], m[6], m[7], m[8]
	rest := text[len(m[0]):]
	p.parameters = map[string]string{}
	for strings.HasPrefix(rest, " ") {
		name, after, ok := strings.Cut(rest[1:], `="`)
		if !ok || name == "" || strings.ContainsAny(name, "= ]\"") {
			return p, fmt.Errorf("parameter name in %q", rest)
		}
		value, end := "", -1
		for i := 0; i < len(after) && end < 0; i++ {
			switch c := after[i]; c {
			case '"':
				end = i
			case ']':
				return p, fmt.Errorf("bare ] in %q", after)
			case '\\':
				if i++; i < len(after) && !strings.ContainsRune(`"\]`, rune(after[i])) {
					value += `\`
				}
				value += after[i : i+1]
			default:
				value += after[i : i+1]
			}
		}
		if end < 0 || !utf8.ValidString(value) {
			return p, fmt.Errorf("value of %s in %q", name, text)
		}
		p.parameters[name], rest = value, after[end+1:]
	}
	message, ok := strings.CutPrefix(rest, "] ")
	if !ok || !utf8.ValidString(message) {
		return p, fmt.Errorf("end of the structured data in %q", text)
	}
	p.message = message
	return p, nil
}

// frames takes octet-counted messages apart (RFC 6587, section 3.4.1) and gives what is left.
func frames(stream string) (messages []string, rest string) {
	for {
		digits, after, ok := strings.Cut(stream, " ")
		if !ok {
			return messages, stream
		}
		n, err := strconv.Atoi(digits)
		if err != nil || n <= 0 || strings.HasPrefix(digits, "0") {
			return append(messages, "BAD FRAME: "+stream), ""
		}
		if len(after) < n {
			return messages, stream
		}
		messages, stream = append(messages, after[:n]), after[n:]
	}
}
