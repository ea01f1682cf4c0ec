// Package http is the sink that posts alerts to a web server, as Falco's http_output does.
//
// A request holds one alert as it is written to the other sinks too, or a batch: lines (application/x-ndjson, or
// text/plain without json_output) or a JSON array. Its header Idempotency-Key is the alert's ID, for a batch a hash of
// the IDs: the same whenever the same alerts are sent again. What becomes of the alerts depends on the answer:
//
//	answer                                   | what it means for the alerts
//	2xx                                      | delivered, even if the rest of the answer never comes
//	408 425 429 5xx                          | the server cannot take them now: sent again, after Retry-After if it is given
//	3xx                                      | not followed (or no further): sent again, since it is the address that is wrong
//	401 402 403 404 405 407 410 421 426      | address, method or credentials are wrong, whatever the alert is: sent again, so
//	                                         | that a wrong token holds alerts back until it is mended and loses none
//	413 and every other 4xx                  | refused: a batch is halved, a single alert goes to the dead letters with the
//	                                         | first KiB of the answer
//	no answer (DNS, connection, TLS, time)   | sent again
//
// Retry-After is obeyed wherever alerts are sent again; it holds seconds or a date and counts for an hour at most. Of
// an answer's body 64 KiB are read; when there is more, or it does not come, the connection is given up.
//
// Redirects are followed only as far as FollowRedirects says: 301, 302, 307 and 308 by posting the same body again
// (303 asks for a GET, which would carry no alert), never from https to http; on another host or scheme neither the
// configured headers nor the password of the address are sent.
//
// Proxies are taken from the environment (HTTPS_PROXY, HTTP_PROXY, NO_PROXY). HTTP/1.1 is spoken.
package http

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/deliver/transport"
)

// Options are what the sink needs of the program.
type Options struct {
	// Render writes an alert as the other sinks write it; JSON tells that this is a JSON object.
	Render deliver.Render
	JSON   bool
	// ISO8601 writes the time in a template's .Output in UTC with its date (time_format_iso_8601).
	ISO8601 bool
	// Log gets the answers of servers with Settings.Echo, Warn what an operator should mend: a template that fails, TLS
	// files that cannot be used. Both may be nil, are called by several goroutines at once, and get texts fit to be seen.
	Log  func(text string)
	Warn func(error)
}

func (o *Options) warn(err error) { o.Warn(errors.New(deliver.ErrorText(err))) }

// Sink posts alerts. It is safe for concurrent use.
type Sink struct {
	settings  Settings
	options   Options
	template  *template // nil for alerts as Render writes them
	tls       *transport.Client
	proxy     func(*nethttp.Request) (*url.URL, error)
	fallbacks atomic.Uint64
	size      atomic.Int64 // of the last body, before it was packed

	answerTime time.Duration // as the constant; tests have less of it

	mu     sync.Mutex
	client *nethttp.Transport
	config *tls.Config // with which client was made
	target *target
}

var _ deliver.Sink = (*Sink)(nil)

// New makes the sink. Its errors say which setting is wrong and never show a secret.
func New(settings Settings, options Options) (*Sink, error) {
	if options.Log == nil {
		options.Log = func(string) {}
	}
	if options.Warn == nil {
		options.Warn = func(err error) { options.Log(err.Error()) }
	}
	s := &Sink{settings: settings, options: options, proxy: proxyFromEnvironment, answerTime: answerTime}
	if settings.FollowRedirects < 0 {
		return nil, fmt.Errorf("following %d redirects: a number of 0 or more is needed", settings.FollowRedirects)
	}
	if err := checkValue(settings.UserAgent); err != nil {
		return nil, fmt.Errorf("the user agent %w", err)
	}
	if _, err := s.currentTarget(); err != nil {
		return nil, err
	}
	var err error
	if settings.Template != "" {
		if s.template, err = parseTemplate(settings.Template); err != nil {
			return nil, err
		}
	}
	if s.tls, err = transport.NewClient(settings.TLS, options.warn); err != nil {
		return nil, err
	}
	return s, nil
}

// Fallbacks counts the alerts that were sent as Render writes them because the template failed.
func (s *Sink) Fallbacks() uint64 { return s.fallbacks.Load() }

// Close is part of deliver.Sink.
func (s *Sink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client != nil {
		s.client.CloseIdleConnections()
	}
	return nil
}

// Format is part of fmt.Formatter: nothing of the sink's inside is printed, since it holds secrets.
func (s *Sink) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "http sink") }

