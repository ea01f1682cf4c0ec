package audit

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sort"
	"strings"
	"testing"

	"github.com/valyala/fastjson"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// benchBody makes one EventList of all recorded events.
func benchBody(b *testing.B) (body []byte, events int) {
	bodies := recorded(b)
	names := make([]string, 0, len(bodies))
	for name := range bodies {
		names = append(names, name)
	}
	sort.Strings(names)
	var out bytes.Buffer
	out.WriteString(`{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[`)
	for _, name := range names {
		var list decodedList
		if err := json.Unmarshal(bodies[name], &list); err != nil {
			b.Fatal(err)
		}
		for _, item := range list.Items {
			if events++; events > 1 {
				out.WriteByte(',')
			}
			out.Write(item)
		}
	}
	out.WriteString(`]}`)
	return out.Bytes(), events
}

// BenchmarkSplit compares what it takes to get at the events of a body. Ours includes the index over the members that
// fields ask for, and the check that the JSON is right.
func BenchmarkSplit(b *testing.B) {
	body, events := benchBody(b)
	run := func(name string, parse func() error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if err := parse(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(events)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
	var s Splitter
	batch := &Batch{}
	run("saker", func() error { return s.Split(batch, body, func(*Batch) error { return nil }) })
	c := Catalogue("host")
	fields := askedFields(b, c)
	run("saker and 30 fields", func() error {
		var v event.Value
		return s.Split(batch, body, func(b *Batch) error {
			for e := range b.All() {
				for i := range fields {
					v.Reset()
					fields[i].f.Extract(e, &fields[i].a, &v)
				}
			}
			return nil
		})
	})
	var parser fastjson.Parser
	run("fastjson", func() error {
		_, err := parser.ParseBytes(body)
		return err
	})
	run("encoding-json", func() error {
		var list auditv1.EventList
		return json.Unmarshal(body, &list)
	})
}

type asked struct {
	f *field.Field
	a field.Arg
}

// askedFields are the fields that rules about audit events ask for most.
func askedFields(b *testing.B, c *field.Catalogue) []asked {
	var all []asked
	for _, name := range strings.Fields(`ka.auditid ka.stage ka.verb ka.uri ka.user.name ka.user.groups ka.target.name
		ka.target.namespace ka.target.resource ka.target.subresource ka.response.code ka.response.reason ka.auth.decision
		ka.auth.reason ka.useragent ka.sourceips ka.impuser.name ka.req.binding.role ka.req.configmap.obj
		ka.req.role.rules.resources ka.req.role.rules.verbs ka.req.service.type ka.req.pod.host_network
		ka.req.pod.host_pid ka.req.pod.host_ipc ka.req.pod.volumes.hostpath ka.req.pod.containers.privileged
		ka.req.pod.initContainers.privileged ka.req.pod.containers.image.repository ka.resp.name`) {
		f, _, ok := c.Lookup(name)
		if !ok {
			b.Fatalf("no field %s", name)
		}
		all = append(all, asked{f: f})
	}
	return all
}

// BenchmarkStream evaluates a body of 100 MB while it arrives: events of 2.5 kB, and events of 250 kB.
func BenchmarkStream(b *testing.B) {
	for name, length := range map[string]int{"events of 2.5 kB": 2_500, "events of 250 kB": 250_000} {
		item := strings.TrimSuffix(line("a"), "}") + `,"requestObject":{"data":{"x":"` + strings.Repeat("x", length) + `"}}}`
		n := 100_000_000 / len(item)
		b.Run(name, func(b *testing.B) {
			r := NewReceiver(&Splitter{}, accept)
			req := httptest.NewRequest(http.MethodPost, "/k8s-audit", nil)
			req.Header.Set("Content-Type", "application/json")
			b.SetBytes(int64(n * (len(item) + 1)))
			b.ReportAllocs()
			for b.Loop() {
				req.Body = io.NopCloser(&repeated{head: "[", item: item + ",", n: n - 1, tail: item + "]"})
				req.ContentLength = -1
				w := httptest.NewRecorder()
				if r.ServeHTTP(w, req); w.Code != 200 {
					b.Fatal(w.Body)
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkPacked evaluates a body that is packed by gzip.
func BenchmarkPacked(b *testing.B) {
	body, events := benchBody(b)
	text := pack(b, string(body))
	r := NewReceiver(&Splitter{}, accept)
	req := httptest.NewRequest(http.MethodPost, "/k8s-audit", nil)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Content-Encoding", "gzip")
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
		w := httptest.NewRecorder()
		if r.ServeHTTP(w, req); w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
	b.ReportMetric(float64(events)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
