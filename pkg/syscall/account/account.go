// Package account gives names to user and group ids: those of the machine from its passwd and group files, those of a
// container from the files in its root directory. The formats are those of passwd(5) and group(5).
package account

import (
	"bytes"
	"io"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// User is one line of a passwd file.
type User struct {
	UID   uint32 `json:"uid"`
	GID   uint32 `json:"gid"`
	Name  string `json:"name"`
	Home  string `json:"home,omitempty"`
	Shell string `json:"shell,omitempty"`
}

// Group is one line of a group file.
type Group struct {
	GID  uint32 `json:"gid"`
	Name string `json:"name"`
}

const (
	// maxFile bounds a passwd or group file: the files of containers are made by anyone.
	maxFile = 1 << 20
	// maxBooks bounds how many containers are remembered.
	maxBooks = 1024
	// recheck is how long the files are taken to be unchanged.
	recheck = 5 * time.Second
)

// Book holds the users and groups of one root directory. It is safe for concurrent use.
type Book struct {
	mu      sync.Mutex
	root    string
	checked time.Time
	passwd  stamp
	group   stamp
	users   map[uint32]User
	groups  map[uint32]Group
}

// stamp tells whether a file was changed.
type stamp struct{ file os.FileInfo }

func (s *stamp) renew(info os.FileInfo) (changed bool) {
	old := s.file
	s.file = info
	return old == nil || !os.SameFile(old, info) || old.Size() != info.Size() || !old.ModTime().Equal(info.ModTime())
}

// Open makes the book of a root directory. Missing files are empty ones.
func Open(root string) *Book { return &Book{root: root} }

// Fixed makes a book that no file stands behind, for recordings.
func Fixed(users []User, groups []Group) *Book {
	b := &Book{users: map[uint32]User{}, groups: map[uint32]Group{}}
	for _, u := range users {
		b.users[u.UID] = u
	}
	for _, g := range groups {
		b.groups[g.GID] = g
	}
	return b
}

// User finds a user, reading the files again when they were changed. now paces how often they are looked at.
func (b *Book) User(uid uint32, now time.Time) (User, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refresh(now)
	u, ok := b.users[uid]
	return u, ok
}

// Group finds a group.
func (b *Book) Group(gid uint32, now time.Time) (Group, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refresh(now)
	g, ok := b.groups[gid]
	return g, ok
}

// All lists users and groups, in no order.
func (b *Book) All(now time.Time) ([]User, []Group) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refresh(now)
	var users []User
	var groups []Group
	for _, u := range b.users {
		users = append(users, u)
	}
	for _, g := range b.groups {
		groups = append(groups, g)
	}
	return users, groups
}

func (b *Book) refresh(now time.Time) {
	if b.root == "" || !b.checked.IsZero() && now.Sub(b.checked) < recheck && !now.Before(b.checked) {
		return
	}
	b.checked = now
	// A root that cannot be entered any more (its process ended) leaves what was read before in place. Links that lead
	// out of the root are not followed: a container must not choose which file of the machine is read.
	root, err := os.OpenRoot(b.root)
	if err != nil {
		return
	}
	defer root.Close()
	if text, ok := b.passwd.read(root, "etc/passwd"); ok {
		b.users = parseUsers(text)
	}
	if text, ok := b.group.read(root, "etc/group"); ok {
		b.groups = parseGroups(text)
	}
}

// read reads a file of the root if it was changed since the last time.
func (s *stamp) read(root *os.Root, name string) ([]byte, bool) {
	file, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		gone := s.file != nil
		s.file = nil
		return nil, gone
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() || !s.renew(info) {
		return nil, false
	}
	text, err := io.ReadAll(io.LimitReader(file, maxFile))
	return text, err == nil
}

func parseUsers(text []byte) map[uint32]User {
	users := map[uint32]User{}
	for fields := range lines(text, 7) {
		uid, err := strconv.ParseUint(string(fields[2]), 10, 32)
		if err != nil {
			continue
		}
		gid, _ := strconv.ParseUint(string(fields[3]), 10, 32)
		if _, double := users[uint32(uid)]; !double {
			users[uint32(uid)] = User{UID: uint32(uid), GID: uint32(gid), Name: string(fields[0]), Home: string(fields[5]), Shell: string(fields[6])}
		}
	}
	return users
}

func parseGroups(text []byte) map[uint32]Group {
	groups := map[uint32]Group{}
	for fields := range lines(text, 4) {
		gid, err := strconv.ParseUint(string(fields[2]), 10, 32)
		if err != nil {
			continue
		}
		if _, double := groups[uint32(gid)]; !double {
			groups[uint32(gid)] = Group{GID: uint32(gid), Name: string(fields[0])}
		}
	}
	return groups
}

// lines yields the fields of each line that has at least n of them.
func lines(text []byte, n int) func(func([][]byte) bool) {
	return func(yield func([][]byte) bool) {
		for len(text) > 0 {
			line, rest, _ := bytes.Cut(text, []byte{'\n'})
			text = rest
			if fields := bytes.Split(line, []byte{':'}); len(fields) >= n && !yield(fields) {
				return
			}
		}
	}
}

// Books are the books of the machine and of containers. It is safe for concurrent use.
type Books struct {
	host *Book

	mu         sync.Mutex
	containers map[string]*Book
}

// NewBooks makes the books around that of the machine.
func NewBooks(host *Book) *Books { return &Books{host: host, containers: map[string]*Book{}} }

// Host is the book of the machine.
func (b *Books) Host() *Book { return b.host }

// Container gives the book of a container; root is where its root directory can be entered now, through any process
// in it.
func (b *Books) Container(id, root string) *Book {
	b.mu.Lock()
	defer b.mu.Unlock()
	book := b.containers[id]
	if book == nil {
		if len(b.containers) >= maxBooks {
			clear(b.containers)
		}
		book = &Book{}
		b.containers[id] = book
	}
	book.mu.Lock()
	book.root = root
	book.mu.Unlock()
	return book
}
