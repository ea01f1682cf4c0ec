package config

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/saker-security/saker/pkg/deliver/queue"
	"github.com/saker-security/saker/pkg/deliver/secret"
	"github.com/saker-security/saker/pkg/rule"
)

// form is how values of one type are written.
type form[T any] struct {
	// what tells what may be written, behind the word write.
	what string
	// read gives errForm for what is not written like that, and an error of its own where more is to be said.
	read func(v *value) (T, error)
	// show gives the value as YAML and JSON have it.
	show func(T) any
	// schema describes the form in the words of JSON schema.
	schema schema
}

// errForm is the error of a value of another form; the message about it is made where the key is known.
var errForm = errors.New("another form")

// single makes the form of scalars.
func single[T any](what string, parse func(string) (T, bool), show func(T) any, s schema) form[T] {
	read := func(v *value) (out T, err error) {
		if v.list != nil || v.keys != nil {
			return out, errForm
		}
		out, ok := parse(v.scalar)
		if !ok {
			return out, errForm
		}
		return out, nil
	}
	return form[T]{what, read, show, s}
}

func itself[T any](x T) any { return x }

// booleans are the truth values of YAML 1.1, which Falco's configuration files use.
var booleans = map[string]bool{
	"true": true, "yes": true, "on": true, "y": true,
	"false": false, "no": false, "off": false, "n": false,
}

var boolean = single("true or false", func(s string) (bool, bool) {
	b, ok := booleans[strings.ToLower(s)]
	return b, ok
}, itself, refer("boolean"))

func integer(least, most int) form[int] {
	what := fmt.Sprintf("a whole number from %d to %d", least, most)
	if most == math.MaxInt32 {
		what = fmt.Sprintf("a whole number, %d or more", least)
	}
	return single(what, func(s string) (int, bool) {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		return n, err == nil && n >= least && n <= most
	}, itself, schema{"anyOf": []any{schema{"type": "integer", "minimum": least, "maximum": most}, refer("variable")}})
}

func number(least, most float64) form[float64] {
	what := fmt.Sprintf("a number from %g to %g", least, most)
	if most >= maxInt {
		what = fmt.Sprintf("a number, %g or more", least)
	}
	return single(what, func(s string) (float64, bool) {
		n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
		return n, err == nil && n >= least && n <= most // not for NaN
	}, itself, schema{"anyOf": []any{schema{"type": "number", "minimum": least, "maximum": most}, refer("variable")}})
}

var size = single("a number of bytes such as 65536, 64KiB, 10MB or 1GiB", parseSize, func(n int64) any { return formatSize(n) }, refer("size"))

// sizeFrom is a size of at least so much.
func sizeFrom(least int64) form[int64] {
	f := size
	f.schema = unless(f.schema, schema{"type": "integer", "maximum": least - 1},
		matching(`^\s*0*(`+fewDigits(least)+`\s*[Bb]?|`+fewDigits(least>>10)+`\s*[Kk][Ii]?[Bb]?)\s*$`))
	f.what += ", " + formatSize(least) + " at least"
	f.read = func(v *value) (int64, error) {
		n, err := size.read(v)
		if err == nil && n < least {
			err = errForm
		}
		return n, err
	}
	return f
}

// port is a TCP port, 0 for one that is free.
var port = integer(0, 65535)

var duration = single("a time such as 500ms, 30s, 1h30m or 7d (0 for none)", func(s string) (time.Duration, bool) {
	return parseDuration(s, 0)
}, func(d time.Duration) any { return formatDuration(d) }, refer("duration"))

// interval is a duration as Falco writes it: a number alone counts milliseconds.
func interval(least time.Duration) form[time.Duration] {
	what := fmt.Sprintf("a time such as 1h, 1h30m10s500ms, or a number of milliseconds, %s at least", formatDuration(least))
	return single(what, func(s string) (time.Duration, bool) {
		d, ok := parseDuration(s, time.Millisecond)
		return d, ok && d >= least
	}, func(d time.Duration) any { return formatDuration(d) }, unless(refer("interval"),
		schema{"type": "integer", "maximum": least.Milliseconds() - 1}, matching(`^\s*0*`+fewDigits(least.Milliseconds())+`\s*(ms)?\s*$`)))
}

var text = single("text", func(s string) (string, bool) { return s, true }, itself, refer("text"))

func choice(names ...string) form[string] {
	return single("one of "+strings.Join(names, ", "), func(s string) (string, bool) {
		i := slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(n, s) })
		if i < 0 {
			return "", false
		}
		return names[i], true
	}, itself, named(names, true))
}

var address = single("an IP address such as 127.0.0.1, 0.0.0.0 or ::1", func(s string) (string, bool) {
	_, err := netip.ParseAddr(s)
	return s, err == nil
}, itself, refer("address"))

var hostPort = single("an address and a port, such as 127.0.0.1:9765, :9765 or [::1]:9765", func(s string) (string, bool) {
	_, p, ok := cutPort(s)
	n, err := strconv.ParseUint(p, 10, 16)
	return s, ok && err == nil && n <= 65535
}, itself, refer("host_port"))

