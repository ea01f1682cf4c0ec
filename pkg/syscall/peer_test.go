package syscall

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/saker-security/saker/pkg/capture"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/syscall/table"
)

// render gives a value as output would print it, "<none>" when there is none.
func render(c *field.Catalogue, e *event.Event, name string) string {
	base, arg, bracket := strings.Cut(strings.TrimSuffix(name, "]"), "[")
	f, dotted, ok := c.Lookup(base)
	if !ok {
		return "<no such field>"
	}
	var a field.Arg
	if dotted != "" {
		a = field.Arg{Present: true, Text: dotted}
	}
	if bracket {
		a = field.Arg{Present: true, Text: arg}
		if n, err := strconv.Atoi(arg); err == nil {
			a.Index, a.IsIndex = n, true
		}
	}
	if f.Prepare != nil {
		if err := f.Prepare(&a); err != nil {
			return "<" + err.Error() + ">"
		}
	}
	var v event.Value
	if !f.Extract(e, &a, &v) {
		return "<none>"
	}
	if len(v.List) > 0 {
		var parts []string
		for i := range v.List {
			parts = append(parts, renderValue(f, &v.List[i]))
		}
		return strings.Join(parts, " ")
	}
	return renderValue(f, &v)
}

func renderValue(f *field.Field, v *event.Value) string {
	switch f.Type.Class() {
	case event.ClassBool:
		return strconv.FormatBool(v.Bool())
	case event.ClassIP, event.ClassNet:
		return v.Addr.String()
	case event.ClassNumber:
		switch {
		case f.Print == field.Hex:
			return fmt.Sprintf("%X", v.Num)
		case f.Type == event.TypeDouble:
			return fmt.Sprintf("%.1f", math.Float64frombits(v.Num))
		case f.Type.Signed():
			return strconv.FormatInt(v.Int(), 10)
		}
		return strconv.FormatUint(v.Num, 10)
	}
	return strings.ToValidUTF8(v.Text, "\ufffd")
}

