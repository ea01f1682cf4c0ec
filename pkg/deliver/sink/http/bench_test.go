package http

import (
	"fmt"
	"io"
	nethttp "net/http"
	"net/http/httptest"
	"testing"

	"github.com/saker-security/saker/internal/fakesink"
	"github.com/saker-security/saker/pkg/deliver/secret"
	"github.com/saker-security/saker/pkg/deliver/transport"
)

// BenchmarkSend posts to a server of this process, which reads the bodies and forgets them.
func BenchmarkSend(b *testing.B) {
	discard := nethttp.HandlerFunc(func(_ nethttp.ResponseWriter, r *nethttp.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	plain := httptest.NewServer(discard)
	defer plain.Close()
	authority := fakesink.NewAuthority(b, "a")
	secure := httptest.NewUnstartedServer(discard)
	secure.TLS = authority.Server(b, fakesink.Certificate{})
	secure.StartTLS()
	defer secure.Close()
	ca := transport.TLS{CAFile: authority.WriteCA(b, b.TempDir(), "ca.pem")}
	const slack = `{"text": {{json .Output}}, "priority": {{json .Priority}}, "process": {{json (.Field "proc.name")}}}`
	for _, bench := range []struct {
		name     string
		alerts   int
		settings Settings
	}{
		{"single", 1, Settings{URL: secret.New(plain.URL), KeepAlive: true}},
		{"single, new connections", 1, Settings{URL: secret.New(plain.URL)}},
		{"single, TLS", 1, Settings{URL: secret.New(secure.URL), KeepAlive: true, TLS: ca}},
		{"100", 100, Settings{URL: secret.New(plain.URL), KeepAlive: true}},
		{"100, TLS", 100, Settings{URL: secret.New(secure.URL), KeepAlive: true, TLS: ca}},
		{"100, packed", 100, Settings{URL: secret.New(plain.URL), KeepAlive: true, Compress: true}},
		{"100, template", 100, Settings{URL: secret.New(plain.URL), KeepAlive: true, Template: slack}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			s := open(b, bench.settings, Options{Log: func(text string) { b.Error(text) }})
			batch := newBatch(bench.alerts)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				if err := s.Send(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
				n += len(batch)
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "alerts/s")
		})
	}
}

// BenchmarkBody makes a body without sending it.
func BenchmarkBody(b *testing.B) {
	for _, compress := range []bool{false, true} {
		b.Run(fmt.Sprint("packed=", compress), func(b *testing.B) {
			s := open(b, Settings{URL: secret.New("http://h/"), Compress: compress}, Options{})
			batch := newBatch(100)
			b.ReportAllocs()
			for b.Loop() {
				body, _ := s.body(batch)
				if compress {
					body = pack(body)
				}
				b.SetBytes(int64(len(body)))
			}
		})
	}
}
