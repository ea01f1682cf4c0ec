package daemon

import (
	"bytes"
	"encoding/json"
	"errors"
	"log"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/saker-security/saker/pkg/config"
	"github.com/saker-security/saker/pkg/deliver/secret"
)

// What a terminal would act on is escaped in each form of the log, and each message is one line.
func TestLogForms(t *testing.T) {
	hostile := "a\x1b[2J\u009b\u202e\r\nforged"
	for _, format := range []string{"json", "text", "auto", ""} {
		var out output
		log, _, err := newLog(config.Log{Level: "info", Format: format, Stderr: true}, &out)
		if err != nil {
			t.Fatal(err)
		}
		log.Info(hostile, zap.String("key"+hostile, hostile), zap.Error(errors.New(hostile)))
		text := out.String()
		if strings.Count(text, "\n") != 1 || strings.ContainsAny(text, "\x1b\r") {
			t.Errorf("%s: %q", format, text)
		}
		if format == "text" {
			if strings.ContainsAny(text, "\u009b\u202e") || !strings.Contains(text, ` info a\x1b[2J`) {
				t.Errorf("%s: %q", format, text)
			}
		} else if !json.Valid([]byte(text)) {
			t.Errorf("%s: no JSON: %q", format, text)
		}
	}
}

func TestLogLevel(t *testing.T) {
	var out output
	log, level, err := newLog(config.Log{Level: "error", Stderr: true}, &out)
	if err != nil {
		t.Fatal(err)
	}
	log.Info("first")
	if err := setLevel(level, "debug"); err != nil {
		t.Fatal(err)
	}
	log.Debug("second")
	if err := setLevel(level, "loud"); err == nil || !strings.Contains(err.Error(), "loud") {
		t.Errorf("a level that does not exist: %v", err)
	}
	log.Debug("third")
	if text := out.String(); strings.Contains(text, "first") || !strings.Contains(text, "second") || !strings.Contains(text, "third") {
		t.Errorf("logged %q", text)
	}
	if _, _, err := newLog(config.Log{Level: "loud"}, &out); err == nil {
		t.Error("a level that does not exist was accepted")
	}
}

// Of messages that anybody can provoke only some are written.
func TestLogSampling(t *testing.T) {
	var out output
	log, _, err := newLog(config.Log{Level: "info", Stderr: true}, &out)
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		log.Warn("again")
	}
	// A second may have begun anew in between.
	if n := strings.Count(out.String(), "again"); n < 10 || n > 60 {
		t.Errorf("%d lines of 1000", n)
	}
}

func TestLogHidesSecrets(t *testing.T) {
	for _, format := range []string{"json", "text"} {
		var out output
		log, _, err := newLog(config.Log{Level: "info", Format: format, Stderr: true}, &out)
		if err != nil {
			t.Fatal(err)
		}
		s := secret.New("canary-value")
		log.Info("x", zap.Any("secret", s), zap.Stringer("text", s), zap.Any("inside", struct{ Token secret.Text }{s}))
		if text := out.String(); strings.Contains(text, "canary") || text == "" {
			t.Errorf("%s: %s", format, text)
		}
	}
}

func TestSyslog(t *testing.T) {
	old := syslogSocket
	t.Cleanup(func() { syslogSocket = old })
	syslogSocket = filepath.Join(t.TempDir(), "log")
	var out output
	both := config.Log{Level: "info", Stderr: true, Syslog: true}
	log, _, err := newLog(both, &out)
	if err != nil {
		t.Fatal(err)
	}
	log.Info("without syslog")
	if text := out.String(); strings.Count(text, "\n") != 1 {
		t.Errorf("a machine without syslog is worth a word: %q", text)
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: syslogSocket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if log, _, err = newLog(both, &out); err != nil {
		t.Fatal(err)
	}
	log = log.With(zap.String("a", "b"))
	log.Debug("too little")
	log.Warn("evil\n<0>forged\x1b", zap.Int("n", 1))
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 4096)
	n, err := conn.Read(buffer)
	if err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`^<28>[A-Z][a-z]{2} [ 0-9]\d \d\d:\d\d:\d\d saker\[\d+\]: evil\\n<0>forged\\x1b {"a": "b", "n": 1}$`)
	if !want.Match(buffer[:n]) {
		t.Errorf("sent %q", buffer[:n])
	}
}

// A socket that nobody reads does not hold up whoever logs.
func TestSyslogDoesNotBlock(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s := &logSocket{path: name}
	for range 10000 {
		s.write("<28>", []byte("message"))
	}
	if s.conn != nil || s.again.IsZero() {
		t.Error("the socket took 10000 messages that nobody read")
	}
}

// What libraries print is in the log as everything else, bounded and escaped.
func TestStandardLog(t *testing.T) {
	var out bytes.Buffer
	to, _, err := newLog(config.Log{Stderr: true, Level: "info", Format: "json"}, &out)
	if err != nil {
		t.Fatal(err)
	}
	before := log.Writer()
	giveBack := takeStandardLog(to)
	log.Print("Unsolicited response: \x1b[2J\n" + strings.Repeat("x", 5000))
	for i := range 1000 {
		log.Printf("line %d", i)
	}
	giveBack()
	if log.Writer() != before {
		t.Error("not given back")
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) > 100 {
		t.Errorf("%d lines", len(lines))
	}
	var first struct{ Level, Text string }
	if err := json.Unmarshal([]byte(lines[0]), &first); err != nil || first.Level != "info" {
		t.Fatalf("%v: %s", err, lines[0])
	}
	if want := `Unsolicited response: \x1b[2J\nxxx`; !strings.HasPrefix(first.Text, want) || !strings.HasSuffix(first.Text, " more bytes)") {
		t.Errorf("text %q", first.Text)
	}
}

// A log that goes nowhere is told where somebody may look.
func TestLogWithoutSyslog(t *testing.T) {
	old := syslogSocket
	defer func() { syslogSocket = old }()
	syslogSocket = filepath.Join(t.TempDir(), "log")
	for alone, want := range map[bool]string{true: "the syslog of this machine does not answer", false: ""} {
		var stderr output
		if _, _, err := newLog(config.Log{Level: "info", Syslog: true, Stderr: !alone}, &stderr); err != nil {
			t.Fatal(err)
		}
		if text := stderr.String(); !strings.Contains(text, want) || alone != (strings.Count(text, "\n") == 1) {
			t.Errorf("alone %v: %q", alone, text)
		}
	}
}
