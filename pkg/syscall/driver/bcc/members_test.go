//go:build bcc

package bcc

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"

	source "github.com/saker-security/saker/bpf/bcc"
	"github.com/saker-security/saker/pkg/syscall/driver"
)

// TestMembersAreUsed keeps the table and the C text in step: every member is read, and everything that is read is a member.
func TestMembersAreUsed(t *testing.T) {
	known := []string{"css_set_memory"} // from an enumeration, not a member
	for _, m := range members {
		known = append(known, m.name)
		if !strings.Contains(source.Source, "OFF_"+m.name) {
			t.Errorf("%s is not read", m.name)
		}
	}
	for _, word := range strings.FieldsFunc(source.Source, func(r rune) bool {
		return r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	}) {
		if name, ok := strings.CutPrefix(word, "OFF_"); ok && name != "" && !slices.Contains(known, name) {
			t.Errorf("OFF_%s is read and is no member", name)
		}
	}
}

func TestOffset(t *testing.T) {
	inner := &btf.Struct{Name: "inner", Members: []btf.Member{{Name: "x", Offset: 0}, {Name: "y", Offset: 32}}}
	anonymous := &btf.Union{Members: []btf.Member{{Name: "a", Type: &btf.Int{}}, {Name: "b", Type: &btf.Typedef{Type: inner}}}}
	outer := &btf.Struct{Name: "outer", Members: []btf.Member{
		{Name: "first", Type: &btf.Int{}, Offset: 0},
		{Name: "", Type: anonymous, Offset: 64},
		{Name: "pointer", Type: &btf.Pointer{Target: inner}, Offset: 128},
	}}
	for path, want := range map[string]uint32{"first": 0, "a": 8, "b": 8, "b.y": 12, "pointer": 16} {
		if got, ok := offset(outer, strings.Split(path, ".")); !ok || got != want {
			t.Errorf("offset of %s is %d (%t), want %d", path, got, ok, want)
		}
	}
	for _, path := range []string{"missing", "b.z", "first.x", "pointer.x"} {
		if got, ok := offset(outer, strings.Split(path, ".")); ok {
			t.Errorf("offset of %s is %d, want none", path, got)
		}
	}
}

func TestReadSymbols(t *testing.T) {
	for name, test := range map[string]struct {
		symbols, prefix string
		has             string
	}{
		"wrapped": {"ffffffff811 T __x64_sys_openat\nffffffff812 T __x64_sys_execve\n", "__x64_sys_", "execve"},
		"plain":   {"c01 T sys_openat\nc02 T sys_connect\n", "sys_", "connect"},
		"arm":     {"ff T __arm64_sys_openat\n", "__arm64_sys_", "openat"},
		"none":    {"ff T start_kernel\n", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var m machine
			m.readSymbols([]byte(test.symbols))
			if m.prefix != test.prefix {
				t.Errorf("the prefix is %q, want %q", m.prefix, test.prefix)
			}
			if test.has != "" && !m.functions[test.has] {
				t.Errorf("%s is not found", test.has)
			}
			if m.functions["fchdir"] {
				t.Error("fchdir is found where it is not")
			}
		})
	}
}

// TestHeadersOfAnotherKernel: structures laid out by the wrong headers would be garbage, so they are refused.
func TestHeadersOfAnotherKernel(t *testing.T) {
	m := &machine{release: "0.0.0-none"}
	for _, match := range []bool{false, true} {
		err := m.checkHeaders(match)
		if !errors.Is(err, driver.ErrUnavailable) || strings.Contains(err.Error(), "\n") {
			t.Errorf("missing headers give %v, want one line that wraps ErrUnavailable", err)
		}
	}
}

func TestWanted(t *testing.T) {
	names := func(types ...uint16) string {
		var out []string
		for _, c := range wanted(types) {
			out = append(out, c.name)
		}
		return strings.Join(out, " ")
	}
	if got := names(); got != "execve execveat chdir fchdir" {
		t.Errorf("without a wish: %s", got)
	}
	if got := names(typeOpenat, typeConnect, 9999); got != "openat connect execve execveat chdir fchdir" {
		t.Errorf("with openat and connect: %s", got)
	}
}
