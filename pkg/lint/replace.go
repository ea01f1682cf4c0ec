package lint

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
)

// ReplaceFile writes the content of a file that exists so that a reader finds the old one or the new one, never a part.
// The file keeps its permissions; where the name is a link the file that it leads to is replaced.
func ReplaceFile(name string, data []byte) (err error) {
	target, err := filepath.EvalSymlinks(name)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	info, err := os.Stat(target)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	f, err := os.CreateTemp(filepath.Dir(target), ".saker-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", name, err)
			f.Close()
			_ = os.Remove(f.Name()) // it may be renamed already
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Chmod(info.Mode().Perm()); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), target)
}

// Diff gives the difference of two versions of a file in the unified form, nothing when they are equal. What a terminal
// would act on is escaped.
func Diff(name string, before, after []byte) string {
	name = printable(name)
	text := string(diff.Diff(name, before, name, after))
	_, text, _ = strings.Cut(text, "\n") // the line "diff name name" says nothing
	var b strings.Builder
	for line := range strings.Lines(text) {
		end := line[len(strings.TrimRight(line, "\r\n")):]
		for i, part := range strings.Split(strings.TrimSuffix(line, end), "\t") {
			if i > 0 {
				b.WriteByte('\t')
			}
			b.WriteString(printable(part))
		}
		b.WriteString(end)
	}
	return b.String()
}
