package deliver

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// maxErrorText bounds the text of an error of a sink in bytes, without the mark of what is left out.
const maxErrorText = 1 << 10

// ErrorText gives the text of an error as people may see it in a log, a metric or a dead letter. It may hold what a
// stranger's server answered: control characters and bytes that are no text are escaped, and what is beyond the first
// 1024 bytes is left out with a mark that says how many bytes that were.
func ErrorText(err error) string {
	if err == nil {
		return ""
	}
	full := err.Error()
	out := make([]byte, 0, min(len(full), maxErrorText))
	rest := full
	for rest != "" {
		r, size := utf8.DecodeRuneInString(rest)
		before := len(out)
		switch {
		case r == utf8.RuneError && size == 1:
			out = fmt.Appendf(out, `\x%02x`, rest[0])
		case unicode.IsPrint(r):
			out = append(out, rest[:size]...)
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			out = append(out, quoted[1:len(quoted)-1]...)
		}
		if len(out) > maxErrorText {
			return fmt.Sprintf("%s… (%d more bytes)", out[:before], len(rest))
		}
		rest = rest[size:]
	}
	return string(out)
}

// shown is an error whose text is fit to be seen.
func shown(err error) error {
	if err == nil {
		return nil
	}
	return shownError(ErrorText(err))
}

type shownError string

func (e shownError) Error() string { return string(e) }

// advised adds to the error of a directory that cannot be made or used what to do about it.
func advised(err error) error {
	var todo string
	switch {
	case errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.EEXIST), errors.Is(err, unix.ELOOP):
		todo = "a file is where a directory should be; move it away"
	case errors.Is(err, unix.EROFS):
		todo = "mount it for writing"
	case errors.Is(err, fs.ErrPermission):
		todo = "give the user of this program the right to write there"
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		todo = "make room there"
	default:
		return err
	}
	return fmt.Errorf("%w: %s, or set another data_dir", err, todo)
}
