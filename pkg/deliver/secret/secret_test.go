package secret

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.yaml.in/yaml/v4"
)

// holders have a secret where others forget about it.
type (
	open   struct{ Token Text }
	closed struct {
		token Text
		list  []Text
		byKey map[string]Text
	}
)

func TestSecretIsHidden(t *testing.T) {
	secret := New("canary")
	inside := open{secret}
	hidden := closed{secret, []Text{secret}, map[string]Text{"k": secret}}
	var seen bytes.Buffer
	for _, encode := range []func(any) ([]byte, error){json.Marshal, xml.Marshal, yaml.Marshal} {
		encoded, err := encode(inside)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(encoded), "***") {
			t.Errorf("encoded as %s", encoded)
		}
		seen.Write(encoded)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "% x", "%#x"} {
		for _, value := range []any{secret, &secret, inside, &inside, hidden, &hidden, []any{hidden}, map[string]closed{"k": hidden}} {
			fmt.Fprintf(&seen, verb, value)
		}
	}
	fmt.Fprintln(&seen, fmt.Errorf("an error with %v and %+v", secret, hidden))
	slog.New(slog.NewTextHandler(&seen, nil)).Info("m", "s", secret, "i", inside, "h", hidden)
	slog.New(slog.NewJSONHandler(&seen, nil)).Info("m", "s", secret, "i", inside, "h", hidden)
	core := zapcore.NewCore(zapcore.NewJSONEncoder(zapcore.EncoderConfig{}), zapcore.AddSync(&seen), zapcore.DebugLevel)
	zap.New(core).Info("m", zap.Any("s", secret), zap.Any("i", inside), zap.Any("h", hidden), zap.Reflect("r", inside))
	for _, canary := range []string{"canary", fmt.Sprintf("%x", "canary"), fmt.Sprintf("%X", "canary"), fmt.Sprintf("% x", "canary"), "Y2FuYXJ5"} {
		if strings.Contains(seen.String(), canary) {
			t.Errorf("%s is seen in %s", canary, seen.String())
		}
	}
	if text, err := secret.Reveal(); text != "canary" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}

// TestEqual: settings are compared in several ways, and all of them look at the secret.
func TestEqual(t *testing.T) {
	for _, test := range []struct {
		a, b Text
		want bool
	}{
		{New("a"), New("a"), true}, {New("a"), New("b"), false}, {New("a"), Text{}, false}, {New(""), Text{}, true},
		{New("file:/a"), New("/a"), false},
	} {
		if test.a.Equal(test.b) != test.want || reflect.DeepEqual(open{test.a}, open{test.b}) != test.want || cmp.Equal(open{test.a}, open{test.b}) != test.want {
			t.Errorf("%q and %q", test.a.text(), test.b.text())
		}
	}
	if !New("").IsEmpty() || New("a").IsEmpty() || New("").String() != "" {
		t.Error("an empty secret")
	}
}

func TestSecretFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "token")
	s := New("file:" + path)
	if _, err := s.Reveal(); err == nil {
		t.Error("a missing file is accepted")
	}
	for _, content := range []string{"first\nx", "second\r\n", "third"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		want := strings.Fields(content)[0]
		if got, err := s.Reveal(); got != want || err != nil {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
	for name, content := range map[string]string{"large": strings.Repeat("x", maxFile+1), "empty": "", "empty line": "\nx"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Reveal(); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s file: error %v", name, err)
		}
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, dir} {
		if _, err := New("file:" + path).Reveal(); err == nil || !strings.Contains(err.Error(), "no regular file") {
			t.Errorf("%s: error %v", path, err)
		}
	}
}
