package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

const patience = time.Minute

// post sends a file to a URL as JSON, as long as nobody listens again and again, and checks the status; more arguments
// are headers:
//
//	post 200 http://$AUDIT/k8s-audit event.json 'Authorization: Bearer TOKEN'
func post(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: post STATUS URL FILE [HEADER: VALUE...]")
	}
	body, err := os.ReadFile(ts.MkAbs(args[2]))
	ts.Check(err)
	answer := ask(ts, func() *http.Request {
		r, err := http.NewRequest(http.MethodPost, args[1], bytes.NewReader(body))
		ts.Check(err)
		r.Header.Set("Content-Type", "application/json")
		for _, header := range args[3:] {
			name, value, _ := strings.Cut(header, ": ")
			r.Header.Set(name, value)
		}
		return r
	})
	_ = answer.Body.Close()
	if fmt.Sprint(answer.StatusCode) != args[0] {
		ts.Fatalf("the answer is %s, want %s", answer.Status, args[0])
	}
}

// fetch writes what a URL gives to a file:
//
//	fetch http://127.0.0.1:$WEB_PORT/metrics metrics.txt
func fetch(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: fetch URL FILE")
	}
	answer := ask(ts, func() *http.Request {
		r, err := http.NewRequest(http.MethodGet, args[0], nil)
		ts.Check(err)
		return r
	})
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), body, 0o600))
}

// ask sends a request until somebody listens.
func ask(ts *testscript.TestScript, request func() *http.Request) *http.Response {
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		answer, err := http.DefaultClient.Do(request())
		if err == nil {
			return answer
		}
		if time.Now().After(deadline) {
			ts.Fatalf("nobody listens: %v", err)
		}
	}
}

// waitFor waits until a file holds a text:
//
//	waitfor alerts.txt 'pod=web-0'
func waitFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: waitfor FILE TEXT")
	}
	deadline := time.Now().Add(patience)
	for !strings.Contains(read(ts, args[0]), args[1]) {
		if time.Now().After(deadline) {
			ts.Fatalf("no %q in %s:\n%s", args[1], args[0], read(ts, args[0]))
		}
		time.Sleep(10 * time.Millisecond)
	}
}