// expected renders a value of the peer in the same way.
func expected(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	if string(raw) == "null" {
		return "<none>"
	}
	if raw[0] != '"' {
		return string(raw)
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// notCompared are fields that the peer answers from sources that this package does not have.
var notCompared = map[string]string{
	"evt.num":                    "the recording leaves events out",
	"evt.time":                   "the peer's JSON has the raw time",
	"container.name":             "needs the container runtime",
	"container.type":             "the peer knows the engine from its socket",
	"container.image.repository": "needs the container runtime",
	"container.image.tag":        "needs the container runtime",
	"container.privileged":       "needs the container runtime",
	"k8s.ns.name":                "needs the container runtime",
	"k8s.pod.name":               "needs the container runtime",
}

// maker are the fields that a process has from the one that made it.
var maker = map[string]bool{"proc.exepath": true, "proc.cwd": true, "proc.duration": true, "proc.sid": true}

// withoutNames drops what stands in parentheses.
func withoutNames(text string) string { return inParentheses.ReplaceAllString(text, "") }

var inParentheses = regexp.MustCompile(`\([^)]*\)`)

// differs tells why a value may be another one than the peer's; empty when it must be the same.
func differs(r *Record, name, got, want string) string {
	id := r.Row.ID
	aboutFD := strings.HasPrefix(name, "fd.") || name == "evt.args" || name == "evt.category"
	copies := id == table.Dup || id == table.Dup2 || id == table.Dup3
	switch {
	case r.Thread == nil:
		return ""
	case id == table.Generic && (name == "evt.type" || name == "evt.args"):
		return "calls without a row are not named by their number"
	case name == "evt.args" && !table.Deliverable(r.Row.Name):
		return "the names of flags are known for the calls that live drivers tell of"
	case aboutFD && (id == table.Close || copies) && (r.FD == nil || len(r.FD.Raw) == 0):
		return "the recording has not all calls that make descriptors"
	case strings.Contains(want, "\ufffd"):
		return "the peer cleans control characters when it prints"
	case name == "evt.is_open_create" && r.openFlags()&table.OpenDirectory != 0:
		return "the peer takes an opened directory for a new file"
	case name == "proc.duration" && r.Thread != &r.Thread.Process.Main:
		return "the peer gives the age of the thread"
	case name == "proc.vpgid" || name == "proc.sname" && r.Thread.Process.InNamespace():
		return "the peer does not follow setsid to the process group"
	case strings.HasPrefix(name, "fs.path.name") && want == unknownDirectory:
		return "the peer gives up relative paths of failed calls"
	case strings.HasPrefix(name, "user.") && want == notAvailable, want == "4294967295":
		return "the peer takes -1 in set*id calls for an id"
	case name == "proc.env[PATH]" && r.Thread.Process.Env == "":
		return "the peer keeps the old environment when the new one is empty"
	case name == "fd.is_server", strings.HasPrefix(name, "fd.l"), strings.HasPrefix(name, "fd.r"):
		return "the peer guesses the role of local connections"
	case name == "proc.sname" && r.Thread.Process.SID == 0:
		return "the peer finds nothing under session 0"
	case strings.HasPrefix(name, "group.") && want == notAvailable:
		return "the peer takes -1 in set*id calls for an id"
	case name == "proc.env[PATH]" && want == "":
		return "the peer loses the environment when a thread other than the main one makes a process"
	case name == "proc.ppid" && want == "<none>":
		return "the peer does not give the number of a parent that it does not know"
	case name == "container.id" && r.Thread != &r.Thread.Process.Main:
		return "the peer keeps control groups by thread"
	case aboutFD && name != "evt.args" && r.FD == nil && !r.Row.OpensFile():
		return "the peer shows left-overs of the call"
	case name == "fd.name" && want == "<unknown>":
		return "the peer has no name for IPv4 connections of IPv6 sockets"
	case r.Row.OpensFile() && len(r.bytes(openParamsOf(id).name)) == 0:
		return "there is no path"
	case strings.Contains(got, unknownDirectory):
		return "the recording has not all calls that make descriptors"
	case strings.ReplaceAll(got, "/var/run/", "/run/") == want:
		return "the peer learns the true working directory from getcwd"
	case name == "evt.args" && withoutNames(got) == withoutNames(want) && r.Row.Category == table.Process:
		return "names of threads that ended are kept for another time"
	case name == "evt.args" && (id == table.Socket || id == table.Connect) && r.FD != nil && r.FD.IsIP():
		return "the peer learns the transport after it printed the descriptor"
	case maker[name] && r.Thread.Process.PPID != 1:
		return "the peer takes the parent for the maker of a process made with CLONE_PARENT"
	case name == "fd.name_changed" && id == table.Connect:
		return "the peer does not count the connection of a datagram socket"
	}
	return ""
}

func openGzip(t *testing.T, path string) io.Reader {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	if !strings.HasSuffix(path, ".gz") {
		return file
	}
	r, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestPeer plays events that Falco captured and compares what the fields say with what Falco's engine printed for the
// same events. The first pair of files is a recording made of a capture, with the events that live drivers make; the
// second one is the begin of the capture itself.
func TestPeer(t *testing.T) {
	t.Run("recording", func(t *testing.T) { comparePeer(t, "testdata/peer.rec.gz", "testdata/peer.jsonl.gz") })
	t.Run("capture", func(t *testing.T) { comparePeer(t, "testdata/peer.scap", "testdata/peer.scap.jsonl.gz") })
}

func comparePeer(t *testing.T, rec, exp string) {
	file, err := os.Open(rec)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unpacked, err := capture.Unpack(file)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := capture.Open(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	in := New(Options{})
	in.Load(reader.Header())
	catalogue := Catalogue("node1")
	lines := bufio.NewScanner(openGzip(t, exp))
	lines.Buffer(nil, 1<<20)

	wrong := map[string]int{}
	events, compared := 0, 0
	for n := 0; ; n++ {
		frame, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		e, err := in.Event(frame)
		if err != nil {
			t.Fatal(err)
		}
		events++
		if !lines.Scan() {
			t.Fatal("there are more events than expectations")
		}
		line := bytes.TrimSpace(lines.Bytes())
		if string(line) == "{}" {
			continue
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(line, &want); err != nil {
			t.Fatal(err)
		}
		names := make([]string, 0, len(want))
		for name := range want {
			names = append(names, name)
		}
		sort.Strings(names)
		for _, name := range names {
			if notCompared[name] != "" {
				continue
			}
			compared++
			got, want := render(catalogue, e, name), expected(t, want[name])
			if got != want && differs(e.Data.(*Record), name, got, want) == "" {
				if wrong[name]++; wrong[name] <= 3 {
					t.Errorf("event %d %s, %s:\n got %.300s\nwant %.300s", n, e.Data.(*Record).Row.Name, name, got, want)
				}
			}
		}
	}
	for name, n := range wrong {
		t.Logf("%s: %d differ", name, n)
	}
	if lines.Scan() {
		t.Error("there are more expectations than events")
	}
	t.Logf("%d events, %d values compared; passed over: %v", events, compared, reader.Skipped())
}