// cutPort splits host:port at the last colon; an IPv6 address must be in brackets.
func cutPort(s string) (host, port string, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 || strings.ContainsAny(s, " \t/") {
		return "", "", false
	}
	host = s[:i]
	if strings.Contains(host, ":") && (!strings.HasPrefix(host, "[") || !strings.HasSuffix(host, "]")) {
		return "", "", false
	}
	return host, s[i+1:], true
}

var urlPath = single("a path that begins with /, such as /healthz", func(s string) (string, bool) {
	return s, strings.HasPrefix(s, "/") && !strings.ContainsAny(s, "?#* {}\t\r\n")
}, itself, refer("url_path"))

// texts is a list of texts; one text alone is a list of one.
var texts = form[[]string]{"a list of texts, or one text", func(v *value) ([]string, error) {
	items := v.list
	if items == nil {
		items = []*value{v}
	}
	var out []string
	for _, item := range items {
		if item.list != nil || item.keys != nil || !item.isSet {
			return nil, errForm
		}
		out = append(out, item.scalar)
	}
	return out, nil
}, func(list []string) any { return append([]string{}, list...) }, refer("texts")}

// several is a list of names of those that there are.
func several(names ...string) form[[]string] {
	f := texts
	f.what = "a list of " + strings.Join(names, ", ")
	f.schema = either(named(names, false), list(named(names, false)))
	f.read = func(v *value) ([]string, error) {
		list, err := texts.read(v)
		for _, name := range list {
			if !slices.Contains(names, name) {
				return nil, errForm
			}
		}
		return list, err
	}
	return f
}

var priority = single("one of "+strings.ToLower(strings.Join(rule.PriorityNames(), ", ")), func(s string) (rule.Priority, bool) {
	p, err := rule.ParsePriority(s)
	return p, err == nil
}, func(p rule.Priority) any { return strings.ToLower(p.String()) }, refer("priority"))

var policy = single("one of "+strings.Join(queue.PolicyNames(), ", "), func(s string) (queue.Policy, bool) {
	p, err := queue.ParsePolicy(s)
	return p, err == nil
}, func(p queue.Policy) any { return p.String() }, schema{"anyOf": []any{schema{"enum": queue.PolicyNames()}, refer("variable")}})

// isPlain tells whether a URL is one without TLS.
func isPlain(s string) bool { return strings.HasPrefix(strings.ToLower(s), "http://") }

// webURL is the address of a web server; it may have a password in it. With file:PATH it stands in a file.
var webURL = addressForm(single("an address that begins with http:// or https:// and names a host, or file:PATH of a file that holds one", func(s string) (secret.Text, bool) {
	if strings.HasPrefix(s, "file:") || s == "" {
		return secret.New(s), true
	}
	u, err := url.Parse(s)
	return secret.New(s), err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}, func(t secret.Text) any { return t.String() }, refer("web_address")))

// addressForm makes the form of an address that says what is odd in it without showing it.
func addressForm(f form[secret.Text]) form[secret.Text] {
	read := f.read
	f.read = func(v *value) (secret.Text, error) {
		if !strings.HasPrefix(v.scalar, "file:") && strings.ContainsFunc(v.scalar, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
			return secret.Text{}, errors.New("there is a blank or a control character in the address; write %20 for a blank that belongs there")
		}
		return read(v)
	}
	return f
}

// headers are names with values that may be secret.
var headers = form[map[string]secret.Text]{"a mapping of header names to values, such as {Authorization: \"file:/run/secrets/token\"}", func(v *value) (map[string]secret.Text, error) {
	if v.keys == nil {
		return nil, errForm
	}
	out := map[string]secret.Text{}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(v.keys)) {
		item := v.keys[name]
		if item.list != nil || item.keys != nil || !isHeader(name) {
			errs = append(errs, &finding{item.key, fmt.Sprintf("key http_output.headers: %s is no header with one value; a name has letters, digits and any of !#$%%&'*+-.^_`|~", shown(name))})
		} else if strings.ContainsAny(item.scalar, "\r\n\x00") {
			errs = append(errs, &finding{item.origin, fmt.Sprintf("key http_output.headers: the value of %s has a line break or a zero byte in it", name)})
		}
		out[name] = secret.New(item.scalar)
	}
	return out, errors.Join(errs...)
}, func(m map[string]secret.Text) any {
	out := map[string]any{}
	for name, t := range m {
		out[name] = t.String()
	}
	return out
}, schema{"type": "object", "propertyNames": matching("^[0-9A-Za-z!#$%&'*+.^_`|~-]+$"), "additionalProperties": refer("text")}}

// isHeader tells whether a name can be that of an HTTP header (RFC 9110, section 5.6.2).
func isHeader(name string) bool {
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte("()<>@,;:\\\"/[]?={}", c) >= 0 {
			return false
		}
	}
	return name != ""
}
