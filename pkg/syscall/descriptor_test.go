package syscall

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/syscall/process"
	"github.com/saker-security/saker/pkg/syscall/recording"
	"github.com/saker-security/saker/pkg/syscall/syscalltest"
	"github.com/saker-security/saker/pkg/syscall/table"
	"github.com/saker-security/saker/pkg/syscall/wire"
)

// TestStandard: what the events of a recording told of descriptors that an event does not work on.
func TestStandard(t *testing.T) {
	in := machine(t)
	addr := netip.MustParseAddrPort
	tuple := syscalltest.Tuple{Source: addr("10.0.0.1:5000"), Target: addr("203.0.113.7:443")}
	take(t, in, syscalltest.Frame("connect", 5e9, 100, syscalltest.Params{"res": 0, "fd": 5, "tuple": tuple}))
	take(t, in, syscalltest.Frame("dup2", 5e9, 100, syscalltest.Params{"res": 0, "oldfd": 5, "newfd": 0}))
	take(t, in, syscalltest.Open(5e9, 100, 1, "/dev/null", table.OpenWrite))
	want(t, take(t, in, syscalltest.Frame("setsid", 5e9, 100, syscalltest.Params{"res": 100})), `
		fd.name <none>
		proc.stdin.type ipv4
		proc.stdin.name 10.0.0.1:5000->203.0.113.7:443
		proc.stdout.type file
		proc.stdout.name /dev/null
		proc.stderr.type <none>
		proc.stderr.name <none>
		fd.types file ipv4
		fd.types[1] file
		fd.types[5] ipv4
		fd.types[2] <none>
		proc.fdopencount 3
		proc.fdlimit 1024
		proc.fdusage 0.3
	`)
	want(t, take(t, in, syscalltest.Frame("poll", 5e9, 100, syscalltest.Params{"res": 1, "fds": []int{5, 1, 77}, "timeout": 0})), `
		fdlist.nums 5,1,77
		fdlist.names 10.0.0.1:5000->203.0.113.7:443,/dev/null,<NA>
		fdlist.cips 10.0.0.1
		fdlist.sips 203.0.113.7
		fdlist.cports 5000
		fdlist.sports 443
		evt.arg.fds 5:1 1:1 77:1
		fd.num <none>
	`)
	want(t, take(t, in, syscalltest.Frame("ppoll", 5e9, 100, syscalltest.Params{"res": 0, "fds": []int{1}})), "fdlist.nums 1\nfdlist.cips <none>")
	want(t, take(t, in, syscalltest.Open(5e9, 100, 2, "/x", 1)), "fdlist.nums <none>\nproc.stderr.name /x")
}

// TestOwnDescriptors asks /proc about this very process, of which no event told.
func TestOwnDescriptors(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc to ask")
	}
	proc, err := process.OpenProc("/proc")
	if err != nil {
		t.Fatal(err)
	}
	in := New(Options{Proc: proc})
	file, err := os.Create(t.TempDir() + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	defer writer.Close()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()

	pid := int64(os.Getpid())
	e := take(t, in, syscalltest.Frame("setsid", time.Now().UnixNano(), pid, syscalltest.Params{"res": int(pid)}))
	want(t, e, fmt.Sprintf("fd.types[%d] file\nfd.types[%d] pipe\nfd.types[1000000] <none>", file.Fd(), writer.Fd()))
	// A container may forbid a program to look at its own sockets.
	if got := render(catalogue, e, fmt.Sprintf("fd.types[%d]", socket.Fd())); got != "ipv4" && got != notAvailable {
		t.Errorf("a socket is %s", got)
	} else if got == "ipv4" {
		fd := in.descriptor(e.Data.(*Record).Thread.Process, int64(socket.Fd()))
		if string(fd.Name) != listener.Addr().String() || fd.Protocol != process.ProtocolTCP {
			t.Errorf("socket %+v named %s", fd, fd.Name)
		}
	}
	// A text stays what it is when others are asked for.
	stdin := render(catalogue, e, "proc.stdin.name")
	before := strings.Clone(stdin)
	for _, name := range []string{"proc.stdout.name", "proc.stderr.name", "fd.types"} {
		if render(catalogue, e, name); stdin != before {
			t.Errorf("proc.stdin.name was %q and is %q after %s", before, stdin, name)
		}
	}
	types := render(catalogue, e, "fd.types")
	for _, kind := range []string{"file", "pipe"} {
		if !strings.Contains(types, kind) {
			t.Errorf("no %s among %s", kind, types)
		}
	}
	var open int
	if fmt.Sscan(render(catalogue, e, "proc.fdopencount"), &open); open < 4 {
		t.Errorf("%d descriptors are open", open)
	}
	// The table has something else under the number: it missed that the number was given to another file.
	take(t, in, syscalltest.Open(time.Now().UnixNano(), pid, int(writer.Fd()), "/long/closed", 1))
	e = take(t, in, syscalltest.Frame("setsid", time.Now().UnixNano(), pid, syscalltest.Params{"res": int(pid)}))
	want(t, e, fmt.Sprintf("fd.types[%d] pipe", writer.Fd()))
}

