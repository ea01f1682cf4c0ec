package http

import (
	"errors"
	"fmt"
	nethttp "net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/saker-security/saker/pkg/deliver"
)

// answer is what a server answered.
type answer struct {
	status int
	header nethttp.Header
	body   []byte // the first maxAnswer bytes of it
	now    time.Time
}

// isRedirect tells that the answer has the client post elsewhere.
func (a *answer) isRedirect() bool {
	switch a.status {
	case nethttp.StatusMovedPermanently, nethttp.StatusFound, nethttp.StatusTemporaryRedirect, nethttp.StatusPermanentRedirect:
		return true
	}
	return false
}

// location gives where a redirect leads to from an address. Its errors do not hold the location, which may have in it
// what is secret in the address.
func (a *answer) location(from *url.URL) (*url.URL, error) {
	location := a.header.Get("Location")
	if location == "" {
		return nil, errors.New("it has no Location")
	}
	to, err := from.Parse(location)
	switch {
	case err != nil:
		return nil, errors.New("its Location is no valid address")
	case to.Scheme != "http" && to.Scheme != "https" || to.Host == "" || to.Opaque != "":
		return nil, errors.New("its Location is no address of a web server")
	case from.Scheme == "https" && to.Scheme == "http":
		return nil, fmt.Errorf("it leads from https to %s, where alerts could be read on their way", origin(to))
	}
	to.User, to.Fragment, to.RawFragment = nil, "", ""
	return to, nil
}

// outcome tells what becomes of the alerts; the table is in the package comment.
func (a *answer) outcome(from string, hide *redactor) error {
	if a.status >= 200 && a.status < 300 {
		return nil
	}
	text := fmt.Sprintf("%s answered %d", from, a.status)
	if name := nethttp.StatusText(a.status); name != "" {
		text += " " + name
	}
	if a.status >= 300 && a.status < 400 {
		text += a.redirectText()
	}
	// deliver.ErrorText cuts the text when it is shown. Secrets are hidden here, before that, so that no half of one is left.
	if body := strings.TrimSpace(hide.text(string(a.body))); body != "" {
		text += ": " + body
	}
	return a.failed(errors.New(text))
}

// redirectText tells where a redirect that is not followed leads to.
func (a *answer) redirectText() string {
	to, err := url.Parse(a.header.Get("Location"))
	if err != nil || to.Host == "" {
		return ", which is not followed"
	}
	return " (to " + origin(to) + "), which is not followed"
}

// failed gives the error as one that says when, if ever, the alerts shall be sent again.
func (a *answer) failed(err error) error {
	if a.isRefusal() {
		return &deliver.Refused{Err: err}
	}
	if after := retryAfter(a.header, a.now); after > 0 {
		return &deliver.Later{Err: err, After: after}
	}
	return err
}

// isRefusal tells that the server will never take these alerts.
func (a *answer) isRefusal() bool {
	switch a.status {
	case nethttp.StatusRequestTimeout, nethttp.StatusTooEarly, nethttp.StatusTooManyRequests:
		return false
	case nethttp.StatusUnauthorized, nethttp.StatusPaymentRequired, nethttp.StatusForbidden, nethttp.StatusNotFound,
		nethttp.StatusMethodNotAllowed, nethttp.StatusProxyAuthRequired, nethttp.StatusGone, nethttp.StatusMisdirectedRequest,
		nethttp.StatusUpgradeRequired:
		return false
	}
	return a.status >= 400 && a.status < 500
}

// maxRetryAfter is the longest pause that a server may ask for.
const maxRetryAfter = time.Hour

// retryAfter reads the header Retry-After (RFC 9110, section 10.2.3): seconds, also with decimals, which some servers
// send, or a date, which counts from the server's own time if it tells it. It gives 0 for none.
func retryAfter(header nethttp.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if value == "" {
		return 0
	}
	if strings.Trim(value, "0123456789.") == "" {
		seconds, err := strconv.ParseFloat(value, 64)
		switch {
		case errors.Is(err, strconv.ErrRange) || err == nil && seconds >= maxRetryAfter.Seconds():
			return maxRetryAfter
		case err != nil:
			return 0
		}
		return time.Duration(seconds * float64(time.Second))
	}
	at, err := nethttp.ParseTime(value)
	if err != nil {
		return 0
	}
	if date, err := nethttp.ParseTime(header.Get("Date")); err == nil {
		now = date
	}
	return max(0, min(at.Sub(now), maxRetryAfter))
}
