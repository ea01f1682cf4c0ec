package procctl

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestProcess(t *testing.T) {
	p := Start(t, []string{"WORD=hello"}, "/bin/sh", "-c", "echo $WORD; exit 3")
	if code := p.Wait(t, 10*time.Second); code != 3 || p.Output() != "hello\n" {
		t.Errorf("exit code %d, output %q", code, p.Output())
	}
	p.Kill() // of a program that is gone
}

func TestKill(t *testing.T) {
	p := Start(t, nil, "/bin/sleep", "1000")
	if p.Memory() == 0 {
		t.Error("no memory")
	}
	p.Signal(syscall.SIGSTOP)
	p.Kill()
	if code := p.Wait(t, time.Second); code != -1 {
		t.Errorf("exit code %d", code)
	}
	if p.Memory() != 0 {
		t.Error("a program that is gone has memory")
	}
}

func TestBufferKeepsTheEnd(t *testing.T) {
	var b buffer
	for range 5 {
		_, _ = b.Write([]byte(strings.Repeat("x", kept/4)))
	}
	_, _ = b.Write([]byte("end"))
	if s := b.String(); len(s) > kept || !strings.HasSuffix(s, "end") {
		t.Errorf("%d bytes", len(s))
	}
}
