// Package secret holds what must not be seen: passwords, tokens and addresses that have them inside.
package secret

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// Text is a secret as the configuration gives it: the secret itself, or file:PATH for the first line of a file, which
// is read each time it is needed, so that it may be changed. Printed, logged or encoded in any way it is only stars.
type Text struct {
	// given is a pointer, because package fmt shows the text of a member of a struct that is not exported without asking
	// any method, but of a pointer it shows the address.
	given *string
}

// hidden is what is seen of a secret.
const hidden = "***"

// maxFile bounds the file of a secret in bytes.
const maxFile = 64 << 10

// New makes a secret of what the configuration gives.
func New(given string) Text {
	if given == "" {
		return Text{}
	}
	return Text{&given}
}

// IsEmpty tells that nothing was given.
func (t Text) IsEmpty() bool { return t.given == nil }

// Equal tells whether two secrets were given in the same way.
func (t Text) Equal(o Text) bool { return t.text() == o.text() }

func (t Text) text() string {
	if t.given == nil {
		return ""
	}
	return *t.given
}

// Reveal gives the secret. An empty file is an error: it is about to be written.
func (t Text) Reveal() (string, error) {
	path, ok := strings.CutPrefix(t.text(), "file:")
	if !ok {
		return t.text(), nil
	}
	line, err := firstLine(path)
	if err != nil {
		return "", fmt.Errorf("read a secret: %w", err)
	}
	return line, nil
}

// firstLine gives the first line of a small regular file. It does not wait for the writer of a pipe.
func firstLine(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is no regular file", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return "", err
	}
	if len(data) > maxFile {
		return "", fmt.Errorf("%s has more than %d bytes", path, maxFile)
	}
	line, _, _ := strings.Cut(string(data), "\n")
	line = strings.TrimSuffix(line, "\r")
	if line == "" {
		return "", fmt.Errorf("the first line of %s is empty", path)
	}
	return line, nil
}

// String hides the secret, and so do the methods below.
func (t Text) String() string {
	if t.given == nil {
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
