package syscall

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/syscall/process"
	"github.com/saker-security/saker/pkg/syscall/table"
)

// pollFields tell of the descriptors that poll and ppoll wait for, joined by commas.
func pollFields() []field.Field {
	end := func(name, help string, get func(*Record, *process.FD) (netip.AddrPort, bool), add func([]byte, netip.AddrPort) []byte) field.Field {
		return field.Field{Name: name, Type: event.TypeString, Help: help,
			Extract: polled(func(r *Record, dst []byte, num int64) []byte {
				if fd := r.in.descriptor(r.Thread.Process, num); fd != nil {
					if a, ok := get(r, fd); ok {
						return add(dst, a)
					}
				}
				return dst
			})}
	}
	address := func(dst []byte, a netip.AddrPort) []byte { return appendAddr(dst, a.Addr()) }
	port := func(dst []byte, a netip.AddrPort) []byte { return strconv.AppendUint(dst, uint64(a.Port()), 10) }
	return []field.Field{
		{Name: "fdlist.nums", Type: event.TypeString, Help: "Numbers of the descriptors that poll waits for, joined by commas.",
			Extract: polled(func(_ *Record, dst []byte, num int64) []byte { return strconv.AppendInt(dst, num, 10) })},
		{Name: "fdlist.names", Type: event.TypeString, Help: "Names of the descriptors that poll waits for, joined by commas; <NA> for those without a name.",
			Extract: polled(func(r *Record, dst []byte, num int64) []byte {
				if fd := r.in.descriptor(r.Thread.Process, num); fd != nil && len(fd.Name) > 0 {
					return append(dst, fd.Name...)
				}
				return append(dst, notAvailable...)
			})},
		end("fdlist.cips", "Addresses of the clients of the connections that poll waits for, joined by commas.", client, address),
		end("fdlist.sips", "Addresses of the servers of the connections that poll waits for, joined by commas.", server, address),
		end("fdlist.cports", "Ports of the clients of the connections that poll waits for, joined by commas.", client, port),
		end("fdlist.sports", "Ports of the servers of the connections that poll waits for, joined by commas.", server, port),
	}
}

// polled makes an extractor that joins what add appends for each descriptor of a list; what appends nothing is left
// out. There is no value when nothing is left.
func polled(add func(r *Record, dst []byte, num int64) []byte) field.Extractor {
	return extract(func(r *Record, v *event.Value) bool {
		i := descriptorList(r.Row)
		if i < 0 || r.Thread == nil {
			return false
		}
		start := len(r.text)
		eachPolled(r.Wire.Param(i), func(num int64, _ uint16) {
			before := len(r.text)
			if before > start {
				r.text = append(r.text, ',')
			}
			comma := len(r.text)
			if r.text = add(r, r.text, num); len(r.text) == comma {
				r.text = r.text[:before]
			}
		})
		v.Text = r.built(start)
		return v.Text != ""
	})
}

// descriptorList finds the parameter with the descriptors of poll, -1 for other events.
func descriptorList(row *table.Event) int {
	return slices.IndexFunc(row.Params, func(p table.Param) bool { return p.Type == event.TypeFDList })
}

// eachPolled reads a FDLIST parameter: u16 count, then s64 number and s16 flags of each.
func eachPolled(p []byte, visit func(num int64, flags uint16)) {
	if len(p) < 2 {
		return
	}
	n := int(binary.LittleEndian.Uint16(p))
	for p = p[2:]; n > 0 && len(p) >= 10; n, p = n-1, p[10:] {
		visit(int64(binary.LittleEndian.Uint64(p)), binary.LittleEndian.Uint16(p[8:]))
	}
}
