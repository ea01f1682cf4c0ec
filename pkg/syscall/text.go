package syscall

import (
	"strconv"
	"time"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/syscall/process"
	"github.com/saker-security/saker/pkg/syscall/table"
)

// notAvailable is what is shown for something that should have a value but has none.
const notAvailable = "<NA>"

// appendArgs writes all parameters as name=raw(resolved), with blanks between them.
func (r *Record) appendArgs(dst []byte) []byte {
	for i := range min(r.Wire.Params, len(r.Row.Params)) {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(dst, r.Row.Params[i].Name...)
		dst = append(dst, '=')
		dst = r.appendRaw(dst, i)
		end := len(dst)
		if dst = r.appendResolved(append(dst, '('), i); len(dst) == end+1 {
			dst = dst[:end]
		} else {
			dst = append(dst, ')')
		}
	}
	return dst
}

// appendArg writes one parameter as evt.arg shows it: what it stands for if there is such a text, else itself.
func (r *Record) appendArg(dst []byte, i int) []byte {
	n := len(dst)
	if dst = r.appendResolved(dst, i); len(dst) > n {
		return dst
	}
	return r.appendRaw(dst, i)
}

// appendRaw writes a parameter as it is.
func (r *Record) appendRaw(dst []byte, i int) []byte {
	p, param := r.Wire.Param(i), &r.Row.Params[i]
	if len(p) == 0 {
		return append(dst, nothing(param.Type)...)
	}
	switch param.Type {
	case event.TypeString, event.TypePath, event.TypeRelPath:
		return append(dst, trimNUL(p)...)
	case event.TypeSockAddr:
		return appendSockAddr(dst, p)
	case event.TypeSockTuple:
		if t, ok := parseTuple(p); ok {
			return t.append(dst)
		}
		return appendFamily(dst, p[0])
	case event.TypeFDList:
		return appendFDList(dst, p)
	case event.TypeSigSet:
		return appendSignals(dst, p)
	}
	n, ok := decode(p, param.Type.Signed())
	if !ok || param.Type.Class() != event.ClassNumber && param.Type.Class() != event.ClassBool {
		return appendPrintable(dst, p)
	}
	return appendNumber(dst, n, param)
}

// nothing is the text of a parameter without value.
func nothing(t event.Type) string {
	switch t {
	case event.TypeBytes, event.TypeSockTuple, event.TypeFDList, event.TypeDyn, event.TypeStringArray:
		return "NULL"
	}
	return notAvailable
}

func appendNumber(dst []byte, n uint64, param *table.Param) []byte {
	switch param.Type {
	case event.TypeUID, event.TypeGID:
		return strconv.AppendInt(dst, int64(int32(n)), 10)
	case event.TypeRelTime:
		if n == ^uint64(0) {
			return append(dst, "none"...)
		}
	case event.TypeAbsTime:
		return time.Unix(0, int64(n)).AppendFormat(dst, "2006-01-02 15:04:05.000000000")
	case event.TypeFlags8, event.TypeFlags16, event.TypeFlags32,
		event.TypeEnumFlags8, event.TypeEnumFlags16, event.TypeEnumFlags32:
		return strconv.AppendUint(dst, n, 10)
	}
	switch {
	case param.Print == field.Octal && n != 0:
		return strconv.AppendUint(append(dst, '0'), n, 8)
	case param.Print == field.Hex:
		return appendHex(dst, n, param.Type.Bits())
	case param.Type.Signed():
		return strconv.AppendInt(dst, int64(n), 10)
	}
	return strconv.AppendUint(dst, n, 10)
}

// appendHex writes upper-case digits without prefix.
func appendHex(dst []byte, n uint64, bits int) []byte {
	if bits < 64 {
		n &= 1<<bits - 1
	}
	start := len(dst)
	dst = strconv.AppendUint(dst, n, 16)
	for i := start; i < len(dst); i++ {
		if dst[i] >= 'a' {
			dst[i] -= 'a' - 'A'
		}
	}
	return dst
}

// appendPrintable writes bytes one by one, a dot for those that are not printable ASCII.
func appendPrintable(dst, p []byte) []byte {
	for _, c := range p {
		if c < ' ' || c > '~' {
			c = '.'
		}
		dst = append(dst, c)
	}
	return dst
}

