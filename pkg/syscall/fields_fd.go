package syscall

import (
	"bytes"
	"net/netip"
	"strconv"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/syscall/process"
	"github.com/saker-security/saker/pkg/syscall/table"
)

// kindNames are the texts of fd.type.
var kindNames = map[process.Kind]string{
	process.KindFile: "file", process.KindDirectory: "directory", process.KindIPv4: "ipv4", process.KindIPv6: "ipv6",
	process.KindUnix: "unix", process.KindPipe: "pipe", process.KindEvent: "event", process.KindSignal: "signalfd",
	process.KindPoll: "eventpoll", process.KindInotify: "inotify", process.KindTimer: "timerfd",
	process.KindNetlink: "netlink", process.KindBPF: "bpf", process.KindUserfault: "userfaultfd",
	process.KindMemfd: "memfd", process.KindPidfd: "pidfd",
}

func fdFields() []field.Field {
	return []field.Field{
		{Name: "fd.num", Type: event.TypeInt64, Help: "Number of the descriptor that the event works on, -1 when the call made none.",
			Extract: onDescriptor(func(r *Record, v *event.Value) bool {
				v.SetInt(r.FDNum)
				return true
			})},
		{Name: "fd.type", Type: event.TypeString, Help: "What the descriptor is: file, directory, ipv4, ipv6, unix, netlink and so on.",
			Extract: onFD(func(_ *Record, fd *process.FD, v *event.Value) bool {
				v.Text = kindName(fd)
				return true
			})},
		{Name: "fd.typechar", Type: event.TypeString, Help: "What the descriptor is, as one character: f file, d directory, 4 and 6 IP, u unix, o other.", Extract: onDescriptor(typeChar)},
		{Name: "fd.name", Type: event.TypeString, Help: "Full path of a file, the two ends of a connection; for an open that failed the path asked for.", Extract: onDescriptor(fdName)},
		{Name: "fd.nameraw", Type: event.TypeString, Help: "Path as the program gave it.", Extract: onDescriptor(fdRawName)},
		{Name: "fd.directory", Type: event.TypeString, Help: "Directory of a file, a directory itself.", Extract: onDescriptor(fdDirectory)},
		{Name: "fd.filename", Type: event.TypeString, Help: "Last part of the path of a file.",
			Extract: onFD(func(_ *Record, fd *process.FD, v *event.Value) bool {
				if fd.Kind != process.KindFile {
					return false
				}
				name := fd.Name
				if i := bytes.LastIndexByte(name, '/'); i >= 0 && len(name) > 1 {
					name = name[i+1:]
				}
				v.Text = view(name)
				return true
			})},
		{Name: "fd.uid", Type: event.TypeString, Help: "Id of the thread followed by the number of the descriptor.",
			Extract: onFD(func(r *Record, fd *process.FD, v *event.Value) bool {
				start := len(r.text)
				r.text = strconv.AppendInt(r.text, r.Wire.Thread, 10)
				r.text = strconv.AppendInt(r.text, fd.Num, 10)
				v.Text = r.built(start)
				return true
			})},
		{Name: "fd.containername", Type: event.TypeString, Help: "container.id, a colon and fd.name.", Extract: inContainer(fdName)},
		{Name: "fd.containerdirectory", Type: event.TypeString, Help: "container.id, a colon and fd.directory.", Extract: inContainer(fdDirectory)},
		{Name: "fd.name_changed", Type: event.TypeBool, Help: "Whether this event changed fd.name.",
			Extract: fdBool(func(r *Record, _ *process.FD) bool { return r.nameChanged })},
		{Name: "fd.dev", Type: event.TypeInt32, Print: field.Hex, Help: "Number of the device that holds the file.",
			Extract: fdNumber(func(fd *process.FD) uint64 { return uint64(fd.Dev) })},
		{Name: "fd.dev.major", Type: event.TypeInt32, Help: "Major number of the device that holds the file.",
			Extract: fdNumber(func(fd *process.FD) uint64 { return uint64(fd.Dev >> 8 & 0xfff) })},
		{Name: "fd.dev.minor", Type: event.TypeInt32, Help: "Minor number of the device that holds the file.",
			Extract: fdNumber(func(fd *process.FD) uint64 { return uint64(fd.Dev&0xff | fd.Dev>>12&0xfff00) })},
		{Name: "fd.ino", Type: event.TypeInt64, Help: "Inode of the file.",
			Extract: fdNumber(func(fd *process.FD) uint64 { return fd.Inode })},
		{Name: "fd.is_upper_layer", Type: event.TypeBool, Help: "Whether the file was made or changed in the container.",
			Extract: fdBool(func(_ *Record, fd *process.FD) bool { return fd.Flags&table.OpenUpperLayer != 0 })},
		{Name: "fd.is_lower_layer", Type: event.TypeBool, Help: "Whether the file is part of the container's image.",
			Extract: fdBool(func(_ *Record, fd *process.FD) bool { return fd.Flags&table.OpenLowerLayer != 0 })},
	}
}

