package http

import (
	"context"
	"errors"
	"fmt"
	nethttp "net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/saker-security/saker/internal/fakesink"
	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/deliver/secret"
)

func TestAnswers(t *testing.T) {
	retry := func(after string) map[string]string { return map[string]string{"Retry-After": after} }
	const later = 3 * time.Second
	tests := []struct {
		answer  fakesink.Answer
		refused bool
		after   time.Duration
		want    string // part of the error; empty for delivered
	}{
		{answer: fakesink.Answer{Status: 200}},
		{answer: fakesink.Answer{Status: 202, Body: "later"}},
		{answer: fakesink.Answer{Status: 204}},
		{answer: fakesink.Answer{Status: 200, Body: "ha", Fault: fakesink.HalfBody}},
		{answer: fakesink.Answer{Status: 200, Endless: 1 << 30}},
		{answer: fakesink.Answer{Status: 408}, want: "408 Request Timeout"},
		{answer: fakesink.Answer{Status: 408, Header: retry("3")}, after: later, want: "408 Request Timeout"},
		{answer: fakesink.Answer{Status: 425}, want: "425 Too Early"},
		{answer: fakesink.Answer{Status: 429}, want: "429 Too Many Requests"},
		{answer: fakesink.Answer{Status: 429, Header: retry("3"), Body: "slow down"}, after: later, want: "429 Too Many Requests: slow down"},
		{answer: fakesink.Answer{Status: 429, Header: retry(time.Now().Add(48 * time.Hour).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"))}, after: time.Hour, want: "429"},
		{answer: fakesink.Answer{Status: 429, Header: retry("soon")}, want: "429"},
		{answer: fakesink.Answer{Status: 500, Body: "oops"}, want: "500 Internal Server Error: oops"},
		{answer: fakesink.Answer{Status: 501}, want: "501"},
		{answer: fakesink.Answer{Status: 502, Endless: 1 << 30}, want: "502 Bad Gateway: xxxx"},
		{answer: fakesink.Answer{Status: 503, Header: retry("99999999999999999999999")}, after: time.Hour, want: "503"},
		{answer: fakesink.Answer{Status: 504}, want: "504"},
		{answer: fakesink.Answer{Status: 599}, want: "answered 599"},
		{answer: fakesink.Answer{Status: 700}, want: "answered 700"},
		{answer: fakesink.Answer{Status: 300}, want: "300 Multiple Choices, which is not followed"},
		{answer: fakesink.Redirect(301, "http://else.where/x"), want: "301 Moved Permanently (to http://else.where), which is not followed"},
		{answer: fakesink.Redirect(302, "/x"), want: "302 Found, which is not followed"},
		{answer: fakesink.Redirect(303, "/x"), want: "303 See Other, which is not followed"},
		{answer: fakesink.Answer{Status: 304}, want: "304 Not Modified"},
		{answer: fakesink.Redirect(307, "/x"), want: "307"},
		{answer: fakesink.Redirect(308, "/x"), want: "308"},
		{answer: fakesink.Answer{Status: 401, Body: "who?"}, want: "401 Unauthorized: who?"},
		{answer: fakesink.Answer{Status: 401, Header: retry("3")}, after: later, want: "401"},
		{answer: fakesink.Answer{Status: 402}, want: "402"},
		{answer: fakesink.Answer{Status: 403}, want: "403"},
		{answer: fakesink.Answer{Status: 404}, want: "404"},
		{answer: fakesink.Answer{Status: 405}, want: "405"},
		{answer: fakesink.Answer{Status: 407}, want: "407"},
		{answer: fakesink.Answer{Status: 410}, want: "410"},
		{answer: fakesink.Answer{Status: 421}, want: "421"},
		{answer: fakesink.Answer{Status: 426}, want: "426"},
		{answer: fakesink.Answer{Status: 400, Body: `{"error":"no"}`}, refused: true, want: `400 Bad Request: {"error":"no"}`},
		{answer: fakesink.Answer{Status: 400, Endless: 1 << 30}, refused: true, want: "400 Bad Request: xxxx"},
		{answer: fakesink.Answer{Status: 409}, refused: true, want: "409"},
		{answer: fakesink.Answer{Status: 413, Header: retry("3")}, refused: true, want: "413"},
		{answer: fakesink.Answer{Status: 415}, refused: true, want: "415"},
		{answer: fakesink.Answer{Status: 422}, refused: true, want: "422"},
		{answer: fakesink.Answer{Status: 499}, refused: true, want: "499"},
		{answer: fakesink.Answer{Fault: fakesink.Reset}, want: "connection reset"},
		{answer: fakesink.Answer{Fault: fakesink.Close}, want: "EOF"},
		{answer: fakesink.Answer{Fault: fakesink.HalfHeader}, want: "EOF"},
	}
	for _, test := range tests {
		name := fmt.Sprint(test.answer.Status, " ", test.answer.Fault, " ", test.answer.Header)
		server := fakesink.Start(t, fakesink.Options{Script: fakesink.Sequence(test.answer)})
		s := open(t, Settings{URL: secret.New(server.URL)}, Options{})
		err := s.Send(t.Context(), newBatch(1))
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), server.URL) || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: error %.200v, want %q", name, err, test.want)
		}
		var refused *deliver.Refused
		var later *deliver.Later
		if errors.As(err, &refused) != test.refused {
			t.Errorf("%s: refused is %v", name, !test.refused)
		}
		if errors.As(err, &later) != (test.after > 0) || later != nil && later.After != test.after {
			t.Errorf("%s: later %v, want %v", name, later, test.after)
		}
		if err != nil && len(err.Error()) > maxAnswer+200 {
			t.Errorf("%s: an error of %d bytes", name, len(err.Error()))
		}
		// What a server sends beyond what is read fills the buffers of the connection at most.
		if sent := server.Sent(); sent > 32<<20 {
			t.Errorf("%s: %d bytes of the answer were sent", name, sent)
		}
		if n := len(server.Wait(t, 1)); n != 1 {
			t.Errorf("%s: %d requests", name, n)
		}
		server.Down()
	}
}

