package secret

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSecretIsHidden(t *testing.T) {
	holder := struct{ Token Text }{New("canary")}
	encoded, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	seen := string(encoded)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		seen += fmt.Sprintf(verb, holder) + fmt.Sprintf(verb, holder.Token) + fmt.Sprintf(verb, &holder)
	}
	if strings.Contains(seen, "canary") || strings.Contains(seen, fmt.Sprintf("%x", "canary")) {
		t.Errorf("seen in %s", seen)
	}
	if text, err := holder.Token.Reveal(); text != "canary" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}

func TestSecretFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
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
	if err := os.WriteFile(path, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Reveal(); err == nil {
		t.Error("a large file is accepted")
	}
}
