package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/event"
)

func line(id string) string {
	return `{"kind":"Event","auditID":"` + id + `","stageTimestamp":"2024-01-01T00:00:00Z"}`
}

type fileOutcome struct {
	IDs                 []string
	Errors              []string
	Rejected, Malformed int
}

// readText reads a text as a file, with a window of so many bytes at first, in pieces when it is longer than others, with
// events of at most so many bytes.
func readText(t testing.TB, text string, first, whole, most int) fileOutcome {
	t.Helper()
	var got fileOutcome
	c := Catalogue("host")
	f := &FileReader{Splitter: &Splitter{MaxEvent: most}, stream: stream{first: first, whole: whole, limit: DefaultMaxText},
		Report: func(e *FileError) { got.Errors = append(got.Errors, e.Error()) }}
	err := f.ReadFrom("f", strings.NewReader(text), func(e *event.Event) error {
		id, _ := extractText(t, c, e, "ka.auditid").(string)
		got.IDs = append(got.IDs, id)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if f.Events != len(got.IDs) {
		t.Errorf("%d events counted, %d given", f.Events, len(got.IDs))
	}
	got.Rejected, got.Malformed = f.Rejected, f.Malformed
	return got
}

func TestReadFrom(t *testing.T) {
	list := "{\"kind\":\"EventList\",\"items\":[\n" + line("i1") + ",\n" + line("i2") + "\n]}\n"
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, []byte(list), "", "  "); err != nil {
		t.Fatal(err)
	}
	noTime := "f:%d:%d: the event has no stageTimestamp"
	cases := []struct {
		name, text string
		want       fileOutcome
	}{
		{"empty", "", fileOutcome{}},
		{"blank lines", " \n\n", fileOutcome{}},
		{"lines", line("a") + "\n" + line("b") + "\r\n\n" + line("c"), fileOutcome{IDs: []string{"a", "b", "c"}}},
		{"a list in each line", "[" + line("a") + "," + line("b") + "]\n" + strings.ReplaceAll(list, "\n", "") + "\n", fileOutcome{IDs: []string{"a", "b", "i1", "i2"}}},
		{"list over lines", list + line("z"), fileOutcome{IDs: []string{"i1", "i2", "z"}}},
		{"pretty list", pretty.String() + line("z"), fileOutcome{IDs: []string{"i1", "i2", "z"}}},
		{"line cut off in a string", line("a") + "\n" + line("b")[:40] + "\n" + line("c"),
			fileOutcome{IDs: []string{"a", "c"}, Malformed: 1, Errors: []string{"f:2:41: malformed JSON: control character 0x0a in a string"}}},
		{"line cut off after a comma", line("a")[:16] + "\n" + line("b"),
			fileOutcome{IDs: []string{"b"}, Malformed: 1, Errors: []string{"f:2:1: malformed JSON: '{' where a member name in quotation marks is expected, in the value that begins on line 1"}}},
		{"line cut off after a colon", line("a")[:8] + "\n" + line("b") + "\n" + line("c"),
			fileOutcome{IDs: []string{"b", "c"}, Malformed: 1, Errors: []string{"f:3:1: malformed JSON: '{' where ',' or '}' is expected, in the value that begins on line 1"}}},
		{"last line cut off", line("a") + "\n" + line("b")[:50],
			fileOutcome{IDs: []string{"a"}, Malformed: 1, Errors: []string{"f:2:51: malformed JSON: the text ends where the end of a string is expected"}}},
		{"garbage", "hello\nworld\n" + line("a") + "\n\x00\x00\n" + line("b"),
			fileOutcome{IDs: []string{"a", "b"}, Malformed: 2, Errors: []string{"f:1:1: malformed JSON: 'h' where a value is expected", "f:4:1: malformed JSON: byte 0x00 where a value is expected"}}},
		{"garbage after an event", line("a") + " oops\n" + line("b"),
			fileOutcome{IDs: []string{"a", "b"}, Malformed: 1, Errors: []string{"f:1:72: malformed JSON: 'o' where a value is expected"}}},
		{"broken pretty list", strings.Replace(pretty.String(), `"i2",`, `"i2"`, 1) + line("z"),
			fileOutcome{IDs: []string{"z"}, Malformed: 1, Errors: []string{"f:12:7: malformed JSON: '\"' where ',' or '}' is expected, in the value that begins on line 1"}}},
		{"events without time", line("a") + "\n  {\"kind\":\"Event\"}\n[{}, {\"kind\":\"Event\"}, 1]\n7\n" + line("b"), fileOutcome{IDs: []string{"a", "b"}, Rejected: 5,
			Errors: []string{fmt.Sprintf(noTime, 2, 3), "f:3:2: the kind is neither Event nor EventList", fmt.Sprintf(noTime, 3, 6),
				"f:3:24: the item is not a JSON object", "f:4:1: the item is not a JSON object"}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, readText(t, c.text, firstWindow, wholeText, 0)); d != "" {
				t.Errorf("outcome differs (-want +got):\n%s", d)
			}
		})
	}
}