// onDescriptor makes an extractor for events that work on a descriptor, known or not.
func onDescriptor(get func(r *Record, v *event.Value) bool) field.Extractor {
	return extract(func(r *Record, v *event.Value) bool {
		return r.Thread != nil && r.Row.Has(table.AnyFD) && get(r, v)
	})
}

// onFD makes an extractor for events whose descriptor is known.
func onFD(get func(r *Record, fd *process.FD, v *event.Value) bool) field.Extractor {
	return onDescriptor(func(r *Record, v *event.Value) bool { return r.FD != nil && get(r, r.FD, v) })
}

func fdNumber(get func(fd *process.FD) uint64) field.Extractor {
	return onFD(func(_ *Record, fd *process.FD, v *event.Value) bool {
		v.Num = get(fd)
		return true
	})
}

func fdBool(get func(r *Record, fd *process.FD) bool) field.Extractor {
	return onFD(func(r *Record, fd *process.FD, v *event.Value) bool {
		v.SetBool(get(r, fd))
		return true
	})
}

// singles are all one-byte texts, so that none has to be built.
var singles = func() (s [256]string) {
	for i := range s {
		s[i] = string([]byte{byte(i)})
	}
	return s
}()

// typeChar falls back to the kind of event when the descriptor is not known.
func typeChar(r *Record, v *event.Value) bool {
	switch {
	case r.FD != nil && r.FD.Kind != process.KindUnknown:
		v.Text = singles[byte(r.FD.Kind)]
	case r.Row.OpensFile():
		v.Text = singles[byte(process.KindFile)]
	case r.Row.Category == table.Net && r.Row.ID != table.Socket:
		v.Text = singles[byte(process.KindIPv4)]
	default:
		v.Text = singles[byte(process.KindOther)]
	}
	return true
}

func fdName(r *Record, v *event.Value) bool {
	switch {
	case r.FD != nil:
		v.Text = view(r.FD.Name)
	case r.Row.OpensFile():
		v.Text = r.openPath()
	}
	return true
}

// openPath gives the absolute path of a call that opens a file and failed.
func (r *Record) openPath() string {
	p := openParamsOf(r.Row.ID)
	if len(r.bytes(p.name)) == 0 {
		return ""
	}
	start := len(r.text)
	r.text = r.in.appendAbsolute(r.text, r, p.dir, p.name)
	return r.built(start)
}

func fdRawName(r *Record, v *event.Value) bool {
	var raw []byte
	switch {
	case r.FD != nil:
		raw = r.FD.Raw
	case r.Row.OpensFile():
		raw = r.bytes(openParamsOf(r.Row.ID).name)
	}
	v.Text = r.singleSlashes(raw)
	return true
}