// Send is part of deliver.Sink.
func (s *Sink) Send(ctx context.Context, batch []*alert.Alert) error {
	to, err := s.currentTarget()
	if err != nil {
		return err
	}
	body, contentType := s.body(batch)
	header := nethttp.Header{
		"User-Agent":   {s.settings.UserAgent},
		"Content-Type": {contentType},
	}
	if s.settings.UserAgent == "" {
		header.Set("User-Agent", "saker")
	}
	if key := idempotencyKey(batch); key != "" {
		header.Set("Idempotency-Key", key)
	}
	if s.settings.Compress {
		body = pack(body)
		header.Set("Content-Encoding", "gzip")
	}
	return s.deliver(ctx, to, header, body)
}

// deliver posts the body and follows redirects as far as that is allowed.
func (s *Sink) deliver(ctx context.Context, to *target, header nethttp.Header, body []byte) error {
	address, secrets := to.url, to.header
	for left := s.settings.FollowRedirects; ; left-- {
		got, err := s.post(ctx, address, merge(header, secrets), body)
		if err != nil {
			return to.hide.failure(origin(address), err)
		}
		if s.settings.Echo && len(got.body) > 0 {
			s.options.Log(deliver.ErrorText(fmt.Errorf("%s answered %d: %s", origin(address), got.status, to.hide.text(string(got.body)))))
		}
		if !got.isRedirect() || s.settings.FollowRedirects == 0 {
			return got.outcome(origin(address), to.hide)
		}
		next, err := got.location(address)
		switch {
		case err != nil:
			return got.failed(fmt.Errorf("%s answered with a redirect (%d) that is not followed: %w", origin(address), got.status, err))
		case left == 0:
			return got.failed(fmt.Errorf("%s answered with a redirect (%d) to %s, after %d others, which is the limit", origin(address), got.status, origin(next), s.settings.FollowRedirects))
		case origin(next) != origin(address):
			secrets = nil
		}
		address = next
	}
}

// merge gives the headers of a request; those that are configured win.
func merge(ours, configured nethttp.Header) nethttp.Header {
	all := ours.Clone()
	for name, values := range configured {
		all[name] = values
	}
	return all
}

const (
	// maxAnswer is how many bytes of an answer's body are read, answerTime how long.
	maxAnswer  = 64 << 10
	answerTime = 5 * time.Second
)

// post sends one request and reads the answer.
func (s *Sink) post(ctx context.Context, address *url.URL, header nethttp.Header, body []byte) (*answer, error) {
	if s.settings.BlockLocal {
		if err := checkHost(address); err != nil {
			return nil, err
		}
	}
	// The time that an answer's body may take is bounded even when that of the whole is not.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	request, err := nethttp.NewRequestWithContext(ctx, nethttp.MethodPost, address.String(), bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the address cannot be used in a request") // the error has the address in it
	}
	request.Header = header
	response, err := s.transport().RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	defer time.AfterFunc(s.answerTime, cancel).Stop()
	var data []byte
	if response.StatusCode != nethttp.StatusSwitchingProtocols { // whose body is the connection, which no context ends
		// How the body ends changes nothing: what the server does with the alerts is in the status.
		data, _ = io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	}
	return &answer{status: response.StatusCode, header: response.Header, body: data, now: time.Now()}, nil
}

// transport gives the connections. They are made anew when the files of TLS change.
func (s *Sink) transport() *nethttp.Transport {
	config := s.tls.Config()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.config == config {
		return s.client
	}
	if s.client != nil {
		s.client.CloseIdleConnections()
	}
	dialer := &net.Dialer{Timeout: 30 * time.Second}
	if s.settings.BlockLocal {
		dialer.ControlContext = refuseLocal
	}
	s.config, s.client = config, &nethttp.Transport{
		Proxy: s.proxy, DialContext: dialer.DialContext, TLSClientConfig: config.Clone(), TLSHandshakeTimeout: 10 * time.Second,
		DisableKeepAlives: !s.settings.KeepAlive, MaxIdleConnsPerHost: 64, IdleConnTimeout: 90 * time.Second,
		// An answer that is packed would have to be unpacked to be shown.
		DisableCompression: true, MaxResponseHeaderBytes: maxAnswer,
	}
	return s.client
}

// proxyFromEnvironment gives the proxy, without its address in an error: it may hold a password.
func proxyFromEnvironment(r *nethttp.Request) (*url.URL, error) {
	proxy, err := nethttp.ProxyFromEnvironment(r)
	if err != nil {
		return nil, errors.New("the environment's HTTPS_PROXY or HTTP_PROXY is no valid address")
	}
	return proxy, nil
}