// TestPieces reads lists and arrays that are longer than the window, with defects far behind its start.
func TestPieces(t *testing.T) {
	filler := `,"requestObject":{"data":{"x":"` + strings.Repeat("x\\n", 20_000) + `"}}}`
	item := func(n int) string { return strings.TrimSuffix(line(fmt.Sprint(n)), "}") + filler }
	const n = 100 // of 60 kB each: several windows
	var items []string
	var ids []string
	for k := range n {
		items = append(items, item(k))
		ids = append(ids, fmt.Sprint(k))
	}
	all := strings.Join(items, ",\n ")
	half := strings.Join(items[:50], ",\n ")
	cases := []struct {
		name, text string
		want       fileOutcome
	}{
		{"list", `{"kind":"EventList","items":[` + all + `],"metadata":{}}` + "\n" + line("z"), fileOutcome{IDs: append(ids[:n:n], "z")}},
		{"kind after the items", `{"items":[` + all + `],"kind":"EventList"}` + line("z"), fileOutcome{IDs: append(ids[:n:n], "z")}},
		{"array", "[" + all + ", [" + line("y") + "]]\n" + line("z"), fileOutcome{IDs: append(ids[:n:n], "y", "z")}},
		{"another kind", `{"items":[` + all + "],\"kind\":\"PodList\"}\n" + line("z"),
			fileOutcome{IDs: append(ids[:n:n], "z"), Malformed: 1, Errors: []string{"f:100:60108: the items were read, but the kind is not EventList"}}},
		{"defect between items", "[" + half + "\n x\n, " + all + "]\n" + line("z"),
			fileOutcome{IDs: append(ids[:50:50], "z"), Malformed: 1, Errors: []string{"f:51:2: malformed JSON: 'x' where ',' or ']' is expected"}}},
		{"bad items", `{"kind":"EventList","items":[` + half + ",\n{}, 1," + line("y") + "]}",
			fileOutcome{IDs: append(ids[:50:50], "y"), Rejected: 2, Errors: []string{"f:51:1: the event has no stageTimestamp", "f:51:5: the item is not a JSON object"}}},
		{"cut off", "[" + half + ",", fileOutcome{IDs: ids[:50], Malformed: 1, Errors: []string{"f:50:60108: malformed JSON: the text ends where a value is expected"}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, readText(t, c.text, firstWindow, firstWindow, firstWindow)); d != "" {
				t.Errorf("outcome differs (-want +got):\n%s", d)
			}
		})
	}
	t.Run("events over the limit", func(t *testing.T) {
		long := strings.Repeat("x", 5<<20)
		text := `{"kind":"Event","auditID":"a","stageTimestamp":"2024-01-01T00:00:00Z","requestObject":"` + long + "\"}\n" +
			`{"kind":"Event","auditID":"` + long + "\",\n\"stageTimestamp\":\"2024-01-01T00:00:00Z\"}\n[" + line("b") + ",\n \"" + long + "\"," + line("c") + "]" + line("z")
		want := fileOutcome{IDs: []string{"a", "b", "c", "z"}, Rejected: 2, Errors: []string{
			"f:2:1: the event is too long even without its request and response object", "f:5:2: the item is not a JSON object"}}
		if d := cmp.Diff(want, readText(t, text, firstWindow, firstWindow, firstWindow)); d != "" {
			t.Errorf("outcome differs (-want +got):\n%s", d)
		}
	})
}

// TestHostileFiles reads files that ask for more work than their length is worth.
func TestHostileFiles(t *testing.T) {
	for name, text := range map[string]string{
		"nested lines":        strings.Repeat("[\n", 1<<20),
		"nested objects":      strings.Repeat("{\"a\":\n", 1<<20),
		"nested wide arrays":  strings.Repeat("["+strings.Repeat(" ", 900)+"\n", 20_000),
		"lists without end":   strings.Repeat("{\"kind\":\"EventList\",\"items\":[\n", 200_000),
		"items without comma": "[" + strings.Repeat(line("a")+"\n", 50_000),
	} {
		t.Run(name, func(t *testing.T) {
			f := &FileReader{Splitter: &Splitter{}}
			if err := f.ReadFrom("f", strings.NewReader(text), func(*event.Event) error { return nil }); err != nil || f.Malformed == 0 {
				t.Errorf("%d malformed, error %v", f.Malformed, err)
			}
		})
	}
}

