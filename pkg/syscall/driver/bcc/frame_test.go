//go:build bcc

package bcc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/saker-security/saker/pkg/syscall/wire"
)

// build makes a record as the C text does.
func build(typ uint16, res int64, arg [4]int64, extra [3]uint64, sec map[int][]byte) []byte {
	le := binary.LittleEndian
	b := make([]byte, headSize)
	le.PutUint64(b, 1000)
	le.PutUint32(b[8:], 12)
	le.PutUint32(b[12:], 11)
	le.PutUint16(b[16:], typ)
	le.PutUint64(b[40:], uint64(res))
	for i, v := range arg {
		le.PutUint64(b[48+8*i:], uint64(v))
	}
	for i, v := range extra {
		le.PutUint64(b[80+8*i:], v)
	}
	for i := range sections {
		le.PutUint16(b[18+2*i:], uint16(len(sec[i])))
		b = append(b, sec[i]...)
	}
	return b
}

// buildTask makes the section of a task of which everything is known: number i is 100+i.
func buildTask(comm string) []byte {
	var b []byte
	for i := range taskNumbers {
		n := uint64(100 + i)
		if i == taskPresent {
			n = 1<<taskNumbers - 2
		}
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return append(b, append([]byte(comm), make([]byte, commSize-len(comm))...)...)
}

func decode(t *testing.T, record []byte) *wire.Event {
	t.Helper()
	frame, err := appendFrame(nil, record, 1, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	e := new(wire.Event)
	if n, err := e.Decode(frame); err != nil || n != len(frame) {
		t.Fatalf("decode: %d of %d bytes, %v", n, len(frame), err)
	}
	return e
}

func params(e *wire.Event) []string {
	var out []string
	for i := range e.Params {
		out = append(out, string(e.Param(i)))
	}
	return out
}

func s64(v int64) string  { return string(i64(v)) }
func s32(v uint32) string { return string(u32(v)) }

func TestFrames(t *testing.T) {
	task := buildTask("prog")
	proc := map[int][]byte{
		secTask: task, secArgs: []byte("me\x00a\x00b c\x00"), secEnv: []byte("A=1\x00B="),
		secCgroupMemory: []byte("pod\x00kubepods\x00\x00"), secCgroupUnified: []byte("\x00"),
		secCwd: []byte("b\x00a\x00\x00"), secExe: []byte("prog\x00bin\x00usr\x00\x00"), secPath: []byte("/bin/prog\x00"),
	}
	common := []string{
		s64(0), "me\x00", "a\x00b c\x00", s64(12), s64(11), s64(101), "/a/b\x00", s64(102), s64(103), s64(104),
		s32(uint32(105 * pageKiB)), "", "", "prog\x00", "memory=/kubepods/pod\x00",
	}
	exec := append(append([]string{}, common...), "A=1\x00B=\x00", s32(106), s64(107), s32(108), "", s64(109), s64(110), s64(111),
		s64(112), s64(113*1e9+114), s64(115*1e9+116), s32(117), "/usr/bin/prog\x00", s64(118), s32(119))
	tests := map[string]struct {
		record []byte
		want   []string
	}{
		"open": {
			build(typeOpen, 5, [4]int64{-100, unix.O_RDWR | unix.O_CREAT, 0o100644}, [3]uint64{8, 9, 1}, map[int][]byte{secPath: []byte("/x\x00")}),
			[]string{s64(5), "/x\x00", s32(flagRdonly | flagWronly | flagCreat | flagCreated), s32(0o644), s32(8), s64(9)},
		},
		"openat without a readable name": {
			build(typeOpenat, -14, [4]int64{7, unix.O_RDONLY, 0o644}, [3]uint64{}, nil),
			[]string{s64(-14), s64(7), "", s32(flagRdonly), s32(0), s32(0), s64(0)},
		},
		"openat2": {
			build(typeOpenat2, -40, [4]int64{-100, unix.O_WRONLY | unix.O_EXCL, 0, unix.RESOLVE_BENEATH | resolveCached}, [3]uint64{}, map[int][]byte{secPath: []byte("x\x00")}),
			[]string{s64(-40), s64(-100), "x\x00", s32(flagWronly | flagExcl), s32(0), s32(1<<0 | 1<<5), s32(0), s64(0)},
		},
		"chdir":    {build(typeChdir, 0, [4]int64{}, [3]uint64{}, map[int][]byte{secPath: []byte("/x\x00")}), []string{s64(0), "/x\x00"}},
		"fchdir":   {build(typeFchdir, -9, [4]int64{-1}, [3]uint64{}, nil), []string{s64(-9), s64(-1)}},
		"exited":   {build(typeProcexit, 3<<8, [4]int64{}, [3]uint64{}, nil), []string{s64(3 << 8), s64(3), "\x00", "\x00", ""}},
		"dumped":   {build(typeProcexit, 11|0x80, [4]int64{}, [3]uint64{}, nil), []string{s64(11 | 0x80), s64(0), "\x0b", "\x01", ""}},
		"execve":   {build(typeExecve, 0, [4]int64{}, [3]uint64{}, proc), append(exec[:len(exec):len(exec)], "/bin/prog\x00")},
		"execveat": {build(typeExecveat, 0, [4]int64{}, [3]uint64{}, proc), exec},
		"clone": {build(typeClone, 0, [4]int64{}, [3]uint64{}, proc), append(common[:len(common):len(common)],
			s32(122), s32(117), s32(119), s64(120), s64(121), "")},
		"connect": {
			build(typeConnect, 0, [4]int64{6}, [3]uint64{}, map[int][]byte{
				secSock: sock(unix.AF_INET, 40000, 443, []byte{10, 0, 0, 1}, []byte{10, 0, 0, 2}),
				secAddr: {2, 0, 1, 0xbb, 10, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0},
			}),
			[]string{s64(0), "\x02\x0a\x00\x00\x01\x40\x9c\x0a\x00\x00\x02\xbb\x01", s64(6), "\x02\x0a\x00\x00\x09\xbb\x01"},
		},
		"connect unix": {
			build(typeConnect, 0, [4]int64{6}, [3]uint64{1, 2}, map[int][]byte{
				secSock: sock(unix.AF_UNIX, 0, 0, nil, nil), secAddr: []byte("\x01\x00/run/x"),
			}),
			[]string{s64(0), "\x01" + s64(1) + s64(2) + "/run/x\x00", s64(6), "\x01/run/x\x00"},
		},
		"connect netlink": {
			build(typeConnect, 0, [4]int64{6}, [3]uint64{}, map[int][]byte{secAddr: {16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}}),
			[]string{s64(0), "", s64(6), "\x10"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e := decode(t, test.record)
			if e.Thread != 12 || e.Time != int64(time.Second)+1000 || e.CPU != 1 {
				t.Errorf("thread %d, time %d, CPU %d", e.Thread, e.Time, e.CPU)
			}
			if diff := cmp.Diff(test.want, params(e)); diff != "" {
				t.Errorf("parameters (-want +got):\n%s", diff)
			}
		})
	}
}

func sock(family, sport, dport uint16, saddr, daddr []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, family)
	b = binary.NativeEndian.AppendUint16(b, sport)
	b = binary.BigEndian.AppendUint16(b, dport)
	b = append(b, 0, 0)
	b = append(append(b, saddr...), make([]byte, 16-len(saddr))...)
	return append(append(b, daddr...), make([]byte, 16-len(daddr))...)
}

// TestUnknown shows that what could not be read has no value and not a zero.
func TestUnknown(t *testing.T) {
	task := buildTask("p")
	binary.LittleEndian.PutUint64(task, 0)
	e := decode(t, build(typeExecve, 0, [4]int64{}, [3]uint64{}, map[int][]byte{secTask: task}))
	for i := range e.Params {
		known := i == 0 || i == 3 || i == 4 || i == 13 // res, tid, pid, comm
		if got := len(e.Param(i)) > 0; got != known {
			t.Errorf("parameter %d has %d bytes", i, len(e.Param(i)))
		}
	}
}

func TestNames(t *testing.T) {
	for in, want := range map[string]string{
		"":                    "",
		"\x00":                "/\x00",
		"c\x00b\x00a\x00\x00": "/a/b/c\x00",
		"memfd:x\x00":         "memfd:x\x00",
		"cut":                 "",
	} {
		if got := string(names([]byte(in))); got != want {
			t.Errorf("names(%q) is %q, want %q", in, got, want)
		}
	}
}

func TestSockaddr(t *testing.T) {
	v6 := append([]byte{10, 0, 0x1f, 0x90, 0, 0, 0, 0}, append(bytes.Repeat([]byte{0xfe}, 16), 0, 0, 0, 0)...)
	for in, want := range map[string]string{
		"":                          "",
		"\x02":                      "",
		"\x02\x00\x00\x50\x01\x02":  "",
		"\x01\x00":                  "\x01\x00",
		"\x01\x00\x00abstract\x00x": "\x01@abstract\x00",
		"\x01\x00/a\x00rest":        "\x01/a\x00",
		string(v6):                  "\x0a" + string(bytes.Repeat([]byte{0xfe}, 16)) + "\x90\x1f",
		string(v6[:20]):             "",
		"\x00\x00\x00\x00":          "\x00",
	} {
		if got := string(sockaddr([]byte(in))); got != want {
			t.Errorf("sockaddr(%q) is %q, want %q", in, got, want)
		}
	}
}

func TestOpenFlags(t *testing.T) {
	for _, test := range []struct {
		kernel uint64
		want   uint32
	}{
		{unix.O_RDONLY, flagRdonly},
		{unix.O_WRONLY | unix.O_APPEND, flagWronly | flagAppend},
		{unix.O_RDWR | unix.O_SYNC, flagRdonly | flagWronly | flagSync | flagDsync},
		{unix.O_RDWR | unix.O_DSYNC, flagRdonly | flagWronly | flagDsync},
		{unix.O_DIRECTORY, flagRdonly | flagDirectory},
		{unix.O_TMPFILE | unix.O_RDWR, flagRdonly | flagWronly | flagDirectory | flagTmpfile},
		{unix.O_ACCMODE, flagRdonly},
		{largefile | unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_DIRECT | unix.O_TRUNC,
			flagRdonly | flagLargefile | flagCloexec | flagNonblock | flagDirect | flagTrunc},
	} {
		if got := openFlags(test.kernel); got != test.want {
			t.Errorf("openFlags(%#o) is %#x, want %#x", test.kernel, got, test.want)
		}
	}
}

func FuzzFrame(f *testing.F) {
	f.Add(build(typeOpenat, 3, [4]int64{}, [3]uint64{}, map[int][]byte{secPath: []byte("/x\x00")}))
	f.Add(build(typeExecve, 0, [4]int64{}, [3]uint64{}, map[int][]byte{secTask: buildTask("p"), secArgs: []byte("a\x00b")}))
	f.Add(build(typeConnect, 0, [4]int64{}, [3]uint64{}, map[int][]byte{secSock: sock(10, 1, 2, nil, nil), secAddr: []byte("\x01\x00x")}))
	f.Add(build(typeProcexit, 9, [4]int64{}, [3]uint64{}, nil)[:50])
	f.Fuzz(func(t *testing.T, record []byte) {
		frame, err := appendFrame(nil, record, 0, 0)
		if err != nil {
			if !errors.Is(err, errRecord) {
				t.Fatalf("error of another kind: %v", err)
			}
			return
		}
		var e wire.Event
		if n, err := e.Decode(frame); err != nil || n != len(frame) {
			t.Fatalf("the frame does not decode: %d of %d bytes, %v", n, len(frame), err)
		}
	})
}

func BenchmarkFrame(b *testing.B) {
	for name, record := range map[string][]byte{
		"openat": build(typeOpenat, 3, [4]int64{}, [3]uint64{}, map[int][]byte{secPath: []byte("/etc/ld.so.cache\x00")}),
		"execve": build(typeExecve, 0, [4]int64{}, [3]uint64{}, map[int][]byte{
			secTask: buildTask("p"), secArgs: bytes.Repeat([]byte("arg\x00"), 50), secEnv: bytes.Repeat([]byte("A=1234567\x00"), 50)}),
	} {
		b.Run(name, func(b *testing.B) {
			var frame []byte
			b.SetBytes(int64(len(record)))
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if frame, err = appendFrame(frame[:0], record, 0, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
