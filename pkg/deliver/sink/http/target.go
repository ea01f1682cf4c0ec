package http

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	nethttp "net/http"
	"net/url"
	"slices"
	"strings"
)

// target is where to post to and with which secrets. It is immutable.
type target struct {
	revealed []string // what it was made of
	url      *url.URL // without user and password
	header   nethttp.Header
	hide     *redactor
}

// currentTarget gives the target; secrets that are in files are read anew. Its errors show no secret.
func (s *Sink) currentTarget() (*target, error) {
	address, err := s.settings.URL.Reveal()
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	revealed := []string{address}
	names := slices.Sorted(maps.Keys(s.settings.Headers))
	for _, name := range names {
		value, err := s.settings.Headers[name].Reveal()
		if err != nil {
			return nil, fmt.Errorf("header %q: %w", name, err)
		}
		revealed = append(revealed, value)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.target != nil && slices.Equal(s.target.revealed, revealed) {
		return s.target, nil
	}
	t, err := newTarget(names, revealed)
	if err != nil {
		return nil, err
	}
	s.target = t
	return t, nil
}

// newTarget checks what is revealed: the address, then the values of the headers.
func newTarget(names, revealed []string) (*target, error) {
	address, err := parseURL(revealed[0])
	if err != nil {
		return nil, err
	}
	t := &target{revealed: revealed, url: address, header: nethttp.Header{}, hide: newRedactor(address, revealed)}
	if user := address.User; user != nil {
		password, _ := user.Password()
		t.header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)))
		address.User = nil
	}
	given := map[string]bool{}
	for i, name := range names {
		canonical := nethttp.CanonicalHeaderKey(name)
		if err := checkHeader(canonical, revealed[i+1]); err != nil {
			return nil, fmt.Errorf("header %q: %w", name, err)
		}
		if given[canonical] {
			return nil, fmt.Errorf("header %q is set more than once, with other letters being capitals", name)
		}
		given[canonical] = true
		t.header.Set(canonical, revealed[i+1])
	}
	return t, nil
}

// parseURL reads the address to post to. Its errors do not hold it.
func parseURL(text string) (*url.URL, error) {
	const form = "url: %s; it must look like https://host/path (it is not shown, because it may hold a secret)"
	u, err := url.Parse(text)
	var host url.InvalidHostError
	var escape url.EscapeError
	switch {
	case text == "":
		return nil, errors.New("url: is needed, such as https://host/path")
	case errors.As(err, &host):
		return nil, fmt.Errorf(form, "has a character in its host that is not allowed there")
	case errors.As(err, &escape):
		return nil, fmt.Errorf(form, "has a % that is not followed by two hexadecimal digits")
	case err != nil:
		return nil, fmt.Errorf(form, "is no valid address")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf(form, "does not begin with http:// or https://")
	case u.Opaque != "" || u.Hostname() == "":
		return nil, fmt.Errorf(form, "has no host")
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

// origin gives scheme, host and port of an address: as much of it as may be shown.
func origin(u *url.URL) string {
	host := strings.ToLower(u.Host)
	switch u.Scheme {
	case "http":
		host = strings.TrimSuffix(host, ":80")
	case "https":
		host = strings.TrimSuffix(host, ":443")
	}
	return u.Scheme + "://" + host
}

// ownHeaders are set by the sink or belong to the connection.
var ownHeaders = []string{
	"Connection", "Content-Encoding", "Content-Length", "Expect", "Host", "Idempotency-Key", "Keep-Alive", "Proxy-Connection", "Te",
	"Trailer", "Transfer-Encoding", "Upgrade", "User-Agent",
}

// checkHeader tells why a header cannot be sent. Its errors do not hold the value.
func checkHeader(name, value string) error {
	const allowed = "!#$%&'*+-.^_`|~"
	for i := range len(name) {
		c := name[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && strings.IndexByte(allowed, c) < 0 {
			return errors.New("the name may only have letters, digits and " + allowed)
		}
	}
	switch {
	case name == "":
		return errors.New("the name is empty")
	case slices.Contains(ownHeaders, name):
		return errors.New("it is set by the sink itself")
	}
	if err := checkValue(value); err != nil {
		return fmt.Errorf("its value %w", err)
	}
	return nil
}

// checkValue tells why a text cannot be the value of a header.
func checkValue(value string) error {
	if i := strings.IndexFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }); i >= 0 {
		return fmt.Errorf("has a control character (0x%02x) at byte %d", value[i], i+1)
	}
	return nil
}
