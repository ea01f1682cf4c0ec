package fakesink

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// post posts with a connection of its own and gives status, body and error, also that of reading the body.
func post(ctx context.Context, url, body string, header ...string) (status int, answer string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	return response.StatusCode, string(data), err
}

func TestAnswers(t *testing.T) {
	s := Start(t, Options{ResetEarly: func(n int) bool { return n == 6 }, Script: Sequence(
		Answer{Status: 429, Header: map[string]string{"Retry-After": "7"}, Body: "slowly", Delay: time.Millisecond},
		Answer{Fault: Reset}, Answer{Fault: Close}, Answer{Fault: HalfHeader}, Answer{Fault: HalfBody, Body: "ha"},
		Redirect(307, "http://else.where/"), Answer{}, Answer{Endless: 100 << 10, Body: "ab"},
	)})
	ctx := t.Context()
	check := func(wantStatus int, wantBody string, wantErr error) {
		t.Helper()
		status, body, err := post(ctx, s.URL, "x")
		if status != wantStatus || body != wantBody || !errors.Is(err, wantErr) {
			t.Errorf("%d %.20q %v, want %d %.20q %v", status, body, err, wantStatus, wantBody, wantErr)
		}
	}
	check(429, "slowly", nil)
	check(0, "", syscall.ECONNRESET)
	check(0, "", io.EOF)
	check(0, "", io.ErrUnexpectedEOF)
	check(200, "ha", io.ErrUnexpectedEOF)
	check(307, "", nil)
	check(0, "", syscall.ECONNRESET)
	check(200, "ab"+strings.Repeat("x", 100<<10), nil)
	var statuses []int
	for _, r := range s.Wait(t, 8) {
		statuses = append(statuses, r.Status)
	}
	if diff := cmp.Diff([]int{429, 0, 0, 0, 200, 307, 0, 200}, statuses); diff != "" {
		t.Error(diff)
	}
	if s.Sent() != 6+2+2+100<<10 {
		t.Errorf("%d bytes sent", s.Sent())
	}

	s.Answer(Sequence(Answer{Fault: Hang}))
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if _, _, err := post(short, s.URL, "x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestReceipts(t *testing.T) {
	s := Start(t, Options{Script: func(_ int, r *Receipt) Answer {
		if string(r.Body) == "bad" {
			return Answer{Status: 400}
		}
		return Answer{}
	}})
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := io.WriteString(w, "a\nb\n"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{`["a",{"b":1}]`, "a", "bad"} {
		if _, _, err := post(t.Context(), s.URL+"/p?q", body); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := post(t.Context(), s.URL, packed.String(), "Content-Encoding", "gzip"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{`"a"`: 1, `{"b":1}`: 1, "a": 2, "b": 1}, s.Alerts(nil)); diff != "" {
		t.Error(diff)
	}
	first := s.Wait(t, 4)[0]
	if first.URI != "/p?q" || first.Method != http.MethodPost || first.Host != s.Address || s.Receipts()[2].Status != 400 {
		t.Errorf("%+v", first)
	}
}

func TestDownAndUp(t *testing.T) {
	s := Start(t, Options{})
	s.Down()
	if _, _, err := post(t.Context(), s.URL, ""); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Error(err)
	}
	s.Up(t)
	if status, _, err := post(t.Context(), s.URL, ""); status != 200 || err != nil {
		t.Error(status, err)
	}
}

func TestClientCertificate(t *testing.T) {
	a, other := NewAuthority(t, "servers"), NewAuthority(t, "clients")
	s := Start(t, Options{TLS: a.Server(t, Certificate{}, other)})
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(a.CertPEM)
	pair, err := tls.X509KeyPair(other.Sign(t, Certificate{Name: "who"}))
	if err != nil {
		t.Fatal(err)
	}
	client := http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if got := s.Wait(t, 1)[0].Client; got != "who" {
		t.Errorf("client %q", got)
	}
}

func TestStream(t *testing.T) {
	a := NewAuthority(t, "servers")
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(a.CertPEM)
	for name, o := range map[string]StreamOptions{"plain": {}, "TLS": {TLS: a.Server(t, Certificate{})}, "reset": {ResetAfter: 3}} {
		t.Run(name, func(t *testing.T) {
			s := Listen(t, "tcp", "", o)
			var c net.Conn
			c, err := net.Dial("tcp", s.Address)
			if err != nil {
				t.Fatal(err)
			}
			if o.TLS != nil {
				c = tls.Client(c, &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"})
			}
			defer c.Close()
			if _, err := io.WriteString(c, "abc"); err != nil {
				t.Fatal(err)
			}
			s.Wait(t, func(all [][]byte) bool { return len(all) == 1 && string(all[0]) == "abc" })
			if o.ResetAfter > 0 {
				if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
					t.Error(err)
				}
			}
		})
	}
}

func TestPackets(t *testing.T) {
	for network, address := range map[string]string{"udp": "", "unixgram": t.TempDir() + "/socket"} {
		p := ListenPackets(t, network, address)
		c, err := net.Dial(network, p.Address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, "a"); err != nil {
			t.Fatal(err)
		}
		c.Close()
		if diff := cmp.Diff([]string{"a"}, p.Wait(t, 1)); diff != "" {
			t.Error(diff)
		}
	}
}