func TestKindOfLink(t *testing.T) {
	for link, want := range map[string]process.Kind{
		"/dev/pts/0": process.KindFile, "pipe:[123]": process.KindPipe, "socket:[5]": process.KindUnknown, "": process.KindUnknown,
		"anon_inode:[eventpoll]": process.KindPoll, "anon_inode:inotify": process.KindInotify, "anon_inode:bpf-map": process.KindBPF,
		"anon_inode:[perf_event]": process.KindOther, "/memfd:x (deleted)": process.KindMemfd,
	} {
		if got := kindOfLink(link); got != want {
			t.Errorf("%s is %q, want %q", link, got, want)
		}
	}
}

// TestSwitch: how long threads run is known where the CPUs tell to whom they are given.
func TestSwitch(t *testing.T) {
	in := machine(t)
	given := func(cpu uint16, at, from int64) *event.Event {
		var e wire.Event
		if _, err := e.Decode(syscalltest.Frame("switch", at, from, syscalltest.Params{"next": 1, "pgft_maj": 0})); err != nil {
			t.Fatal(err)
		}
		e.Header.CPU = cpu
		params := make([][]byte, e.Params)
		for i := range params {
			params[i] = e.Param(i)
		}
		return take(t, in, wire.Append(nil, e.Header, params...))
	}
	want(t, given(0, 10e9, 100), "thread.exectime 0\nthread.totexectime 0")
	want(t, given(1, 11e9, 100), "thread.exectime 0")
	want(t, given(0, 12e9, 1), "thread.exectime 2000000000\nthread.totexectime 2000000000")
	want(t, given(0, 12e9+5, 100), "thread.exectime 5\nthread.totexectime 5\nsyscall.type <none>")
	want(t, given(1, 12e9, 100), "thread.exectime 1000000000\nthread.totexectime 1000000005")
	want(t, take(t, in, syscalltest.Open(13e9, 100, 3, "/x", 1)), "thread.exectime 0\nthread.totexectime 1000000005")
}

// TestHidden: the fields that Falco accepts and does not list.
func TestHidden(t *testing.T) {
	in := machine(t)
	take(t, in, syscalltest.Open(5e9, 100, 3, "/x", 1))
	read := syscalltest.Frame("read", 6e9, 100, syscalltest.Params{"res": 5, "fd": 3, "data": "hello", "size": 10})
	want(t, take(t, in, read), `
		evt.buflen 5
		evt.buflen.in 5
		evt.buflen.out <none>
		evt.buflen.file 5
		evt.buflen.file.in 5
		evt.buflen.file.out <none>
		evt.buflen.net <none>
		evt.buffer hello
		evt.latency.quantized 0
		evt.count.procinfo <none>
		thread.nametid bash100
		evt.infra.docker.name <none>
	`)
	want(t, take(t, in, syscalltest.Exec(7e9, 100, 1, "/bin/x", "x", "x")), "thread.vmsize.b 0\nthread.vmrss.b 0")
	want(t, take(t, in, syscalltest.Frame("procinfo", 7e9, 100, syscalltest.Params{"cpu_usr": 1})), "evt.count.procinfo 1\nevt.count.threadinfo 1\nthread.cpu <none>")
}

