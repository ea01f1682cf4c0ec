package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

const patience = 30 * time.Second

// post sends a file to a URL as JSON, as long as nobody listens again and again, and checks the status:
//
//	post 200 http://$AUDIT/k8s-audit event.json
func post(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: post STATUS URL FILE")
	}
	body, err := os.ReadFile(ts.MkAbs(args[2]))
	ts.Check(err)
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		answer, err := http.Post(args[1], "application/json", bytes.NewReader(body))
		if err != nil {
			if time.Now().After(deadline) {
				ts.Fatalf("nobody listens: %v", err)
			}
			continue
		}
		_ = answer.Body.Close()
		if fmt.Sprint(answer.StatusCode) != args[0] {
			ts.Fatalf("the answer is %s, want %s", answer.Status, args[0])
		}
		return
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
