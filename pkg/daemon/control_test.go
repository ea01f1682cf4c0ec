package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/deliver/dead"
	"github.com/saker-security/saker/pkg/deliver/desk"
)

// letters are outputs with dead letters of one sink.
type letters struct {
	store    *dead.Store
	replayed []string
	err      error
}

func newLetters(t testing.TB, n int) *letters {
	t.Helper()
	s, err := dead.Open(nil, "", 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		a := &alert.Alert{ID: fmt.Sprintf("%05d", i), Rule: "r\x1b", Message: "m"}
		if err := s.Add(dead.Entry{ID: a.ID, Alert: a, Reason: "no", Attempts: 2, Time: 1e9}); err != nil {
			t.Fatal(err)
		}
	}
	return &letters{store: s}
}

func (l *letters) Counts() []deliver.Count {
	return []deliver.Count{{Sink: "http", Matched: 7, DeadStored: l.store.Stats().Count, Dropped: map[string]uint64{"queue_full": 3}}}
}

func (l *letters) Dead(sink string) *dead.Store {
	if sink == "http" {
		return l.store
	}
	return nil
}

func (l *letters) Replay(_ string, ids []string) (int, error) {
	if l.err != nil {
		return 0, l.err
	}
	l.replayed = append(l.replayed, ids...)
	return l.store.Remove(ids...)
}

// controlled serves the control socket in a directory and connects to it.
func controlled(t *testing.T, l *letters) *Control {
	t.Helper()
	dir := t.TempDir()
	if _, err := Dial(t.Context(), dir); !errors.Is(err, ErrNotRunning) {
		t.Fatalf("without a program: %v", err)
	}
	if _, err := Dial(t.Context(), filepath.Join(dir, strings.Repeat("x", 120))); !errors.Is(err, ErrNotRunning) {
		t.Fatalf("in a directory whose name is too long for a socket: %v", err)
	}
	socket, err := net.Listen("unix", filepath.Join(dir, controlName))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: newControl("", l, http.NotFound), WriteTimeout: time.Minute}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(socket)
	}()
	t.Cleanup(func() {
		server.Close()
		<-done
	})
	c, err := Dial(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// What comes over the socket is what the desk gives.
func TestControlList(t *testing.T) {
	l := newLetters(t, 3000)
	c, local := controlled(t, l), desk.New("", l)
	type list func(context.Context, desk.Query, func(desk.Item) error) ([]desk.Sink, error)
	for _, q := range []desk.Query{{}, {Limit: 5, Full: true}, {ID: "02999", Full: true}, {State: desk.Queued}, {Sink: "http", Limit: 1}} {
		var results [2]string
		for i, f := range []list{c.List, local.List} {
			var items []desk.Item
			sinks, err := f(t.Context(), q, func(i desk.Item) error {
				items = append(items, i)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal([]any{items, sinks})
			if err != nil {
				t.Fatal(err)
			}
			results[i] = string(text)
		}
		if diff := cmp.Diff(results[1], results[0]); diff != "" {
			t.Errorf("%+v: %s", q, diff)
		}
	}
	stop := errors.New("stop")
	if _, err := c.List(t.Context(), desk.Query{}, func(desk.Item) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
	if _, err := c.List(t.Context(), desk.Query{Sink: "x"}, nil); err == nil || err.Error() != "no such sink: x; write one of http" {
		t.Error(err)
	}
	if _, err := c.List(t.Context(), desk.Query{Limit: -1}, nil); err == nil || err.Error() != "limit must be a number" {
		t.Error(err)
	}
}

func TestControlChange(t *testing.T) {
	l := newLetters(t, 1200)
	c := controlled(t, l)
	r, err := c.Drop(t.Context(), desk.Choice{IDs: []string{"00001", "x"}})
	if diff := cmp.Diff(desk.Result{Done: map[string]int{"http": 1}, Missing: []string{"x"}}, r); diff != "" || err != nil {
		t.Errorf("error %v, %s", err, diff)
	}
	r, err = c.Replay(t.Context(), desk.Choice{Sink: "http", IDs: []string{"00002"}})
	if diff := cmp.Diff(desk.Result{Done: map[string]int{"http": 1}}, r); diff != "" || err != nil || len(l.replayed) != 1 {
		t.Errorf("error %v, %s", err, diff)
	}
	l.err = deliver.ErrFull
	if _, err = c.Replay(t.Context(), desk.Choice{All: true}); err == nil || err.Error() != "sink http: the queue of a sink is full" {
		t.Error(err)
	}
	l.err = nil
	if r, err = c.Replay(t.Context(), desk.Choice{All: true}); err != nil || r.Total() != 1198 || l.store.Stats().Count != 0 {
		t.Error(r, err)
	}
	for _, choice := range []desk.Choice{{}, {All: true, Sink: "x"}} {
		if _, err := c.Drop(t.Context(), choice); err == nil {
			t.Errorf("%+v is no error", choice)
		}
	}
}

// What is no request of ours is refused, and changes nothing.
func TestControlBadRequests(t *testing.T) {
	l := newLetters(t, 3)
	h := newControl("", l, http.NotFound)
	for _, test := range []struct {
		method, path, body string
		code               int
	}{
		{http.MethodPost, pathDrop, "", 400}, {http.MethodPost, pathDrop, "{", 400}, {http.MethodPost, pathDrop, `{"all":true,"sinks":["http"]}`, 400},
		{http.MethodPost, pathDrop, `{"all":true}{}`, 400}, {http.MethodPost, pathDrop, `{"all":1}`, 400}, {http.MethodGet, pathDrop, "", 405},
		{http.MethodPost, pathAlerts, "", 405}, {http.MethodGet, "/", "", 404}, {http.MethodGet, pathAlerts + "?limit=x", "", 400},
		{http.MethodPost, pathReplay, `{"ids":["` + strings.Repeat("x", maxChoice) + `"]}`, 400}, {http.MethodPost, pathReplay, "{}", 409},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(test.method, test.path, strings.NewReader(test.body)))
		if w.Code != test.code {
			t.Errorf("%s %s %.50s: %d", test.method, test.path, test.body, w.Code)
		}
	}
	if l.store.Stats().Count != 3 {
		t.Error("letters are gone")
	}
}

func FuzzControlChoice(f *testing.F) {
	f.Add([]byte(`{"sink":"http","ids":["00000"]}`))
	f.Add([]byte(`{"all":true}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		l := newLetters(t, 2)
		w := httptest.NewRecorder()
		newControl("", l, http.NotFound).ServeHTTP(w, httptest.NewRequest(http.MethodPost, pathDrop, strings.NewReader(string(body))))
		var r controlResult
		if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		if r.Total()+l.store.Stats().Count != 2 || (w.Code == http.StatusOK) != (r.Error == "") {
			t.Errorf("%d %+v, and %d letters are left", w.Code, r, l.store.Stats().Count)
		}
	})
}

// A program that dies while it answers is told from one that has answered.
func TestControlCut(t *testing.T) {
	dir := t.TempDir()
	socket, err := net.Listen("unix", filepath.Join(dir, controlName))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"item":{"id":"1"}}` + "\n"))
	})}
	go func() { _ = server.Serve(socket) }()
	defer server.Close()
	c, err := Dial(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	items := 0
	_, err = c.List(t.Context(), desk.Query{}, func(desk.Item) error { items++; return nil })
	if err == nil || items != 1 || !strings.Contains(err.Error(), "read the answer of the running program") {
		t.Errorf("%d items, %v", items, err)
	}
}
