//go:build record && linux && (amd64 || arm64)

package syscall

import (
	"bytes"
	"compress/gzip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/saker-security/saker/pkg/syscall/account"
	"github.com/saker-security/saker/pkg/syscall/process"
	"github.com/saker-security/saker/pkg/syscall/recording"
	"github.com/saker-security/saker/pkg/syscall/table"
)

// TestRecord makes the recording that TestRecorded plays, testdata/live.rec.gz, with the live driver:
//
//	go test -tags record -run 'TestRecord$' ./pkg/syscall
//
// It needs root, runc, busybox-static and curl.
func TestRecord(t *testing.T) {
	s := newSensor(t)
	script, err := filepath.Abs("testdata/live.sh")
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now().UnixNano()
	cmd := exec.Command("/bin/sh", "-e")
	// The directory is part of the recording, so it has a name of its own.
	const dir = "/tmp/saker-recording"
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	cmd.Dir, cmd.Env = dir, []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"}
	if cmd.Stdin, err = os.Open(script); err != nil {
		t.Fatal(err)
	}
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	root := int64(cmd.Process.Pid)
	go cmd.Wait()

	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	w, err := recording.NewWriter(zip, &recording.Header{
		Hostname: "node1", Time: began, Boot: s.in.boot,
		Users: []account.User{{Name: "root", Home: "/root", Shell: "/bin/bash"}}, Groups: []account.Group{{Name: "root"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for done := false; !done; {
		frame, err := s.driver.Next()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.in.Event(frame); err != nil {
			t.Fatal(err)
		}
		r := &s.in.record
		if r.Thread == nil || !below(r.Thread.Process, root) {
			continue
		}
		if err := w.Write(frame); err != nil {
			t.Fatal(err)
		}
		done = r.Row.ID == table.ProcExit && r.Thread.TID == root
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	if output.Len() > 0 {
		t.Fatalf("the script said: %s", output.String())
	}
	if err := os.WriteFile("testdata/live.rec.gz", out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// below tells whether a process is the one with the given id or descends from it.
func below(p *process.Process, root int64) bool {
	found := p.PID() == root
	p.Ancestors(func(a *process.Process) bool {
		found = found || a.PID() == root
		return !found
	})
	return found
}
