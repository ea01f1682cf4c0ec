// Package secret holds what must not be seen: passwords, tokens and addresses that have them inside.
package secret

import (
	"fmt"
	"os"
	"strings"
)

// Text is a secret as the configuration gives it: the secret itself, or file:PATH for the first line of a file, which
// is read each time it is needed, so that it may be changed. Printed, logged or encoded in any way it is only stars.
type Text struct{ given string }

// hidden is what is seen of a secret.
const hidden = "***"

// maxFile bounds the file of a secret in bytes.
const maxFile = 64 << 10

// New makes a secret of what the configuration gives.
func New(given string) Text { return Text{given} }

// IsEmpty tells that nothing was given.
func (t Text) IsEmpty() bool { return t.given == "" }

// Equal tells whether two secrets were given in the same way.
func (t Text) Equal(o Text) bool { return t == o }

// Reveal gives the secret.
func (t Text) Reveal() (string, error) {
	path, ok := strings.CutPrefix(t.given, "file:")
	if !ok {
		return t.given, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("read a secret: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return "", fmt.Errorf("read a secret: %s is no file of at most %d bytes", path, maxFile)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read a secret: %w", err)
	}
	line, _, _ := strings.Cut(string(data), "\n")
	return strings.TrimSuffix(line, "\r"), nil
}

// String hides the secret, and so do the methods below.
func (t Text) String() string {
	if t.given == "" {
		return ""
	}
	return hidden
}

// GoString is part of fmt.GoStringer.
func (t Text) GoString() string { return t.String() }

// Format is part of fmt.Formatter: no verb shows the secret.
func (t Text) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(t.String())) }

// MarshalText is part of encoding.TextMarshaler.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.String()), nil }