// TestNoServer: what has no answer is an error after which the batch is sent again.
func TestNoServer(t *testing.T) {
	plain := fakesink.Start(t, fakesink.Options{})
	secure := fakesink.Start(t, fakesink.Options{TLS: fakesink.NewAuthority(t, "a").Server(t, fakesink.Certificate{})})
	early := fakesink.Start(t, fakesink.Options{ResetEarly: func(int) bool { return true }})
	gone := fakesink.Start(t, fakesink.Options{})
	gone.Down()
	tests := []struct{ url, want string }{
		{gone.URL, "connection refused"},
		{early.URL, "connection reset"},
		{"https://" + plain.Address, "the server there speaks HTTP without TLS"},
		{secure.URL, "certificate signed by unknown authority"},
		{"http://" + secure.Address, "400"}, // Go's server speaks up in plain text
		{"http://no-such-host.invalid/", "lookup no-such-host.invalid"},
	}
	for _, test := range tests {
		err := open(t, Settings{URL: secret.New(test.url)}, Options{}).Send(t.Context(), newBatch(1))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", test.url, err, test.want)
		}
	}
}

// TestContext: nothing is waited for when the context has ended, neither for an answer nor for the end of its body.
func TestContext(t *testing.T) {
	arrived := make(chan struct{}, 2)
	server := fakesink.Start(t, fakesink.Options{Script: func(int, *fakesink.Receipt) fakesink.Answer {
		arrived <- struct{}{}
		return fakesink.Answer{Fault: fakesink.Hang}
	}})
	s := open(t, Settings{URL: secret.New(server.URL)}, Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if err := s.Send(ctx, newBatch(1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		<-arrived // of this request, or of the one before, which may have come late or never
		stop()
	}()
	if err := s.Send(ctx, newBatch(1)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := s.Send(ended, newBatch(1)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	silent := fakesink.Listen(t, "tcp", "", fakesink.StreamOptions{Hang: true}) // never answers in a handshake
	ctx, cancel = context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if err := open(t, Settings{URL: secret.New("https://" + silent.Address)}, Options{}).Send(ctx, newBatch(1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// TestSlowAnswers: an answer whose body does not end says what its status says, after a time that has a bound.
func TestSlowAnswers(t *testing.T) {
	const enough = time.Second // for the status and the beginning of the body
	for status, want := range map[int]string{200: "", 500: "500 Internal Server Error: so", 101: "101 Switching Protocols"} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			t.Parallel()
			server := fakesink.Start(t, fakesink.Options{Script: fakesink.Sequence(fakesink.Answer{Status: status, Body: "so", Fault: fakesink.HangBody})})
			s := open(t, Settings{URL: secret.New(server.URL), KeepAlive: true}, Options{})
			s.answerTime = enough
			if err := s.Send(t.Context(), newBatch(1)); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Error(err)
			}
			s.answerTime = time.Hour
			ctx, cancel := context.WithTimeout(t.Context(), enough)
			defer cancel()
			if err := s.Send(ctx, newBatch(1)); (err == nil) != (status == 200) {
				t.Error(err)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, test := range []struct {
		value, date string
		want        time.Duration
	}{
		{"", "", 0}, {"0", "", 0}, {"7", "", 7 * time.Second}, {" 7 ", "", 7 * time.Second}, {"0.25", "", 250 * time.Millisecond},
		{"3600", "", time.Hour}, {"3601", "", time.Hour}, {strings.Repeat("9", 400), "", time.Hour}, {"-1", "", 0}, {"1e9", "", 0}, {"inf", "", 0},
		{".", "", 0}, {"1.2.3", "", 0}, {"0x10", "", 0}, {"soon", "", 0},
		{"Fri, 02 Jan 2026 03:04:35 GMT", "", 30 * time.Second}, {"Fri, 02 Jan 2026 03:04:00 GMT", "", 0}, {"Fri, 02 Jan 2099 03:04:00 GMT", "", time.Hour},
		{"Friday, 02-Jan-26 03:04:35 GMT", "", 30 * time.Second}, {"Fri Jan  2 03:04:35 2026", "", 30 * time.Second},
		{"Fri, 02 Jan 2026 13:04:35 GMT", "Fri, 02 Jan 2026 13:04:05 GMT", 30 * time.Second}, // a server whose clock is wrong
		{"Fri, 02 Jan 2026 03:04:35 GMT", "never", 30 * time.Second},
	} {
		header := nethttp.Header{"Retry-After": {test.value}, "Date": {test.date}}
		if got := retryAfter(header, now); got != test.want {
			t.Errorf("%q: %v, want %v", test.value, got, test.want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("120", "")
	f.Add("0.5", "x")
	f.Add("Fri, 02 Jan 2026 03:04:35 GMT", "Fri, 02 Jan 2026 13:04:05 GMT")
	f.Fuzz(func(t *testing.T, value, date string) {
		if got := retryAfter(nethttp.Header{"Retry-After": {value}, "Date": {date}}, time.Now()); got < 0 || got > maxRetryAfter {
			t.Errorf("%v", got)
		}
	})
}
