package fakesink

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Receipt is one request that arrived.
type Receipt struct {
	// Number counts requests from 0. Connection is the client's address, the same for all requests of a connection.
	Number     int
	Connection string
	Method     string
	// URI is path and query as they were sent, Host the host that was asked for.
	URI, Host string
	Header    http.Header
	// Raw is the body as it came, Body after gzip was undone. Err is why it could not be read.
	Raw, Body []byte
	Err       error
	// Status is what was answered, 0 for no answer. Client is the name in the client's certificate.
	Status int
	Client string
}

// maxBody bounds the body of a request, packed or not.
const maxBody = 64 << 20

func newReceipt(n int, r *http.Request) *Receipt {
	receipt := &Receipt{
		Number: n, Connection: r.RemoteAddr, Method: r.Method, URI: r.RequestURI, Host: r.Host, Header: r.Header.Clone(),
	}
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		receipt.Client = r.TLS.PeerCertificates[0].Subject.CommonName
	}
	return receipt
}

// read reads the body.
func (r *Receipt) read(request *http.Request) {
	if r.Raw, r.Err = io.ReadAll(http.MaxBytesReader(nil, request.Body, maxBody)); r.Err != nil {
		return
	}
	r.Body = r.Raw
	if r.Header.Get("Content-Encoding") != "gzip" {
		return
	}
	unpack, err := gzip.NewReader(bytes.NewReader(r.Raw))
	if err != nil {
		r.Err = err
		return
	}
	r.Body, r.Err = io.ReadAll(io.LimitReader(unpack, maxBody))
}

// Accepted tells that the client was told that the request was taken.
func (r *Receipt) Accepted() bool { return r.Status >= 200 && r.Status < 300 && r.Err == nil }

// Alerts gives the alerts of the body: the elements of a JSON array or else its lines.
func (r *Receipt) Alerts() []string {
	var list []json.RawMessage
	if bytes.HasPrefix(r.Body, []byte("[")) && json.Unmarshal(r.Body, &list) == nil {
		alerts := make([]string, len(list))
		for i, a := range list {
			alerts[i] = string(a)
		}
		return alerts
	}
	return slices.DeleteFunc(strings.Split(string(r.Body), "\n"), func(line string) bool { return line == "" })
}

// Receipts gives the requests that arrived so far, in the order in which they were answered.
func (s *Server) Receipts() []*Receipt { return s.log.all() }

// Wait waits until n requests arrived and gives all; the test fails when they do not come.
func (s *Server) Wait(t testing.TB, n int) []*Receipt { return s.log.wait(t, n) }

// Alerts counts how often each alert was accepted. name tells the name of an alert from its text, nil takes the text.
func (s *Server) Alerts(name func(text string) string) map[string]int {
	counts := map[string]int{}
	for _, r := range s.Receipts() {
		if !r.Accepted() {
			continue
		}
		for _, text := range r.Alerts() {
			if name != nil {
				text = name(text)
			}
			counts[text]++
		}
	}
	return counts
}

// receipts is a log of requests.
type receipts = journal[*Receipt]

// journal is a list to which things are added while others wait for them.
type journal[T any] struct {
	name string

	mu    sync.Mutex
	items []T
	more  chan struct{} // closed when something is added
}

func (j *journal[T]) add(item T) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.items = append(j.items, item)
	if j.more != nil {
		close(j.more)
		j.more = nil
	}
}

func (j *journal[T]) all() []T {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.items)
}

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

func (j *journal[T]) wait(t testing.TB, n int) []T {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		j.mu.Lock()
		if len(j.items) >= n {
			defer j.mu.Unlock()
			return slices.Clone(j.items)
		}
		if j.more == nil {
			j.more = make(chan struct{})
		}
		more, have := j.more, len(j.items)
		j.mu.Unlock()
		select {
		case <-more:
		case <-deadline.C:
			t.Fatalf("%d of %d %s arrived in %v", have, n, j.name, patience)
		}
	}
}