// TestCounters: fields whose answer depends on where they stand.
func TestCounters(t *testing.T) {
	in := machine(t)
	e := take(t, in, syscalltest.Open(5_000_000_000, 100, 3, "/x", 1))
	if got, want := render(catalogue, e, "evt.outputtime"), render(catalogue, e, "evt.time"); got != want || got == "" {
		t.Errorf("evt.outputtime %s, want %s", got, want)
	}
	for moment, want := range map[string]string{
		"5000000000": "0", "4999000000": "1", "5000000001": "1", "5001000001": "2", "0": "5000", "18446744073709551615": "no time", "x": "no time", "-1": "no time",
	} {
		if got := render(catalogue, e, "evt.around["+moment+"]"); got != want && !strings.Contains(got, want) {
			t.Errorf("evt.around[%s] is %s, want %s", moment, got, want)
		}
	}
	f, _, _ := catalogue.Lookup("util.cnt")
	var first, second field.Arg
	for _, a := range []*field.Arg{&first, &second} {
		if err := f.Prepare(a); err != nil {
			t.Fatal(err)
		}
	}
	for i, a := range []*field.Arg{&first, &first, &second, &first} {
		var v event.Value
		if f.Extract(e, a, &v); v.Num != []uint64{1, 2, 1, 3}[i] {
			t.Errorf("time %d: %d", i, v.Num)
		}
	}
}

// TestApplies: what the catalogue says about event types agrees with the values in recorded events, and is of use.
func TestApplies(t *testing.T) {
	reader, err := recording.NewReader(openGzip(t, "testdata/peer.rec.gz"))
	if err != nil {
		t.Fatal(err)
	}
	in := New(Options{})
	in.Load(reader.Header())
	for {
		frame, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		askAll(take(t, in, frame))
	}
	for _, test := range []struct {
		field, arg, event string
		want              bool
	}{
		{"evt.arg", "flags", "openat", true}, {"evt.arg", "flags", "close", false}, {"evt.arg", "0", "close", true}, {"evt.arg", "9", "close", false},
		{"evt.arg", "ID", "getpid", true}, {"evt.rawarg.flags", "", "openat", true}, {"evt.rawarg.flags", "", "read", false},
		{"fd.name", "", "execve", false}, {"fd.name", "", "openat", true}, {"fd.name", "", "fstatfs", false}, {"fd.sip", "", "openat", false}, {"fd.sip", "", "connect", true}, {"fd.sip", "", "read", true},
		{"evt.res", "", "openat", true}, {"evt.res", "", "procexit", false}, {"evt.res", "", "fsync", false}, {"evt.is_open_read", "", "openat", true},
		{"evt.is_open_read", "", "connect", false}, {"evt.buffer", "", "write", true}, {"evt.buffer", "", "openat", false}, {"evt.buflen", "", "openat", false},
		{"evt.abspath", "", "renameat", true}, {"evt.abspath", "src", "renameat", true}, {"evt.abspath", "src", "mkdirat", false}, {"evt.abspath", "", "mkdir", false},
		{"fs.path.name", "", "mkdir", true}, {"fs.path.source", "", "mkdir", false}, {"fs.path.target", "", "rename", true}, {"fdlist.nums", "", "ppoll", true},
		{"fdlist.nums", "", "read", false}, {"syscall.type", "", "procexit", false}, {"syscall.type", "", "fsync", true}, {"evt.io_dir", "", "read", true}, {"evt.io_dir", "", "open", false},
	} {
		f, _, ok := catalogue.Lookup(test.field)
		if !ok || f.Applies == nil {
			t.Errorf("%s says nothing about event types", test.field)
			continue
		}
		a := field.Arg{Present: test.arg != "", Text: test.arg}
		if test.arg == "0" || test.arg == "9" {
			a.Index, a.IsIndex = int(test.arg[0]-'0'), true
		}
		all := catalogue.TypeIDs(test.event)
		if got := f.Applies(all[len(all)-1], &a); got != test.want {
			t.Errorf("%s[%s] applies to %s: %v", test.field, test.arg, test.event, got)
		}
	}
}
