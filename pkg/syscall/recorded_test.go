package syscall

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/syscall/recording"
	"github.com/saker-security/saker/pkg/syscall/table"
)

var update = flag.Bool("update", false, "write the golden files anew")

// recordedFields are what the golden file tells of each event.
var recordedFields = []string{"evt.type", "evt.res", "container.id", "proc.name", "proc.pname", "proc.cmdline", "proc.tty", "proc.cwd", "fd.name", "evt.arg.flags"}

// boring are the files that the dynamic linker and the C library open for every program.
var boring = regexp.MustCompile(`^/(usr/lib|lib|lib64|proc|sys|dev)/|^/etc/ld\.so|^/$|/locale`)

// TestRecorded plays what the live driver recorded while testdata/live.sh ran.
func TestRecorded(t *testing.T) {
	reader, err := recording.NewReader(openGzip(t, "testdata/live.rec.gz"))
	if err != nil {
		t.Fatal(err)
	}
	in := New(Options{})
	in.Load(reader.Header())
	var got strings.Builder
	for {
		frame, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		e := take(t, in, frame)
		r := e.Data.(*Record)
		switch r.Row.ID {
		case table.Close, table.Clone, table.ProcExit, table.Chdir, table.Fchdir:
			continue
		}
		if strings.HasPrefix(render(catalogue, e, "proc.name"), "runc") || boring.MatchString(render(catalogue, e, "fd.name")) {
			continue
		}
		for _, name := range recordedFields {
			fmt.Fprintf(&got, "%s=%s ", name, render(catalogue, e, name))
		}
		got.WriteByte('\n')
	}
	if s := in.Stats(); s.Threadless != 0 {
		t.Errorf("%d events without a thread", s.Threadless)
	}
	const golden = "testdata/live.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Error(diff)
	}
}