// appendResolved writes what a parameter stands for: the name behind a number, the absolute path of a relative one.
// Nothing is appended when there is no such text.
func (r *Record) appendResolved(dst []byte, i int) []byte {
	p, param := r.Wire.Param(i), &r.Row.Params[i]
	if len(p) == 0 {
		return dst
	}
	n, _ := decode(p, param.Type.Signed())
	switch param.Type {
	case event.TypeErrno:
		return appendErrno(dst, int64(n))
	case event.TypeFD, event.TypeFD32:
		return r.appendFD(dst, int64(n))
	case event.TypePID, event.TypePID32:
		if thread := r.in.table.Get(int64(n)); thread != nil && n != 0 {
			return append(dst, thread.Comm...)
		}
	case event.TypeUID:
		return r.appendUser(dst, uint32(n))
	case event.TypeGID:
		return r.appendGroup(dst, uint32(n))
	case event.TypeSigType:
		return append(dst, table.SignalName(n)...)
	case event.TypeFlags8, event.TypeFlags16, event.TypeFlags32, event.TypeMode:
		return appendFlags(dst, n, param.Flags)
	case event.TypeEnumFlags8, event.TypeEnumFlags16, event.TypeEnumFlags32:
		return appendEnum(dst, n, param.Flags)
	case event.TypeRelTime:
		if n != ^uint64(0) {
			return append(strconv.AppendFloat(dst, float64(n)/1e9, 'g', -1, 64), 's')
		}
	case event.TypePath, event.TypeRelPath:
		return r.appendResolvedPath(dst, i)
	}
	return dst
}

func appendErrno(dst []byte, n int64) []byte {
	if n < 0 {
		dst = append(dst, table.ErrnoName(-n)...)
	}
	return dst
}

// appendFlags writes the names of the bits that are set. A name whose bits are all set takes them away; a name for 0
// is written when nothing is set.
func appendFlags(dst []byte, n uint64, flags []table.Flag) []byte {
	start, left := len(dst), n
	for i := range flags {
		f := &flags[i]
		if left&f.Value != f.Value || f.Value == 0 && n != 0 {
			continue
		}
		left &^= f.Value
		if len(dst) > start {
			dst = append(dst, '|')
		}
		dst = append(dst, f.Name...)
	}
	return dst
}

// appendEnum writes every name of a value.
func appendEnum(dst []byte, n uint64, flags []table.Flag) []byte {
	start := len(dst)
	for i := range flags {
		if flags[i].Value != n {
			continue
		}
		if len(dst) > start {
			dst = append(dst, '|')
		}
		dst = append(dst, flags[i].Name...)
	}
	return dst
}

// appendFD writes <T>name, where T is the kind of the descriptor, followed by the transport for IP sockets.
func (r *Record) appendFD(dst []byte, num int64) []byte {
	switch {
	case num == currentDirectory:
		return append(dst, "AT_FDCWD"...)
	case num < 0:
		return appendErrno(dst, num)
	case r.Thread == nil:
		return dst
	}
	fd := r.Thread.Process.FD(num)
	if fd == nil {
		return dst
	}
	kind := fd.Kind
	if kind == process.KindUnknown {
		kind = process.KindOther
	}
	dst = append(dst, '<', byte(kind))
	if fd.IsIP() && fd.Protocol != process.ProtocolUnknown {
		dst = append(dst, fd.Protocol)
	}
	dst = append(dst, '>')
	return append(dst, fd.Name...)
}

// appendResolvedPath makes a relative path absolute.
func (r *Record) appendResolvedPath(dst []byte, i int) []byte {
	path := r.bytes(i)
	if len(path) == 0 || path[0] == '/' && !r.inRoot() || r.Thread == nil {
		return dst
	}
	dir := -1
	if r.Row.Params[i].Type == event.TypeRelPath {
		dir = r.directoryParam(i)
	}
	return r.in.appendAbsolute(dst, r, dir, i)
}

// directoryParam finds the descriptor to which path parameter i is relative: the nearest before it.
func (r *Record) directoryParam(i int) int {
	for j := i - 1; j >= 0; j-- {
		if r.Row.Params[j].Type == event.TypeFD && (j > 0 || !r.Row.Returns()) {
			return j
		}
	}
	return -1
}

// appendFDList writes the descriptors of poll as number:flags.
func appendFDList(dst, p []byte) []byte {
	start := len(dst)
	eachPolled(p, func(num int64, flags uint16) {
		if len(dst) > start {
			dst = append(dst, ' ')
		}
		dst = append(strconv.AppendInt(dst, num, 10), ':')
		dst = strconv.AppendUint(dst, uint64(flags), 16)
	})
	return dst
}

// appendSignals writes the names of a set of signals, u32 with signal 1 in its lowest bit.
func appendSignals(dst, p []byte) []byte {
	set, _ := decode(p, false)
	start := len(dst)
	for n := uint64(1); n <= 32; n++ {
		if set&(1<<(n-1)) == 0 {
			continue
		}
		if len(dst) > start {
			dst = append(dst, ' ')
		}
		dst = append(dst, table.SignalName(n)...)
	}
	return dst
}
