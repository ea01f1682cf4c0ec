package capture

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"flag"
	"io"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/saker-security/saker/pkg/syscall/account"
	"github.com/saker-security/saker/pkg/syscall/process"
	"github.com/saker-security/saker/pkg/syscall/recording"
	"github.com/saker-security/saker/pkg/syscall/syscalltest"
	"github.com/saker-security/saker/pkg/syscall/table"
	"github.com/saker-security/saker/pkg/syscall/wire"
)

var update = flag.Bool("update", false, "write the golden files anew")

var le = binary.LittleEndian

// pack puts numbers of their own width and texts with their length one after another.
func pack(values ...any) []byte {
	var b []byte
	for _, v := range values {
		switch v := v.(type) {
		case string:
			b = append(le.AppendUint16(b, uint16(len(v))), v...)
		case []byte:
			b = append(b, v...)
		default:
			b, _ = binary.Append(b, le, v)
		}
	}
	return b
}

// entry is pack with the length, which counts itself, in front.
func entry(values ...any) []byte {
	b := pack(values...)
	return append(le.AppendUint32(nil, uint32(len(b)+4)), b...)
}

func block(kind uint32, parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	body = append(body, make([]byte, (4-len(body)%4)%4)...)
	size := uint32(len(body) + 12)
	b := le.AppendUint32(le.AppendUint32(nil, kind), size)
	return le.AppendUint32(append(b, body...), size)
}

func section() []byte {
	return block(blockSection, pack(uint32(0x1a2b3c4d), uint16(1), uint16(2), ^uint64(0)))
}

func machine() []byte {
	name := make([]byte, 128)
	copy(name, "node1")
	return block(blockMachine, pack(uint32(2), uint64(1<<30), uint64(4194304), name, uint64(1e9), uint64(0), uint64(0), uint64(0)))
}

// thread is an entry as libs write it since 0.18, without the parts behind end bytes.
func thread(tid, pid, ppid int64, name, args string, end int) []byte {
	rest := pack(uint64(0), uint32(34816), uint32(1000), uint8(1), uint64(1), uint64(2), uint64(3),
		uint8(1), uint64(77), uint64(5e9), uint64(4e9), uint8(0), uint8(1), int64(9))
	return entry(tid, pid, ppid, int64(7), int64(8), name, name, "/bin/"+name, args, "/root/", uint64(1024), uint32(0),
		uint32(0), uint32(5), uint32(100), uint32(50), uint32(1), uint64(11), uint64(12), "PATH=/bin\x00A=1\x00", tid, pid,
		"cpu=/\x00memory=/x\x00", "/", rest[:end])
}

const wholeThread = 83

func event(kind uint32, frame []byte) []byte {
	cpu, body := frame[:2], frame[wire.FrameHeaderSize:]
	if kind == blockEventFlags || kind == blockLargeFlags {
		cpu = append(bytes.Clone(cpu), 1, 0, 0, 0)
	}
	if kind == blockLarge || kind == blockLargeFlags {
		n := int(le.Uint32(body[22:]))
		wide := bytes.Clone(body[:wire.EventHeaderSize])
		le.PutUint32(wide[16:], uint32(len(body)+2*n))
		for i := range n {
			wide = le.AppendUint32(wide, uint32(le.Uint16(body[wire.EventHeaderSize+2*i:])))
		}
		body = append(wide, body[wire.EventHeaderSize+2*n:]...)
	}
	return block(kind, cpu, body)
}

func frame(id uint16, params ...[]byte) []byte {
	return wire.Append(nil, wire.Header{CPU: 1, Time: 6e9, Thread: 10, Type: id}, params...)
}

