package wiring

import (
	"bytes"
	"crypto/tls"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWriteKeepsWhatIsThere(t *testing.T) {
	dir := written(t, func(*Options) {})
	files := []File{{readmePath, []byte("new"), publicMode}}
	if err := Write(dir, files, false); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("got %v", err)
	}
	foreign := filepath.Join(dir, "ca", "notes.txt")
	if err := os.WriteFile(foreign, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Write(dir, files, true); err == nil || !strings.Contains(err.Error(), "ca/notes.txt was not made by saker audit init") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, clientKeyPath)); err != nil {
		t.Error(err)
	}
	if err := os.Remove(foreign); err != nil {
		t.Fatal(err)
	}
	if err := Write(dir, files, true); err != nil {
		t.Error(err)
	}
	checkListing(t, dir, readmePath)
	// An empty directory is as good as none.
	empty := t.TempDir()
	if err := Write(empty, files, false); err != nil {
		t.Error(err)
	}
	checkListing(t, empty, readmePath)
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(dir), ".*")); err != nil || len(left) > 0 {
		t.Errorf("left over: %q, %v", left, err)
	}
}

// TestWriteLink is given a symbolic link: it stays, as does what it points to.
func TestWriteLink(t *testing.T) {
	parent := t.TempDir()
	dir := written(t, func(*Options) {})
	for name, to := range map[string]string{"link": dir, "dangling": filepath.Join(parent, "nothing")} {
		link := filepath.Join(parent, name)
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
		_, renewal := Renew(link, "", time.Now(), year)
		for _, err := range []error{Write(link, nil, false), Write(link+"/", nil, true), renewal} {
			if err == nil || !strings.Contains(err.Error(), "is a symbolic link to "+to+"; name the directory itself") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if at, err := os.Readlink(link); err != nil || at != to {
			t.Errorf("%s: %q, %v", name, at, err)
		}
	}
}

// TestWriteAllOrNothing makes writing fail in the middle.
func TestWriteAllOrNothing(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "wired")
	files := []File{{"a", []byte("a"), publicMode}, {"a/b", []byte("a cannot be a directory, too"), publicMode}}
	if err := Write(dir, files, false); err == nil {
		t.Error("no error")
	}
	if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

func checkListing(t *testing.T, dir string, want ...string) {
	t.Helper()
	files, err := read(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range files {
		got = append(got, f.Path)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", dir, d)
	}
}

func TestRenew(t *testing.T) {
	for _, name := range []string{"generic", "kops"} {
		t.Run(name, func(t *testing.T) {
			dir := written(t, func(o *Options) { o.For, o.ServerName = name, "saker.example" })
			before, err := read(dir)
			if err != nil {
				t.Fatal(err)
			}
			later := time.Now().Add(300 * 24 * time.Hour)
			changed, err := Renew(dir, "", later, year)
			if err != nil {
				t.Fatal(err)
			}
			want := []string{clientPath, clientKeyPath, serverPath, serverKeyPath}
			if name == "kops" {
				want = append(want, "kops.yaml")
			}
			slices.Sort(want)
			if d := cmp.Diff(want, changed); d != "" {
				t.Errorf("changed (-want +got):\n%s", d)
			}
			after, err := read(dir)
			if err != nil || len(after) != len(before) {
				t.Fatalf("%d files were %d: %v", len(after), len(before), err)
			}
			for i := range after {
				if same := bytes.Equal(before[i].Data, after[i].Data); same == slices.Contains(want, after[i].Path) || before[i].Mode != after[i].Mode {
					t.Errorf("%s: the same is %v, mode %o was %o", after[i].Path, same, after[i].Mode, before[i].Mode)
				}
			}
			checkRenewed(t, dir, later)
		})
	}
}

func checkRenewed(t *testing.T, dir string, later time.Time) {
	t.Helper()
	for _, pair := range [][2]string{{serverPath, serverKeyPath}, {clientPath, clientKeyPath}} {
		c, err := tls.LoadX509KeyPair(filepath.Join(dir, pair[0]), filepath.Join(dir, pair[1]))
		if err != nil {
			t.Fatal(err)
		}
		if !c.Leaf.NotAfter.Equal(later.Add(year).UTC().Truncate(time.Second)) {
			t.Errorf("%s is good until %s", pair[0], c.Leaf.NotAfter)
		}
		if pair[0] == serverPath && (c.Leaf.VerifyHostname("saker.example") != nil || c.Leaf.VerifyHostname("127.0.0.1") != nil) {
			t.Errorf("the names are %q %v", c.Leaf.DNSNames, c.Leaf.IPAddresses)
		}
	}
	kops, err := os.ReadFile(filepath.Join(dir, "kops.yaml"))
	if err != nil {
		return
	}
	key, err := os.ReadFile(filepath.Join(dir, clientKeyPath))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(kops), indent(string(key), 8)) {
		t.Error("kops.yaml holds another key")
	}
}

func TestRenewErrors(t *testing.T) {
	dir, other := written(t, func(*Options) {}), written(t, func(*Options) {})
	now := time.Now()
	for _, c := range []struct {
		name, dir, authority, want string
		now                        time.Time
	}{
		{"no directory", filepath.Join(dir, "none"), "", "no such file or directory", now},
		{"no authority", dir, t.TempDir(), "name the directory where it is kept with --ca", now},
		{"another authority", dir, filepath.Join(other, "ca"), "was not signed by this authority", now},
		{"expired", dir, "", "expired on", now.Add(11 * year)},
	} {
		if _, err := Renew(c.dir, c.authority, c.now, year); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
	// A certificate is good for no longer than its authority.
	if _, err := Renew(dir, "", now, 100*year); err != nil {
		t.Fatal(err)
	}
	c, err := tls.LoadX509KeyPair(filepath.Join(dir, serverPath), filepath.Join(dir, serverKeyPath))
	if err != nil {
		t.Fatal(err)
	}
	a, err := LoadAuthority(filepath.Join(dir, "ca"), now)
	if err != nil {
		t.Fatal(err)
	}
	if !c.Leaf.NotAfter.Equal(a.certificate.NotAfter) {
		t.Errorf("good until %s, the authority until %s", c.Leaf.NotAfter, a.certificate.NotAfter)
	}
	if _, err := ReadAuthority(mustRead(t, dir, serverPath), mustRead(t, dir, serverKeyPath), now); err == nil {
		t.Error("a server's certificate is taken for an authority")
	}
}

func mustRead(t *testing.T, dir, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	return data
}
