package cloud

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/event"
)

var update = flag.Bool("update", false, "write what is found into the golden file")

// read gives what is in a text: the events as JSON, the defects, and the counters.
func read(t testing.TB, name string, text []byte) string {
	t.Helper()
	var out strings.Builder
	f := &audit.FileReader{Splitter: &audit.Splitter{}, Unwrap: Unwrap, Report: func(e *audit.FileError) { fmt.Fprintln(&out, e) }}
	err := f.ReadFrom(name, bytes.NewReader(text), func(e *event.Event) error {
		fmt.Fprintln(&out, e.Data.(*audit.Record).PluginInfo())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&out, "%d events, %d rejected, %d malformed, %d foreign\n", f.Events, f.Rejected, f.Malformed, f.Foreign)
	return out.String()
}

func samples(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*-*.[jl]*")
	if err != nil || len(files) < 10 {
		t.Fatalf("samples %v, error %v", files, err)
	}
	return files
}

func TestSamples(t *testing.T) {
	var got strings.Builder
	for _, name := range samples(t) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&got, "== %s\n%s", filepath.Base(name), read(t, filepath.Base(name), text))
		// The same in a log that grows.
		if grown, whole := readParts(t, text, 100), readParts(t, text, len(text)); grown != whole {
			t.Errorf("%s: read in parts it gives other events:\n%s", name, cmp.Diff(whole, grown))
		}
	}
	const golden = "testdata/events.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got.String()); d != "" {
		t.Errorf("events differ (-want +got):\n%s", d)
	}
}

// readParts gives the events of a text that comes in parts.
func readParts(t testing.TB, text []byte, part int) string {
	t.Helper()
	var out strings.Builder
	var b audit.Batch
	rejected, foreign := 0, 0
	l := &audit.Lines{Splitter: &audit.Splitter{}, Unwrap: Unwrap, Max: 1 << 20}
	done := 0
	for end := 0; end < len(text); {
		end = min(end+part, len(text))
		n, err := l.Cut(&b, text[done:end], end == len(text), func(b *audit.Batch) error {
			for e := range b.All() {
				fmt.Fprintln(&out, e.Data.(*audit.Record).PluginInfo())
			}
			for _, n := range b.Rejected {
				rejected += n
			}
			foreign += b.Foreign
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		done += n
	}
	if done != len(text) {
		t.Errorf("%d of %d bytes are done with", done, len(text))
	}
	fmt.Fprintf(&out, "%d rejected, %d foreign\n", rejected, foreign)
	return out.String()
}

func TestMethod(t *testing.T) {
	for name, want := range map[string]method{
		"io.k8s.core.v1.pods.create":                                   {"pods", "", "create"},
		"io.k8s.core.v1.pods.exec.create":                              {"pods", "exec", "create"},
		"io.k8s.authorization.rbac.v1.roles.deletecollection":          {"roles", "", "deletecollection"},
		"io.k8s.autoscaling.v2beta2.horizontalpodautoscalers.status.x": {"horizontalpodautoscalers", "status", "x"},
		"io.k8s.get": {"", "", "get"},
		"":           {},
		"v1":         {"", "", "v1"},
		"a.v1.b":     {"", "", "b"},
	} {
		if got := parseMethod(name); got != want {
			t.Errorf("%q: %+v, want %+v", name, got, want)
		}
	}
}

func TestResource(t *testing.T) {
	for _, c := range []struct {
		name, method string
		want         reference
	}{
		{"core/v1/namespaces/shop/pods/web/exec", "io.k8s.core.v1.pods.exec.create", reference{"pods", "shop", "web", "exec", "", "v1", "/api/v1/namespaces/shop/pods/web/exec"}},
		{"core/v1/namespaces/shop/pods/web", "io.k8s.core.v1.pods.create", reference{"pods", "shop", "web", "", "", "v1", "/api/v1/namespaces/shop/pods"}},
		{"core/v1/namespaces/shop/pods", "io.k8s.core.v1.pods.list", reference{"pods", "shop", "", "", "", "v1", "/api/v1/namespaces/shop/pods"}},
		{"core/v1/namespaces/shop", "io.k8s.core.v1.namespaces.get", reference{"namespaces", "shop", "shop", "", "", "v1", "/api/v1/namespaces/shop"}},
		{"core/v1/namespaces/shop/finalize", "io.k8s.core.v1.namespaces.finalize.update", reference{"namespaces", "shop", "shop", "finalize", "", "v1", "/api/v1/namespaces/shop/finalize"}},
		{"core/v1/namespaces", "io.k8s.core.v1.namespaces.list", reference{"namespaces", "", "", "", "", "v1", "/api/v1/namespaces"}},
		{"apps/v1/namespaces/a/deployments/b/scale", "io.k8s.apps.v1.deployments.scale.patch", reference{"deployments", "a", "b", "scale", "apps", "v1", "/apis/apps/v1/namespaces/a/deployments/b/scale"}},
		{"core/v1", "io.k8s.core.v1.pods.get", reference{Resource: "pods"}},
		{"healthz", "io.k8s.get", reference{uri: "/healthz"}},
		{"", "", reference{}},
		{"//", "x", reference{uri: "//"}},
	} {
		if got := parseResource(c.name, parseMethod(c.method)); got != c.want {
			t.Errorf("%q: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestWithCluster(t *testing.T) {
	for event, want := range map[string]string{
		`{}`:                               `{"annotations":{"cluster_name":"a\"b"}}`,
		`{"x":[1]}`:                        `{"x":[1],"annotations":{"cluster_name":"a\"b"}}`,
		`{"annotations":{},"x":1}`:         `{"annotations":{"cluster_name":"a\"b"},"x":1}`,
		`{"annotations":{ "k":"v"},"x":1}`: `{"annotations":{"cluster_name":"a\"b", "k":"v"},"x":1}`,
		`{"annotations":null}`:             `{"annotations":null,"annotations":{"cluster_name":"a\"b"}}`,
		`{"annotations":{"k"`:              `{"annotations":{"k"`,
		`[]`:                               `[]`,
		``:                                 ``,
	} {
		if got := string(withCluster([]byte(event), `a"b`)); got != want {
			t.Errorf("%s: %s, want %s", event, got, want)
		}
	}
}

// FuzzUnwrap opens anything: nothing panics, the value stays as it is, and what is no wrapper holds nothing.
func FuzzUnwrap(f *testing.F) {
	for _, name := range samples(f) {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
		for line := range bytes.Lines(text) {
			f.Add(bytes.TrimSpace(line))
		}
		var list []json.RawMessage
		if json.Unmarshal(text, &list) == nil {
			for _, one := range list {
				f.Add([]byte(one))
			}
		}
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		var u audit.Unwrapped
		before := bytes.Clone(value)
		if !Unwrap(value, &u) && u.Len()+u.Foreign > 0 {
			t.Errorf("%q is no wrapper, but holds %d events and %d foreign entries", value, u.Len(), u.Foreign)
		}
		if !bytes.Equal(before, value) {
			t.Errorf("%q was changed to %q", before, value)
		}
		read(t, "f", value)
		readParts(t, value, 7)
	})
}
