package follow

import (
	"strings"
	"testing"
)

// Of a packed file more may be unpacked than is asked for next: what a longer event before it left.
func TestPackedLongEvents(t *testing.T) {
	r := newRig(t)
	r.write("audit.log", line("a"))
	r.read()
	r.want(t, "a")
	for _, id := range []string{"b", "c", "d"} {
		r.write("audit.log", strings.Replace(line(id), "{", `{"requestURI":"/`+strings.Repeat("x", 1050)+`",`, 1))
	}
	r.rename("audit.log", rotated1)
	r.pack(rotated1)
	r.restart()
	r.f.chunk = 128
	r.read()
	r.quiet()
	r.want(t, "b", "c", "d")
}
