package daemon

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strings"

	"github.com/saker-security/saker/pkg/condition/program"
	"github.com/saker-security/saker/pkg/syscall"
	"github.com/saker-security/saker/pkg/syscall/account"
	"github.com/saker-security/saker/pkg/syscall/driver"
	"github.com/saker-security/saker/pkg/syscall/driver/core"
	"github.com/saker-security/saker/pkg/syscall/process"
	"github.com/saker-security/saker/pkg/syscall/table"
)

// drivers are those built in, by their name in engine.kind, and driverOrder is how auto tries them.
var (
	drivers     = map[string]func(driver.Options) (driver.Driver, error){"modern_ebpf": core.Open}
	driverOrder = []string{"modern_ebpf", "bcc"}
)

func openDriver(kind string, o driver.Options) (driver.Driver, error) {
	if kind != "auto" {
		open := drivers[kind]
		if open == nil {
			return nil, fmt.Errorf("%w: the %s driver is not built into this program (make agent-bcc builds one with it)", driver.ErrUnavailable, kind)
		}
		return open(o)
	}
	var errs []error
	for _, name := range driverOrder {
		if open := drivers[name]; open != nil {
			d, err := open(o)
			if err == nil {
				return d, nil
			}
			errs = append(errs, err)
		}
	}
	return nil, errors.Join(errs...)
}

// wantedTypes is what the driver must deliver for the rules.
func wantedTypes(s *program.TypeSet) []uint16 {
	var ids []uint16
	for _, id := range table.DeliverableIDs() {
		if s.Has(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// undeliverable names the events that rules ask for by name although no driver makes them.
func undeliverable(s *program.TypeSet) []string {
	if s.All() {
		return nil
	}
	var names []string
	seen := map[string]bool{}
	for _, id := range s.IDs() {
		if int(id) >= len(table.TypeNames()) {
			continue
		}
		if name := table.TypeNames()[id]; name != "" && name != "asyncevent" && !seen[name] && !table.Deliverable(name) {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

// newInspector makes the state of this machine, whose files are below root.
func newInspector(root string) (*syscall.Inspector, error) {
	proc, err := process.OpenProc(filepath.Join(root, "proc"))
	if err != nil {
		return nil, fmt.Errorf("open the process file system: %w", err)
	}
	var addresses []netip.Addr
	found, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list the addresses of this machine: %w", err)
	}
	for _, a := range found {
		text, _, _ := strings.Cut(a.String(), "/")
		if ip, err := netip.ParseAddr(text); err == nil {
			addresses = append(addresses, ip)
		}
	}
	return syscall.New(syscall.Options{Proc: proc, Accounts: account.Open(root), Addresses: addresses}), nil
}