// singleSlashes makes one slash of several in a row.
func (r *Record) singleSlashes(path []byte) string {
	if !bytes.Contains(path, []byte("//")) {
		return view(path)
	}
	start := len(r.text)
	for i, c := range path {
		if c != '/' || i == 0 || path[i-1] != '/' {
			r.text = append(r.text, c)
		}
	}
	return r.built(start)
}

func fdDirectory(r *Record, v *event.Value) bool {
	var name string
	switch {
	case r.FD != nil && r.FD.Kind == process.KindDirectory:
		v.Text = view(r.FD.Name)
		return true
	case r.FD != nil && r.FD.Kind == process.KindFile:
		name = view(r.FD.Name)
	case r.FD == nil && r.Row.OpensFile():
		name = r.openPath()
	default:
		return false
	}
	v.Text = directoryOf(name)
	return true
}

// directoryOf gives the path before the last slash, the root for what lies in it.
func directoryOf(name string) string {
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '/' {
			return name[:max(i, 1)]
		}
	}
	return name
}

func inContainer(get func(r *Record, v *event.Value) bool) field.Extractor {
	return onFD(func(r *Record, _ *process.FD, v *event.Value) bool {
		if !get(r, v) {
			return false
		}
		start := len(r.text)
		r.text = append(append(r.text, containerID(r.Thread.Process)...), ':')
		r.text = append(r.text, v.Text...)
		v.Text = r.built(start)
		return true
	})
}

func socketFields() []field.Field {
	ends := []struct {
		letter, who string
		get         func(r *Record, fd *process.FD) (netip.AddrPort, bool)
	}{
		{"c", "client", client}, {"s", "server", server}, {"l", "local end", localEnd}, {"r", "remote end", remoteEnd},
	}
	fields := []field.Field{
		{Name: "fd.ip", Type: event.TypeIP, Quantifier: field.Ends, FilterOnly: true, NoCompare: true, NoTransform: true,
			Help: "Address of either end of a connection.", Extract: bothEnds(setAddr)},
		{Name: "fd.port", Type: event.TypePort, Quantifier: field.Ends, FilterOnly: true, NoCompare: true, NoTransform: true,
			Help: "Port of either end of a connection.", Extract: bothEnds(setPort)},
		{Name: "fd.proto", Type: event.TypePort, Quantifier: field.Ends, FilterOnly: true, NoCompare: true, NoTransform: true,
			Help: "The same as fd.port.", Extract: bothEnds(setPort)},
		{Name: "fd.net", Type: event.TypeNet, Quantifier: field.Ends, FilterOnly: true, NoCompare: true, NoTransform: true,
			Help: "Network of either end of a connection.", Extract: bothEnds(setAddr)},
		{Name: "fd.l4proto", Type: event.TypeString, Applies: applies(having(table.AnyFD)), Help: "Transport of an IP socket: tcp, udp, icmp or raw; <NA> when it is not known.",
			Extract: onFD(transport)},
		{Name: "fd.sockfamily", Type: event.TypeString, Help: "Family of a socket: ip or unix.",
			Extract: onFD(func(_ *Record, fd *process.FD, v *event.Value) bool {
				switch {
				case fd.IsIP():
					v.Text = "ip"
				case fd.Kind == process.KindUnix:
					v.Text = "unix"
				}
				return v.Text != ""
			})},
		{Name: "fd.is_server", Type: event.TypeBool, Applies: applies(having(table.AnyFD)), Help: "Whether this machine is the server of the connection.", Extract: fdBool(isServer)},
		{Name: "fd.connected", Type: event.TypeBool, Applies: applies(having(table.AnyFD)), Help: "Whether the socket is connected.",
			Extract: fdBool(func(_ *Record, fd *process.FD) bool { return fd.Connected })},
	}
	for _, end := range ends {
		fields = append(fields,
			field.Field{Name: "fd." + end.letter + "ip", Type: event.TypeIP, Help: "Address of the " + end.who + " of a connection.",
				Extract: oneEnd(end.get, func(_ *Record, a netip.AddrPort, v *event.Value) { setAddr(a, v) })},
			field.Field{Name: "fd." + end.letter + "port", Type: event.TypePort, Help: "Port of the " + end.who + " of a connection.",
				Extract: oneEnd(end.get, func(_ *Record, a netip.AddrPort, v *event.Value) { setPort(a, v) })},
			field.Field{Name: "fd." + end.letter + "proto", Type: event.TypeString, Help: "Port of the " + end.who + " of a connection, as text.",
				Extract: oneEnd(end.get, func(r *Record, a netip.AddrPort, v *event.Value) {
					start := len(r.text)
					r.text = strconv.AppendUint(r.text, uint64(a.Port()), 10)
					v.Text = r.built(start)
				})},
			field.Field{Name: "fd." + end.letter + "net", Type: event.TypeNet, FilterOnly: true, NoCompare: true, NoTransform: true,
				Help:    "Network of the " + end.who + " of a connection.",
				Extract: oneEnd(end.get, func(_ *Record, a netip.AddrPort, v *event.Value) { setAddr(a, v) })},
			hostName("fd."+end.letter+"ip.name", "Name of the "+end.who+" of a connection."),
		)
	}
	return fields
}