// repeated gives a head, the same item n times and a tail, without holding them.
type repeated struct {
	head, item, tail string
	n                int
	rest             string
}

func (r *repeated) Read(p []byte) (int, error) {
	for r.rest == "" {
		switch {
		case r.head != "":
			r.rest, r.head = r.head, ""
		case r.n > 0:
			r.rest = r.item
			r.n--
		case r.tail != "":
			r.rest, r.tail = r.tail, ""
		default:
			return 0, io.EOF
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// TestBoundedMemory reads a list of 100 MB.
func TestBoundedMemory(t *testing.T) {
	item := strings.TrimSuffix(line("a"), "}") + `,"requestObject":{"data":{"x":"` + strings.Repeat("x", 10_000) + `"}}}`
	const n = 10_000
	f := &FileReader{Splitter: &Splitter{}}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := f.ReadFrom("f", &repeated{head: `{"kind":"EventList","items":[`, item: item + ",", tail: item + "]}", n: n - 1}, func(*event.Event) error { return nil })
	runtime.ReadMemStats(&after)
	if err != nil || f.Events != n || f.Malformed != 0 {
		t.Fatalf("%d events, %d malformed, error %v", f.Events, f.Malformed, err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20 {
		t.Errorf("%d bytes of memory were taken", used)
	}
}

func TestReadDirectory(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"b.log": line("b"), "a.log": line("a1") + "\n" + line("a2"), "c.json": "{\n" + line("c")[1:]} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "aa"), 0o700); err != nil {
		t.Fatal(err)
	}
	c := Catalogue("host")
	read := func(path string, stop error) (ids []string, err error) {
		f := &FileReader{Splitter: &Splitter{}}
		err = f.Read(path, func(e *event.Event) error {
			ids = append(ids, fmt.Sprint(e.Num, extractText(t, c, e, "ka.auditid")))
			return stop
		})
		return ids, err
	}
	ids, err := read(dir, nil)
	if d := cmp.Diff([]string{"1a1", "2a2", "3b", "4c"}, ids); d != "" || err != nil {
		t.Errorf("error %v; events differ (-want +got):\n%s", err, d)
	}
	stop := errors.New("stop")
	if ids, err := read(dir, stop); !errors.Is(err, stop) || len(ids) != 1 {
		t.Errorf("%v, %v", ids, err)
	}
	if _, err := read(filepath.Join(dir, "none"), nil); !errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(err.Error(), "read audit events: ") {
		t.Errorf("a file that is not there: %v", err)
	}
}

// TestReadRecorded reads the recorded bodies as they are, and as the log that the API server would have written.
func TestReadRecorded(t *testing.T) {
	var log bytes.Buffer
	want := 0
	for _, body := range recorded(t) {
		var list decodedList
		if err := json.Unmarshal(body, &list); err != nil {
			t.Fatal(err)
		}
		for _, item := range list.Items {
			log.WriteString(`{"kind":"Event",` + string(item[1:]) + "\n")
			want++
		}
	}
	if got := readText(t, log.String(), firstWindow, wholeText, 0); len(got.IDs) != want || got.Errors != nil {
		t.Errorf("log: %d events of %d, errors %v", len(got.IDs), want, got.Errors)
	}
	f := &FileReader{Splitter: &Splitter{}, Report: func(e *FileError) { t.Error(e) }}
	if err := f.Read("testdata/events", func(*event.Event) error { return nil }); err != nil || f.Events != want {
		t.Errorf("directory: %d events of %d, error %v", f.Events, want, err)
	}
}

// FuzzRead reads texts whole and in tiny pieces: it must come to an end, and find the same events when nothing is wrong.
func FuzzRead(f *testing.F) {
	f.Add(line("a") + "\n" + line("b"))
	f.Add(`{"kind":"EventList","items":[` + line("a") + ",\n{}]}")
	f.Add(`{"items":[` + line("a") + `],"kind":"EventList"} [[` + line("b") + `]]`)
	f.Add("[\n" + line("a")[:30] + "\n{\n[1")
	f.Fuzz(func(t *testing.T, text string) {
		whole := readText(t, text, firstWindow, wholeText, 64)
		pieces := readText(t, text, 1, 1, 64)
		if whole.Malformed == 0 && pieces.Malformed == 0 {
			if d := cmp.Diff(whole.IDs, pieces.IDs); d != "" {
				t.Errorf("events differ (-whole +pieces):\n%s", d)
			}
		}
	})
}
