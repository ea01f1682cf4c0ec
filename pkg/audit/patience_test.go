package audit

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// dripping gives its parts with a pause before each, and before the end.
type dripping struct {
	pause time.Duration
	parts []string
}

func (d *dripping) Read(p []byte) (int, error) {
	if len(d.parts) == 0 {
		time.Sleep(d.pause)
		return 0, io.EOF
	}
	if len(d.parts[0]) == timed {
		time.Sleep(d.pause)
	}
	n := copy(p, d.parts[0])
	if d.parts[0] = d.parts[0][n:]; d.parts[0] == "" {
		d.parts = d.parts[1:]
	}
	return n, nil
}

// TestLongWay has bodies come as slowly as they may, one that is taken whole and one that is not, for longer than the
// server gives for a whole request otherwise: each is answered.
func TestLongWay(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		for _, parts := range []int{4, 8} {
			t.Run(fmt.Sprintf("HTTP/2 %v, %d MiB", http2, parts), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := NewReceiver(&Splitter{}, accept)
					near, far := net.Pipe()
					made := NewServer("", nil, r)
					conns := &oneConn{conn: near, closed: make(chan struct{})}
					done := make(chan struct{})
					go func() {
						defer close(done)
						_ = made.Serve(conns) // ends when it is closed
					}()
					transport := &http.Transport{Protocols: &http.Protocols{}, DialContext: func(context.Context, string, string) (net.Conn, error) { return far, nil }}
					transport.Protocols.SetHTTP1(!http2)
					transport.Protocols.SetUnencryptedHTTP2(http2)
					body := &dripping{pause: r.BodyTimeout - time.Second}
					for range parts - 1 {
						body.parts = append(body.parts, strings.Repeat(" ", timed))
					}
					body.parts = append(body.parts, strings.Repeat(" ", timed-len(oneEvent))+oneEvent)
					resp, err := (&http.Client{Transport: transport}).Post("http://x/k8s-audit", "application/json", body)
					if err != nil {
						t.Error(err)
					} else {
						resp.Body.Close()
						if resp.StatusCode != http.StatusOK {
							t.Errorf("status %d", resp.StatusCode)
						}
					}
					transport.CloseIdleConnections()
					if err := made.Close(); err != nil {
						t.Error(err)
					}
					<-done
				})
			})
		}
	}
}