func hostName(name, help string) field.Field {
	f := pending(event.TypeString, name, help, "names of addresses are not looked up in this version")
	f.NoCompare, f.NoTransform = true, true
	return f
}

func setAddr(a netip.AddrPort, v *event.Value) { v.Addr = a.Addr() }
func setPort(a netip.AddrPort, v *event.Value) { v.Num = uint64(a.Port()) }

func oneEnd(get func(r *Record, fd *process.FD) (netip.AddrPort, bool), set func(*Record, netip.AddrPort, *event.Value)) field.Extractor {
	return onFD(func(r *Record, fd *process.FD, v *event.Value) bool {
		a, ok := get(r, fd)
		if ok {
			set(r, a, v)
		}
		return ok
	})
}

func bothEnds(set func(netip.AddrPort, *event.Value)) field.Extractor {
	return onFD(func(_ *Record, fd *process.FD, v *event.Value) bool {
		if !fd.IsIP() {
			return false
		}
		for _, a := range [...]netip.AddrPort{fd.Source, fd.Target} {
			if a.IsValid() {
				set(a, v.Grow())
			}
		}
		return len(v.List) > 0
	})
}

func client(_ *Record, fd *process.FD) (netip.AddrPort, bool) {
	return fd.Source, fd.IsIP() && fd.Source.IsValid()
}

func server(_ *Record, fd *process.FD) (netip.AddrPort, bool) {
	return fd.Target, fd.IsIP() && fd.Target.IsValid()
}

// localEnd is the end of this process: it called connect from the source, or took the connection at the target.
func localEnd(r *Record, fd *process.FD) (netip.AddrPort, bool) {
	if fd.Server {
		return server(r, fd)
	}
	return client(r, fd)
}

func remoteEnd(r *Record, fd *process.FD) (netip.AddrPort, bool) {
	if fd.Server {
		return client(r, fd)
	}
	return server(r, fd)
}

func isServer(r *Record, fd *process.FD) bool {
	return fd.Server || fd.IsIP() && fd.Target.IsValid() && r.in.local(fd.Target.Addr())
}

var transportNames = map[byte]string{
	process.ProtocolTCP: "tcp", process.ProtocolUDP: "udp", process.ProtocolICMP: "icmp", process.ProtocolRaw: "raw",
}

func transport(r *Record, fd *process.FD, v *event.Value) bool {
	if fd.IsIP() && fd.Protocol == process.ProtocolUnknown && r.in.proc != nil {
		fd.Protocol = socketProtocol(r.Thread.Process.PID(), fd)
	}
	if v.Text = transportNames[fd.Protocol]; v.Text == "" {
		v.Text = notAvailable
	}
	return true
}
