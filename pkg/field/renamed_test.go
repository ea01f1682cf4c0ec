package field_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/syscall"
)

// TestRenamedAgainstSources: what is proposed exists, and a name that exists in all sources needs no other.
func TestRenamedAgainstSources(t *testing.T) {
	catalogues := []*field.Catalogue{syscall.Catalogue(""), audit.Catalogue("")}
	known := func(name string) (n int) {
		base, _, _ := strings.Cut(name, "[")
		for _, c := range catalogues {
			if f, _, ok := c.Lookup(base); ok && !f.Hidden && f.Pending == "" || ok && strings.HasPrefix(f.Pending, "it needs") {
				n++
			}
		}
		return n
	}
	for name, others := range field.AllRenamed {
		if known(name) == len(catalogues) {
			t.Errorf("%s is a field", name)
		}
		for _, other := range others {
			if known(other) == 0 {
				t.Errorf("instead of %s the field %s is proposed, which does not exist", name, other)
			}
		}
	}
}

// TestSuggestions holds the proposals of the real catalogues.
func TestSuggestions(t *testing.T) {
	syscalls, requests := syscall.Catalogue(""), audit.Catalogue("")
	for _, test := range []struct {
		catalogue *field.Catalogue
		name      string
		want      []string
	}{
		{syscalls, "file.path", []string{"fd.name"}},
		{syscalls, "proc.uid", []string{"user.uid"}},
		{syscalls, "proc.id", []string{"proc.pid"}},
		{syscalls, "network.dst.ip", []string{"fd.sip", "fd.rip"}},
		{syscalls, "user.id", []string{"user.uid"}},
		{syscalls, "process.name", []string{"proc.name"}},
		{syscalls, "container.image.name", []string{"container.image.repository"}},
		{syscalls, "container.label.app", []string{"container.label[app]"}},
		{syscalls, "fd.nam", []string{"fd.name", "fd.num", "fd.nameraw"}},
		{syscalls, "fd.nmae", []string{"fd.name"}},
		{syscalls, "proc.cmdlin", []string{"proc.cmdline", "proc.pcmdline", "proc.acmdline"}},
		{syscalls, "evt.typ", []string{"evt.type", "evt.type.is"}},
		{syscalls, "container.image.repo", []string{"container.image.repository"}},
		{syscalls, "ka.verb", []string{}},
		{requests, "ka.user", []string{"ka.user.name"}},
		{requests, "ka.targt.resource", []string{"ka.target.resource", "ka.target.subresource"}},
		{requests, "syscall.type", []string{}},
		{requests, "user.name", []string{"ka.user.name"}},
	} {
		if diff := cmp.Diff(test.want, test.catalogue.Suggest(test.name)); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}