// shadow is a capture in which cat, started by bash, reads /etc/shadow.
func shadow() []byte {
	return join(section(), machine(),
		block(blockInterfaces,
			entryPlain(uint16(1), uint16(2), []byte{127, 0, 0, 1}, []byte{255, 0, 0, 0}, []byte{127, 0, 0, 1}, uint64(0), []byte("lo")),
			entryPlain(uint16(2), uint16(2), make([]byte, 15), uint8(1), make([]byte, 32), uint64(0), []byte("lo"))),
		block(blockUsers, entry(uint8(0), uint32(0), uint32(0), "root", "/root", "/bin/bash"), entry(uint8(1), uint32(5), "tty")),
		block(blockProcesses, thread(10, 10, 1, "bash", "-i\x00", wholeThread)),
		block(blockFDs, pack(int64(10)), entry(int64(0), uint64(3), uint8(16), uint32(2), "/dev/tty1", uint32(5))),
		event(blockEvent, frame(typeUserAdded, pack(uint32(1000)), pack(uint32(1000)), []byte("alice\x00"), []byte("/home/alice\x00"), []byte("/bin/sh\x00"), []byte{0})),
		event(blockEvent, frame(typeGroupAdded, pack(uint32(1000)), []byte("alice\x00"), []byte{0})),
		event(blockEvent, syscalltest.Exec(6e9, 11, 10, "/bin/cat", "cat", "cat", "/etc/shadow")),
		event(blockEventFlags, syscalltest.Open(7e9, 11, 3, "/etc/shadow", 1)),
	)
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// entryPlain is entry with a length that does not count itself.
func entryPlain(values ...any) []byte {
	b := pack(values...)
	return append(le.AppendUint32(nil, uint32(len(b))), b...)
}

// all reads a capture to its end.
func all(t testing.TB, file []byte) (*Reader, [][]byte, error) {
	t.Helper()
	r, err := NewReader(bytes.NewReader(file))
	if err != nil {
		return nil, nil, err
	}
	var frames [][]byte
	for {
		frame, err := r.Next()
		if errors.Is(err, io.EOF) {
			return r, frames, nil
		}
		if err != nil {
			return r, frames, err
		}
		frames = append(frames, bytes.Clone(frame))
	}
}

// TestShadow reads the small capture of the tests of the commands, which -update writes.
func TestShadow(t *testing.T) {
	if *update {
		for _, path := range []string{"testdata/shadow.scap", "../../docs/tools/example/test/shadow.scap"} {
			if err := os.WriteFile(path, shadow(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	file, err := os.ReadFile("testdata/shadow.scap")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(file, shadow()) {
		t.Error("the file is not what the test makes: run it with -update")
	}
	r, frames, err := all(t, file)
	if err != nil {
		t.Fatal(err)
	}
	want := [][]byte{syscalltest.Exec(6e9, 11, 10, "/bin/cat", "cat", "cat", "/etc/shadow"), syscalltest.Open(7e9, 11, 3, "/etc/shadow", 1)}
	if diff := cmp.Diff(want, frames); diff != "" {
		t.Error(diff)
	}
	if r.Name() != "file" || len(r.Skipped()) != 0 {
		t.Errorf("name %s, passed over %v", r.Name(), r.Skipped())
	}
	if stats, err := r.Stats(); err != nil || stats.Delivered != 2 {
		t.Errorf("stats %+v, %v", stats, err)
	}
	head := &recording.Header{
		Hostname: "node1", Time: 6e9, Boot: 1e9,
		Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")},
		Users: []account.User{{Name: "root", Home: "/root", Shell: "/bin/bash"},
			{UID: 1000, GID: 1000, Name: "alice", Home: "/home/alice", Shell: "/bin/sh"}},
		Groups: []account.Group{{GID: 5, Name: "tty"}, {GID: 1000, Name: "alice"}},
		Threads: []process.Info{{
			TID: 10, PID: 10, PPID: 1, VTID: 10, VPID: 10, SID: 7, PGID: 9, VPGID: 8, Comm: "bash", Exe: "bash", ExePath: "/bin/bash",
			Args: []string{"-i"}, Env: []string{"PATH=/bin", "A=1"}, Cwd: "/root", GID: 5, LoginUID: 1000, TTY: 34816,
			Caps: process.Caps{Inheritable: 1, Permitted: 2, Effective: 3}, Groups: []string{"cpu=/", "memory=/x"},
			ExeFlags: table.ExeWritable | table.ExeUpperLayer | table.ExeLowerLayer, ExeInode: 77, ExeChanged: 5e9, ExeModified: 4e9,
			FDLimit: 1024, Threads: 1, VMSize: 100, VMResident: 50, VMSwap: 1, MajorFaults: 11, MinorFaults: 12,
			FDs: []process.FD{{Kind: process.KindFile, Name: []byte("/dev/tty1"), Flags: 2, Dev: 5, Inode: 3}},
		}},
	}
	if diff := cmp.Diff(head, r.Header(), cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{}), cmpopts.IgnoreUnexported(process.FD{})); diff != "" {
		t.Error(diff)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := r.Next(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// Entries of threads end where the format did when they were written.
func TestOlderThreads(t *testing.T) {
	for _, test := range []struct {
		name string
		rest []byte
		want process.Info
	}{
		{"nothing", nil, process.Info{LoginUID: ^uint32(0)}},
		{"before the terminal", pack(uint32(1000), uint8(1), uint64(1), uint64(2), uint64(3)),
			process.Info{LoginUID: 1000, ExeFlags: table.ExeWritable, Caps: process.Caps{Inheritable: 1, Permitted: 2, Effective: 3}}},
		{"before the memory file", pack(uint64(0), uint32(4), uint32(1000), uint8(0), make([]byte, 24), uint8(1), uint64(7), uint64(8), uint64(9)),
			process.Info{LoginUID: 1000, TTY: 4, ExeFlags: table.ExeUpperLayer, ExeInode: 7, ExeChanged: 8, ExeModified: 9}},
		{"newer than known", pack(make([]byte, 12), uint32(1000), make([]byte, 25), make([]byte, 27), int64(6), uint64(99)),
			process.Info{LoginUID: 1000, PGID: 6}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got process.Info
			later(&cursor{b: test.rest}, &got)
			if diff := cmp.Diff(test.want, got, cmpopts.IgnoreUnexported(process.FD{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDescriptors(t *testing.T) {
	v6 := netip.MustParseAddr("2001:db8::1")
	a6 := v6.As16()
	tests := []struct {
		name  string
		entry []byte
		want  process.FD
	}{
		{"connection", entry(int64(3), uint64(9), uint8(3), []byte{10, 0, 0, 1}, []byte{10, 0, 0, 2}, uint16(4000), uint16(443), uint8(2)),
			process.FD{Num: 3, Inode: 9, Kind: process.KindIPv4, Name: []byte("10.0.0.1:4000->10.0.0.2:443"), Connected: true, Protocol: process.ProtocolTCP,
				Source: netip.MustParseAddrPort("10.0.0.1:4000"), Target: netip.MustParseAddrPort("10.0.0.2:443")}},
		{"connection of IPv6", entry(int64(3), uint64(9), uint8(4), a6[:], a6[:], uint16(1), uint16(2), uint8(3)),
			process.FD{Num: 3, Inode: 9, Kind: process.KindIPv6, Name: []byte("2001:db8::1:1->2001:db8::1:2"), Connected: true, Protocol: process.ProtocolUDP,
				Source: netip.AddrPortFrom(v6, 1), Target: netip.AddrPortFrom(v6, 2)}},
		{"server", entry(int64(4), uint64(9), uint8(5), []byte{0, 0, 0, 0}, uint16(22), uint8(2)),
			process.FD{Num: 4, Inode: 9, Kind: process.KindIPv4, Name: []byte("0.0.0.0:22"), Server: true, Protocol: process.ProtocolTCP, Target: netip.MustParseAddrPort("0.0.0.0:22")}},
		{"server of IPv6", entry(int64(4), uint64(9), uint8(6), a6[:], uint16(22), uint8(9)),
			process.FD{Num: 4, Inode: 9, Kind: process.KindIPv6, Name: []byte("2001:db8::1:22"), Server: true, Target: netip.AddrPortFrom(v6, 22)}},
		{"unix", entry(int64(5), uint64(9), uint8(8), uint64(0xab), uint64(0), "/run/a.sock"),
			process.FD{Num: 5, Inode: 9, Kind: process.KindUnix, Name: []byte("ab->0 /run/a.sock")}},
		{"file without device", entry(int64(6), uint64(9), uint8(16), uint32(1), "/a"), process.FD{Num: 6, Inode: 9, Kind: process.KindFile, Name: []byte("/a"), Flags: 1}},
		{"pipe", entry(int64(7), uint64(9), uint8(7), "pipe:[9]"), process.FD{Num: 7, Inode: 9, Kind: process.KindPipe, Name: []byte("pipe:[9]")}},
		{"of a newer kind", entry(int64(8), uint64(9), uint8(200), "what"), process.FD{Num: 8, Inode: 9}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file := join(section(), block(blockProcesses, thread(9, 9, 1, "a", "", 0), thread(10, 10, 1, "b", "", 0)),
				block(blockFDs, pack(int64(10)), test.entry), block(blockFDs, pack(int64(9))), block(blockFDs, pack(int64(99)), test.entry))
			r, _, err := all(t, file)
			if err != nil {
				t.Fatal(err)
			}
			got := r.Header().Threads[1].FDs
			if diff := cmp.Diff([]process.FD{test.want}, got, cmpopts.EquateComparable(netip.AddrPort{}), cmpopts.IgnoreUnexported(process.FD{}), cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEvents(t *testing.T) {
	open := syscalltest.Open(7e9, 11, 3, "/etc/shadow", 1)
	long := bytes.Clone(event(blockLarge, frame(402, nil, []byte("container\x00"), make([]byte, 40000))))
	tests := []struct {
		name    string
		block   []byte
		frames  int
		skipped map[Reason]uint64
	}{
		{"plain", event(blockEvent, open), 1, nil},
		{"with flags", event(blockEventFlags, open), 1, nil},
		{"large", event(blockLarge, open), 1, nil},
		{"large with flags", event(blockLargeFlags, open), 1, nil},
		{"long", long, 1, nil},
		{"begin of a call", event(blockEvent, frame(table.Openat-1)), 0, map[Reason]uint64{ReasonEnter: 1}},
		{"unknown type", event(blockEvent, frame(499)), 0, map[Reason]uint64{ReasonType: 1}},
		{"type beyond the table", event(blockEvent, frame(65535)), 0, map[Reason]uint64{ReasonType: 1}},
		{"of a plugin", event(blockEvent, frame(322, pack(uint32(1)), []byte("x"))), 0, map[Reason]uint64{ReasonPlugin: 1}},
		{"old", block(blockEventOld, make([]byte, 24)), 0, map[Reason]uint64{ReasonOld: 1}},
		{"old with flags", block(blockFlagsOld, make([]byte, 28)), 0, map[Reason]uint64{ReasonOld: 1}},
		{"too long", block(blockLarge, make([]byte, maxEventBlock)), 0, map[Reason]uint64{ReasonLong: 1}},
		{"a parameter too long", block(blockLarge, make([]byte, 2), pack(uint64(1), uint64(1), uint32(wire.EventHeaderSize+4+70000), uint16(table.Chroot),
			uint32(1), uint32(70000)), make([]byte, 70000)), 0, map[Reason]uint64{ReasonLong: 1}},
		{"another block", block(0x7777, []byte("what")), 0, nil},
		{"processes later on", block(blockProcesses, []byte{1, 2, 3, 4}), 0, nil},
		{"users later on", event(blockEvent, frame(typeUserAdded)), 1, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r, frames, err := all(t, join(section(), event(blockEvent, open), test.block, event(blockEvent, open)))
			if err != nil {
				t.Fatal(err)
			}
			if len(frames) != test.frames+2 || !bytes.Equal(frames[0], open) || !bytes.Equal(frames[len(frames)-1], open) {
				t.Errorf("%d frames, want %d", len(frames), test.frames+2)
			}
			if diff := cmp.Diff(test.skipped, r.Skipped(), cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
			for _, frame := range frames {
				if n, err := new(wire.Event).Decode(frame); err != nil || n != len(frame) {
					t.Errorf("frame of %d bytes: %d, %v", len(frame), n, err)
				}
			}
		})
	}
}

// Parameters that a newer Falco appends are left out: some positions behind those of the table have a meaning of ours.
func TestMoreParameters(t *testing.T) {
	more := make([][]byte, len(table.ByID(table.Chdir).Params)+1)
	more[len(more)-1] = []byte("new\x00")
	_, frames, err := all(t, join(section(), event(blockEvent, frame(table.Chdir, more...))))
	if err != nil || len(frames) != 1 {
		t.Fatal(err, len(frames))
	}
	if diff := cmp.Diff(frame(table.Chdir, more[:len(more)-1]...), frames[0]); diff != "" {
		t.Error(diff)
	}
}

func TestDamaged(t *testing.T) {
	good := shadow()
	change := func(at int, to ...byte) []byte {
		b := bytes.Clone(good)
		copy(b[at:], to)
		return b
	}
	tests := []struct {
		name, want string
		file       []byte
		frames     int
	}{
		{"empty", "block at byte 0: the file ends within it, at byte 0", nil, 0},
		{"another file", "it is no section header", []byte("#!/bin/sh\nexit 0 # something else\n"), 0},
		{"big-endian", "big-endian machine", change(8, 0x1a, 0x2b, 0x3c, 0x4d), 0},
		{"byte order", "the mark of the byte order is 0x", change(8, 9), 0},
		{"version", "it has version 2.2 of the format", change(12, 2), 0},
		{"length of the section", "a section header of 32 bytes, want 28", change(4, 32), 0},
		{"cut within an event", "the file ends within it, at byte", good[:len(good)-5], 1},
		{"cut within the end of a block", "the file ends within it, at byte", good[:len(good)-1], 1},
		{"cut within a head", "the file ends within it, at byte", append(bytes.Clone(good), 1, 2, 3), 2},
		{"length too short", "its length is 11", append(bytes.Clone(good), pack(uint32(blockEvent), uint32(11))...), 2},
		{"lengths that differ", "its length is 16 at the begin and 17 at the end", append(bytes.Clone(good), pack(uint32(1), uint32(16), uint32(0), uint32(17))...), 2},
		{"a long block that ends", "the file ends within it", append(bytes.Clone(good), pack(uint32(1), ^uint32(0), uint32(0))...), 2},
		{"another section", "a second section", append(bytes.Clone(good), section()...), 2},
		{"too much about the machine", "more than 134217728 bytes about the machine", append(section(), pack(uint32(blockUsers), ^uint32(0))...), 0},
		{"a lie about the machine", "the file ends within it", append(section(), pack(uint32(blockUsers), uint32(maxState))...), 0},
		{"a short machine", "an entry is longer than the block", append(section(), block(blockMachine, []byte("abcd"))...), 0},
		{"an entry too long", "an entry is longer than the block", append(section(), block(blockUsers, pack(uint32(99), uint8(0)))...), 0},
		{"an entry too short", "an entry is longer than the block", append(section(), block(blockUsers, pack(uint32(2), uint32(0)))...), 0},
		{"an interface too long", "an entry is longer than the block", append(section(), block(blockInterfaces, pack(uint32(99)))...), 0},
		{"an event longer than its block", "an event of 99 bytes with 0 parameters in a block of 28",
			append(section(), block(blockEvent, pack(uint16(0), uint64(0), uint64(0), uint32(99), uint16(5), uint32(0)))...), 0},
		{"too many parameters", "with 4294967295 parameters",
			append(section(), block(blockEvent, pack(uint16(0), uint64(0), uint64(0), uint32(26), uint16(5), ^uint32(0)))...), 0},
		{"a parameter too long", "parameter 0 of an event has 9 bytes, 0 are left",
			append(section(), block(blockEvent, pack(uint16(0), uint64(0), uint64(0), uint32(28), uint16(5), uint32(1), uint16(9)))...), 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, frames, err := all(t, test.file)
			if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if len(frames) != test.frames {
				t.Errorf("%d frames before the damage, want %d", len(frames), test.frames)
			}
		})
	}
}

func TestOpen(t *testing.T) {
	var packed, rec bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(shadow()); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	w, err := recording.NewWriter(&rec, &recording.Header{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, wrong string
		file        []byte
		is          bool
	}{
		{"capture", "", shadow(), true},
		{"packed", "", packed.Bytes(), true},
		{"recording", "", rec.Bytes(), true},
		{"audit events", "", []byte(`{"kind":"Event"}`), false},
		{"empty", "", nil, false},
		{"zstd", "packed by zstd", []byte("\x28\xb5\x2f\xfd\x00\x00"), false},
		{"broken gzip", "gzip: invalid header", []byte("\x1f\x8b123456789"), false},
		{"cut gzip", "ends within it", packed.Bytes()[:packed.Len()/2], false},
		{"broken recording", "the head does not end", []byte(recording.Magic), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got Source
			in, err := Unpack(bytes.NewReader(test.file))
			if err == nil {
				got, err = Open(in)
			}
			if test.wrong == "" && err != nil || test.wrong != "" && (err == nil || !strings.Contains(err.Error(), test.wrong)) {
				t.Errorf("got %v, want %q", err, test.wrong)
			}
			if is := got != nil; is != test.is {
				t.Errorf("source: %t, want %t", is, test.is)
			}
		})
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("disk on fire") }

func TestFailure(t *testing.T) {
	_, err := NewReader(io.MultiReader(bytes.NewReader(shadow()[:400]), failing{}))
	if err == nil || errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "disk on fire") {
		t.Errorf("a reading error is %v", err)
	}
}

// FuzzReader holds that no file crashes the reader or makes frames that are none.
func FuzzReader(f *testing.F) {
	f.Add(shadow())
	f.Add(join(section(), event(blockLargeFlags, syscalltest.Open(7e9, 11, 3, "/etc/shadow", 1)), block(blockEventOld, make([]byte, 24))))
	f.Add(join(section(), block(blockProcesses, thread(9, 9, 1, "a", "", 0)), block(blockFDs, pack(int64(9)),
		entry(int64(3), uint64(9), uint8(3), make([]byte, 12), uint8(2)), entry(int64(5), uint64(9), uint8(8), uint64(1), uint64(0), "/run/a.sock"))))
	f.Fuzz(func(t *testing.T, file []byte) {
		r, frames, err := all(t, file)
		if err != nil && !errors.Is(err, ErrFormat) {
			t.Fatalf("error of another kind: %v", err)
		}
		for _, frame := range frames {
			if n, err := new(wire.Event).Decode(frame); err != nil || n != len(frame) {
				t.Fatalf("frame of %d bytes: %d, %v", len(frame), n, err)
			}
		}
		if r != nil && len(r.header.Threads) > len(file) {
			t.Fatalf("%d threads in %d bytes", len(r.header.Threads), len(file))
		}
	})
}

// BenchmarkNext reads events of a capture that is not packed.
func BenchmarkNext(b *testing.B) {
	one := event(blockEvent, syscalltest.Open(6e9, 1, 3, "/etc/ld.so.cache", 1))
	file := append(section(), bytes.Repeat(one, 10000)...)
	b.SetBytes(int64(len(one)))
	b.ReportAllocs()
	var r *Reader
	for b.Loop() {
		if r != nil {
			if _, err := r.Next(); err == nil {
				continue
			}
		}
		var err error
		if r, err = NewReader(bytes.NewReader(file)); err != nil {
			b.Fatal(err)
		}
	}
}
