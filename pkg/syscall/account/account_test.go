package account

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestBook(t *testing.T) {
	root := t.TempDir()
	write(t, root+"/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n# comment\nbob:x:1001:100::/home/bob:/bin/sh\nbroken:x:no:1::/:\nshort:x:5\ntoor:x:0:0::/:/bin/sh\n")
	write(t, root+"/etc/group", "root:x:0:\nusers:x:100:bob\n")
	book := Open(root)
	now := time.Unix(1000, 0)

	bob, ok := book.User(1001, now)
	if want := (User{UID: 1001, GID: 100, Name: "bob", Home: "/home/bob", Shell: "/bin/sh"}); !ok || bob != want {
		t.Errorf("bob is %+v (%v)", bob, ok)
	}
	if u, _ := book.User(0, now); u.Name != "root" {
		t.Errorf("the first line of user 0 must win, got %+v", u)
	}
	if _, ok := book.User(5, now); ok {
		t.Error("a short line became a user")
	}
	if g, ok := book.Group(100, now); !ok || g.Name != "users" {
		t.Errorf("group 100 is %+v (%v)", g, ok)
	}

	write(t, root+"/etc/passwd", "robert:x:1001:100::/home/bob:/bin/sh\n")
	if u, _ := book.User(1001, now.Add(time.Second)); u.Name != "bob" {
		t.Errorf("the file was read again too soon: %+v", u)
	}
	if u, _ := book.User(1001, now.Add(recheck)); u.Name != "robert" {
		t.Errorf("the changed file was not read: %+v", u)
	}
	if err := os.RemoveAll(root); err != nil {
		t.Fatal(err)
	}
	if u, _ := book.User(1001, now.Add(3*recheck)); u.Name != "robert" {
		t.Errorf("what was known is lost with the root: %+v", u)
	}
}

func TestLinkOutOfRoot(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/outside", "evil:x:7:7::/:\n")
	write(t, dir+"/root/etc/group", "g:x:1:\n")
	if err := os.Symlink("../../outside", dir+"/root/etc/passwd"); err != nil {
		t.Fatal(err)
	}
	if u, ok := Open(dir+"/root").User(7, time.Unix(1, 0)); ok {
		t.Errorf("a link out of the root was followed: %+v", u)
	}
}

func TestBooks(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	write(t, one+"/etc/passwd", "a:x:5:5::/:\n")
	write(t, two+"/etc/passwd", "b:x:5:5::/:\n")
	books := NewBooks(Fixed([]User{{UID: 5, Name: "host"}}, []Group{{GID: 6, Name: "hostgroup"}}))
	now := time.Unix(50, 0)
	var got []string
	for _, book := range []*Book{books.Host(), books.Container("one", one), books.Container("two", two), books.Container("one", one)} {
		u, _ := book.User(5, now)
		got = append(got, u.Name)
	}
	if diff := cmp.Diff([]string{"host", "a", "b", "a"}, got); diff != "" {
		t.Error(diff)
	}
	users, groups := books.Host().All(now)
	if len(users) != 1 || len(groups) != 1 {
		t.Errorf("All gave %v, %v", users, groups)
	}
	for i := range maxBooks + 10 {
		books.Container(string(rune(i)), one)
	}
	if len(books.containers) > maxBooks {
		t.Errorf("%d books are kept", len(books.containers))
	}
}

func FuzzParse(f *testing.F) {
	f.Add("root:x:0:0:root:/root:/bin/bash\n")
	f.Add(":::::::\n::4294967296::::\n")
	f.Fuzz(func(t *testing.T, text string) {
		for uid, u := range parseUsers([]byte(text)) {
			if u.UID != uid {
				t.Errorf("user %d is under %d", u.UID, uid)
			}
		}
		for gid, g := range parseGroups([]byte(text)) {
			if g.GID != gid {
				t.Errorf("group %d is under %d", g.GID, gid)
			}
		}
	})
}
