package daemon

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/valyala/fastjson"
	"go.uber.org/zap"
	v1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/config"
	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/rule"
)

// benchBody is one EventList of 400 events, as many as an API server sends at once, made of recorded events.
func benchBody(b *testing.B) (body []byte, events int) {
	b.Helper()
	files, err := filepath.Glob("../audit/testdata/events/*")
	if err != nil || len(files) == 0 {
		b.Fatalf("no recorded events: %v", err)
	}
	list := struct {
		Kind       string            `json:"kind"`
		APIVersion string            `json:"apiVersion"`
		Metadata   struct{}          `json:"metadata"`
		Items      []json.RawMessage `json:"items"`
	}{Kind: "EventList", APIVersion: "audit.k8s.io/v1"}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		var part struct{ Items []json.RawMessage }
		if err := json.Unmarshal(data, &part); err != nil {
			b.Fatal(name, err)
		}
		list.Items = append(list.Items, part.Items...)
	}
	for len(list.Items) < 400 {
		list.Items = append(list.Items, list.Items...)
	}
	list.Items = list.Items[:400]
	body, err = json.Marshal(list)
	if err != nil {
		b.Fatal(err)
	}
	return body, len(list.Items)
}

// idMark stands before the id of an event in benchBody.
const idMark = `"auditID":"`

// renewer makes the function that gives the events of benchBody other ids each time: it writes a number over the start
// of each, so that no event is known already.
func renewer(b *testing.B, body []byte, events int) func() {
	b.Helper()
	var places []int
	for at := 0; ; {
		next := bytes.Index(body[at:], []byte(idMark))
		if next < 0 {
			break
		}
		at += next + len(idMark)
		places = append(places, at)
	}
	if len(places) < events {
		b.Fatalf("%d ids for %d events", len(places), events)
	}
	n := uint32(0)
	return func() {
		for _, at := range places {
			n++
			for i := range 8 {
				body[at+i] = "0123456789abcdef"[n>>(4*i)&15]
			}
		}
	}
}

func benchPipeline(b *testing.B) *pipeline {
	cfg := config.Default()
	cfg.Hostname = "bench"
	return pipelineOf(b, cfg)
}

// pipelineOf is a pipeline whose standard output goes nowhere.
func pipelineOf(t testing.TB, cfg config.Config) *pipeline {
	t.Helper()
	log := zap.NewNop()
	p, err := newPipeline(cfg, log, io.Discard, func() (*deliver.Outputs, error) { return openOutputs(&cfg, log, io.Discard) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.outputs.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func ignore(*rule.CompiledRule) {}

// BenchmarkAuditPath compares, on the same bytes in one run, the whole way from a body to its alerts against all
// built-in rules, with queues in memory and on disk (one request at a time, so that each waits for a sync of its own),
// with merely parsing the body by encoding/json and by fastjson.
func BenchmarkAuditPath(b *testing.B) {
	body, events := benchBody(b)
	renew := renewer(b, body, events)
	run := func(name string, work func() error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				renew()
				if err := work(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(events)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
	p, cfg := benchPipeline(b), config.Default()
	d := &Daemon{pipeline: p, log: zap.NewNop(), intake: newIntake(&cfg.Audit)}
	var splitter audit.Splitter
	batch := &audit.Batch{}
	run("saker", func() error {
		return splitter.Split(batch, body, func(batch *audit.Batch) error { return d.evaluateBatch(b.Context(), batch) })
	})
	cfg.DataDir = b.TempDir()
	durable := &Daemon{pipeline: pipelineOf(b, cfg), log: zap.NewNop(), intake: newIntake(&cfg.Audit)}
	run("saker-durable", func() error {
		return splitter.Split(batch, body, func(batch *audit.Batch) error { return durable.evaluateBatch(b.Context(), batch) })
	})
	run("saker-without-alerts", func() error {
		return splitter.Split(batch, body, func(batch *audit.Batch) error {
			for e := range batch.All() {
				if err := p.engine.Evaluate(e, ignore); err != nil {
					return err
				}
			}
			return nil
		})
	})
	run("encoding-json", func() error {
		var list v1.EventList
		return json.Unmarshal(body, &list)
	})
	var parser fastjson.Parser
	run("fastjson", func() error {
		_, err := parser.ParseBytes(body)
		return err
	})
}

// BenchmarkReceiver is the same over HTTP on the loopback interface, one client with one connection.
func BenchmarkReceiver(b *testing.B) {
	body, events := benchBody(b)
	d := &Daemon{pipeline: benchPipeline(b), log: zap.NewNop(), cfg: config.Default(), stopTime: stopTime}
	d.cfg.Audit.Listen, d.cfg.Web.Enabled = "127.0.0.1:0", false
	renew := renewer(b, body, events)
	if err := d.openAudit(true); err != nil {
		b.Fatal(err)
	}
	end, _ := d.start(b.Context(), d.sources)
	defer func() {
		if err := end(); err != nil {
			b.Error(err)
		}
	}()
	url := "http://" + d.AuditAddress() + "/k8s-audit"
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		renew()
		answer, err := http.Post(url, "application/json", bytes.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			b.Fatal(answer.Status)
		}
	}
	b.ReportMetric(float64(events)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkEngine evaluates events that are split already.
func BenchmarkEngine(b *testing.B) {
	body, events := benchBody(b)
	p := benchPipeline(b)
	var splitter audit.Splitter
	batch := &audit.Batch{}
	err := splitter.Split(batch, body, func(batch *audit.Batch) error {
		b.ReportAllocs()
		for b.Loop() {
			for e := range batch.All() {
				if err := p.engine.Evaluate(e, ignore); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(events)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
