package queue

import (
	"os"
	"path/filepath"
	"time"

	"github.com/saker-security/saker/pkg/deliver/disk"
)

// reserve is a file that keeps room on the disk for when it is full: given up, it lets the queue write what waits in
// memory, and lets file systems that need space in order to delete do so.
type reserve struct {
	fs      disk.FS
	dir     string
	size    int64 // at most; see room
	file    disk.File
	held    bool
	spentAt time.Time
}

const (
	reserveName  = "reserve"
	reservePause = 10 * time.Second
)

// hold takes the room, if it does not have it and it is not long since it was given up.
func (r *reserve) hold(now time.Time) {
	if r.held || !r.spentAt.IsZero() && now.Sub(r.spentAt) < reservePause {
		return
	}
	if r.file == nil {
		file, err := r.fs.OpenFile(filepath.Join(r.dir, reserveName), os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			r.spentAt = now
			return
		}
		r.file = file
	}
	r.held = true
	if r.file.Allocate(r.room()) != nil {
		r.spend()
	}
}

// reserveShare is the part of the queue's bound and of the file system that a reserve takes at most.
const reserveShare = 64

// room is how much is kept: less on a small file system, for every sink has a reserve.
func (r *reserve) room() int64 {
	size := r.size
	if total := r.fs.Capacity(r.dir); total > 0 {
		size = min(size, total/reserveShare)
	}
	return max(size, 4<<10)
}

// spend gives the room up; false if there is none.
func (r *reserve) spend() bool {
	r.spentAt = time.Now()
	held := r.held
	if held {
		r.held = false
		held = r.file.Truncate(0) == nil
	}
	return held
}

func (r *reserve) close() {
	if r.file != nil {
		r.file.Close()
		r.file = nil
	}
}
