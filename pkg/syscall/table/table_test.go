package table

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/event"
)

// TestFalcoEvents: every event that Falco lists is there, with the same parameters.
func TestFalcoEvents(t *testing.T) {
	data, err := os.ReadFile("testdata/events.tsv")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, name := range TypeNames() {
		names[name] = true
	}
	listed := 0
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		listed++
		want := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if !names[want[0]] {
			t.Errorf("Falco has an event %s", want[0])
		}
		row := ByID(Generic)
		if rows := ByName(want[0]); len(rows) > 0 {
			row = rows[len(rows)-1]
		}
		got := want[:1:1]
		for i := range row.Params {
			got = append(got, row.Params[i].Name+":"+row.Params[i].Type.String())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("parameters of %s (-Falco +Saker):\n%s", want[0], diff)
		}
	}
	if listed != 451 {
		t.Errorf("%d events in the list of Falco", listed)
	}
}

// TestRows holds what every row must satisfy, so that a mistyped row is found when it is added.
func TestRows(t *testing.T) {
	count := 0
	for id, row := range byID {
		if row == nil {
			continue
		}
		count++
		if int(row.ID) != id {
			t.Errorf("row %s sits at %d, its number is %d", row.Name, id, row.ID)
		}
		if odd := row.ID%2 == 1; odd != (row.Kind == Syscall) && row.Name != "drop" {
			t.Errorf("%s: number %d does not fit kind %d", row.Name, row.ID, row.Kind)
		}
		if len(row.Params) > 64 {
			t.Errorf("%s has %d parameters", row.Name, len(row.Params))
		}
		seen := map[string]bool{}
		for _, p := range row.Params {
			if p.Name == "" || seen[p.Name] || p.Type == event.TypeNone {
				t.Errorf("%s: parameter %q is empty, double or without type", row.Name, p.Name)
			}
			seen[p.Name] = true
		}
	}
	if got := len(rowsAG) + len(rowsHQ) + len(rowsRZ) + len(rowsMeta); got != count {
		t.Errorf("%d rows, %d different numbers", got, count)
	}
	if count != 193 {
		t.Errorf("%d rows, want 190 live ones and 3 old names", count)
	}
}

// TestConstants ties the numbers that the source uses by name to their rows.
func TestConstants(t *testing.T) {
	for id, name := range map[uint16]string{
		Generic: "syscall", Open: "open", Close: "close", Socket: "socket", Connect: "connect", Creat: "creat",
		Chdir: "chdir", Fchdir: "fchdir", ProcExit: "procexit", Clone: "clone", Fork: "fork", Vfork: "vfork",
		Execve: "execve", Openat: "openat", Openat2: "openat2", Execveat: "execveat", Clone3: "clone3",
		Setresuid: "setresuid", Setresgid: "setresgid", Setuid: "setuid", Setgid: "setgid", Accept: "accept",
		Setsid: "setsid", Chroot: "chroot", Setpgid: "setpgid", Capset: "capset", Dup2: "dup2", Dup3: "dup3", Dup: "dup",
		Accept4: "accept4", Setreuid: "setreuid", Setregid: "setregid",
	} {
		if row := ByID(id); row == nil || row.Name != name {
			t.Errorf("event %d is %+v, want %s", id, row, name)
		}
	}
}

func TestNames(t *testing.T) {
	ids := map[string]int{}
	for id, name := range TypeNames() {
		if name != "" {
			if _, double := ids[name]; double {
				t.Errorf("name %s is there twice", name)
			}
			ids[name] = id
		}
	}
	tests := []struct {
		name        string
		id          int
		deliverable bool
	}{
		{"openat", 307, true}, {"execve", 293, true}, {"procexit", 186, true}, {"ptrace", 169, false},
		{"k8s", 260, false}, {"exit_group", -1, false}, {"listns", -1, false},
	}
	for _, test := range tests {
		id, known := ids[test.name]
		if !known || test.id >= 0 && id != test.id || test.id < 0 && id < firstGeneric {
			t.Errorf("%s has number %d (known %v), want %d", test.name, id, known, test.id)
		}
		if got := Deliverable(test.name); got != test.deliverable {
			t.Errorf("Deliverable(%s) = %v", test.name, got)
		}
	}
	if ByID(65535) != nil || ByName("no_such") != nil || Deliverable("no_such") {
		t.Error("an unknown event was found")
	}
	if got := len(DeliverableIDs()); got != len(deliverable) {
		t.Errorf("%d deliverable numbers, want %d", got, len(deliverable))
	}
}

func TestErrnoName(t *testing.T) {
	for n, want := range map[int64]string{1: "EPERM", 2: "ENOENT", 11: "EAGAIN", 115: "EINPROGRESS", 512: "ERESTARTSYS", -1: "", 9999: ""} {
		if got := ErrnoName(n); got != want {
			t.Errorf("ErrnoName(%d) = %q, want %q", n, got, want)
		}
	}
	if SignalName(9) != "SIGKILL" || SignalName(23) != "SIGURG" || SignalName(0) != "" || SignalName(1<<40) != "" {
		t.Error("signal names are wrong")
	}
}

func TestIndex(t *testing.T) {
	row := ByID(Execve)
	if row.Index("filename") != 30 || row.Index("res") != 0 || row.Index("nothing") != -1 {
		t.Errorf("parameters of execve are at other places: %d %d", row.Index("filename"), row.Index("res"))
	}
	if n := len(ByID(Execveat).Params); n != 30 {
		t.Errorf("execveat has %d parameters", n)
	}
}
