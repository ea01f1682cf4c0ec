package syscall

import (
	"strings"

	"github.com/saker-security/saker/pkg/syscall/process"
)

// anonymous are the kinds of descriptors that have no file, by what /proc shows.
var anonymous = map[string]process.Kind{
	"[eventfd]": process.KindEvent, "[eventpoll]": process.KindPoll, "[signalfd]": process.KindSignal,
	"[timerfd]": process.KindTimer, "[pidfd]": process.KindPidfd, "[userfaultfd]": process.KindUserfault,
	"inotify": process.KindInotify, "bpf-map": process.KindBPF, "bpf-prog": process.KindBPF, "bpf_link": process.KindBPF,
}

// descriptor tells what a descriptor of a process is, nil when it is not open or not known. Where there is a /proc it
// is asked first: drivers do not tell of every call that makes or closes a descriptor, so the table may have another
// file under the number. What it says is the state of now, not that of the event. The result is valid until the next call.
func (in *Inspector) descriptor(p *process.Process, num int64) *process.FD {
	known := p.FD(num)
	if in.proc == nil || num < 0 || p.Threads == 0 { // the id of a process that ended may be that of another one now
		return known
	}
	link, err := in.proc.FD(p.PID(), num)
	if err != nil {
		return known // the process is gone
	}
	socket := strings.HasPrefix(link, "socket:")
	if known != nil && (socket && known.IsSocket() || string(known.Name) == link) {
		return known
	}
	fd := &in.looked
	*fd = process.FD{Num: num, Kind: kindOfLink(link), Name: append(fd.Name[:0], link...)}
	if socket {
		describeSocket(p.PID(), fd)
	}
	return fd
}

// kindOfLink tells the kind of a descriptor from its link in /proc. Nothing behind the link is touched: a file system
// that does not answer must not stop the sensor. So a directory or a named pipe looks like a file.
func kindOfLink(link string) process.Kind {
	if name, ok := strings.CutPrefix(link, "anon_inode:"); ok {
		if kind, ok := anonymous[name]; ok {
			return kind
		}
		return process.KindOther
	}
	switch {
	case strings.HasPrefix(link, "pipe:"):
		return process.KindPipe
	case strings.HasPrefix(link, "/memfd:"):
		return process.KindMemfd
	case strings.HasPrefix(link, "/"):
		return process.KindFile
	}
	return process.KindUnknown
}

// maxDescriptors is how many descriptors of a process are looked at for one field.
const maxDescriptors = 1024

// eachDescriptor calls visit with the open descriptors of a process, at most maxDescriptors of them.
func (in *Inspector) eachDescriptor(p *process.Process, visit func(*process.FD)) {
	if in.proc != nil && p.Threads > 0 {
		if nums, err := in.proc.FDs(p.PID(), maxDescriptors); err == nil {
			for _, num := range nums {
				if fd := in.descriptor(p, num); fd != nil {
					visit(fd)
				}
			}
			return
		}
	}
	n := 0
	p.EachFD(func(fd *process.FD) {
		if n++; n <= maxDescriptors {
			visit(fd)
		}
	})
}

// openDescriptors counts the open descriptors of a process; of a recording those that it told of.
func (in *Inspector) openDescriptors(p *process.Process) int64 {
	if in.proc != nil && p.Threads > 0 {
		if n, err := in.proc.FDCount(p.PID()); err == nil {
			return n
		}
	}
	n := int64(0)
	p.EachFD(func(*process.FD) { n++ })
	return n
}
