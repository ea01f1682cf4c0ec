package syscall

import (
	"time"

	"github.com/saker-security/saker/pkg/syscall/account"
)

// nobody is the id that stands for "not set".
const nobody = 0xffffffff

// book gives the accounts that hold for the thread of the event: those of its container, else those of the machine.
// In a recording of containers there are none to look into.
func (r *Record) book() *account.Book {
	if r.Thread == nil || r.Thread.Process.Container.ID == "" {
		return r.in.books.Host()
	}
	if r.in.proc == nil {
		return noAccounts
	}
	p := r.Thread.Process
	return r.in.books.Container(p.Container.ID, r.in.proc.Root(p.PID()))
}

var noAccounts = account.Fixed(nil, nil)

// now is the time that paces how often account files are looked at.
func (r *Record) now() time.Time { return time.Unix(0, r.Wire.Time) }

// user finds an account; root needs no entry.
func (r *Record) user(book *account.Book, uid uint32) account.User {
	if u, ok := book.User(uid, r.now()); ok {
		return u
	}
	if uid == 0 {
		return account.User{Name: "root", Home: "/root", Shell: notAvailable}
	}
	return account.User{Name: notAvailable, Home: notAvailable, Shell: notAvailable}
}

func (r *Record) groupName(gid uint32) string {
	if g, ok := r.book().Group(gid, r.now()); ok {
		return g.Name
	}
	if gid == 0 {
		return "root"
	}
	return notAvailable
}

func (r *Record) appendUser(dst []byte, uid uint32) []byte {
	if uid == nobody {
		return append(dst, "<NONE>"...)
	}
	return append(dst, r.user(r.book(), uid).Name...)
}

func (r *Record) appendGroup(dst []byte, gid uint32) []byte {
	if gid == nobody {
		return append(dst, "<NONE>"...)
	}
	return append(dst, r.groupName(gid)...)
}
