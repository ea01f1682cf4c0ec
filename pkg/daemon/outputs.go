package daemon

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/config"
	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/deliver/queue"
	"github.com/saker-security/saker/pkg/deliver/sink/file"
	"github.com/saker-security/saker/pkg/deliver/sink/grpc"
	"github.com/saker-security/saker/pkg/deliver/sink/http"
	"github.com/saker-security/saker/pkg/deliver/sink/program"
	"github.com/saker-security/saker/pkg/deliver/sink/stdout"
	"github.com/saker-security/saker/pkg/deliver/sink/syslog"
)

// errNoOutput is the error of a configuration without any sink: nobody would see an alert.
var errNoOutput = errors.New("no output is enabled, alerts would be lost: enable stdout_output or another one")

// shape says what an alert looks like wherever it is written as a line.
type shape struct {
	JSON    bool
	Options alert.Options
}

func shapeOf(cfg *config.Config) shape {
	return shape{JSON: cfg.JSON, Options: alert.Options{
		Output: cfg.JSONOutput, Message: cfg.JSONMessage, Fields: cfg.JSONFields, Tags: cfg.JSONTags, ID: cfg.JSONID, ISO8601: cfg.ISO8601,
	}}
}

// render appends an alert as a line.
func (s shape) render(dst []byte, a *alert.Alert) []byte {
	if s.JSON {
		return a.AppendJSON(dst, s.Options)
	}
	return a.AppendText(dst, s.Options)
}

// sinkRow is one row of the table of sinks.
type sinkRow struct {
	enabled bool
	output  deliver.Output
}

// row makes a row. What is compared to find out whether a reload changes the sink are its settings and the shape.
func row[S any](name string, o config.Output[S], s shape, open func(S) (deliver.Sink, error)) sinkRow {
	return sinkRow{o.Enabled, deliver.Output{
		Name: name, Settings: o.Delivery,
		Config: struct {
			Settings S
			Shape    shape
		}{o.Settings, s},
		Open: func() (deliver.Sink, error) { return open(o.Settings) },
	}}
}

// sinkRows is the table of all sinks: another sink is another row here.
func sinkRows(cfg *config.Config, log *zap.Logger, w io.Writer) []sinkRow {
	s, o := shapeOf(cfg), &cfg.Outputs
	warn := func(sink string) func(error) {
		return func(err error) { log.Warn("an output has a fault", zap.String("sink", sink), zap.Error(err)) }
	}
	return []sinkRow{
		row("stdout", o.Stdout, s, func(c stdout.Settings) (deliver.Sink, error) { return stdout.New(w, c, s.render) }),
		row("file", o.File, s, func(c file.Settings) (deliver.Sink, error) { return file.New(c, s.render, warn("file")) }),
		row("syslog", o.Syslog, s, func(c syslog.Settings) (deliver.Sink, error) { return syslog.New(c, s.render, warn("syslog")) }),
		row("http", o.HTTP, s, func(c http.Settings) (deliver.Sink, error) {
			return http.New(c, http.Options{Render: s.render, JSON: s.JSON, ISO8601: s.Options.ISO8601, Warn: warn("http"),
				Log: func(text string) {
					log.Info("http output", zap.String("sink", "http"), zap.String("text", text))
				}})
		}),
		row("program", o.Program, s, func(c program.Settings) (deliver.Sink, error) {
			return program.New(c, s.render, &logWriter{log: log, sink: "program"})
		}),
		row("grpc", o.GRPC, s, func(c grpc.Settings) (deliver.Sink, error) {
			sink, err := grpc.New(c, s.render, grpcVersion())
			if err != nil {
				return nil, err
			}
			log.Info("serving", zap.String("what", "alerts by gRPC"), zap.String("address", c.BindAddress), zap.Bool("tls", !strings.HasPrefix(c.BindAddress, "unix:")))
			return sink, nil
		}),
	}
}

// logWriter logs what the program of an output writes, which comes in whole lines.
type logWriter struct {
	log  *zap.Logger
	sink string
}

func (w *logWriter) Write(lines []byte) (int, error) {
	for line := range strings.Lines(string(lines)) {
		w.log.Info("output of the program", zap.String("sink", w.sink), zap.String("line", strings.TrimSuffix(line, "\n")))
	}
	return len(lines), nil
}

// grpcVersion is what clients of the gRPC output are told about the program.
func grpcVersion() grpc.Version {
	v := Versions()
	engine, _ := strconv.ParseUint(v.EngineMinor, 10, 32) // a constant of this program
	var names []string
	for _, c := range Catalogues("") {
		for _, f := range c.Fields() {
			names = append(names, f.Name)
		}
	}
	slices.Sort(names)
	sum := sha256.Sum256([]byte(strings.Join(slices.Compact(names), "\n")))
	return grpc.Version{Version: v.Saker, Engine: uint32(engine), Checksum: fmt.Sprintf("%x", sum)}
}

// enabledOutputs gives the sinks that the configuration enables.
func enabledOutputs(cfg *config.Config, log *zap.Logger, w io.Writer) ([]deliver.Output, error) {
	var list []deliver.Output
	for _, r := range sinkRows(cfg, log, w) {
		if r.enabled {
			list = append(list, r.output)
		}
	}
	if len(list) == 0 {
		return nil, errNoOutput
	}
	return list, nil
}

// openOutputs opens the sinks and their queues in the data directory. One that nobody chose and that cannot be used is
// replaced by memory.
func openOutputs(cfg *config.Config, log *zap.Logger, w io.Writer) (*deliver.Outputs, error) {
	list, err := enabledOutputs(cfg, log, w)
	if err != nil {
		return nil, err
	}
	o := deliver.Options{Dir: cfg.DataDir, Report: func(r deliver.Report) { report(log, r) }}
	outputs, err := deliver.Open(o, list)
	if err == nil {
		if o.Dir == "" && !cfg.DataDirChosen {
			log.Warn("alerts that wait for an output are in memory only and are lost when the program ends; set data_dir")
		}
		return outputs, nil
	}
	if o.Dir == "" || cfg.DataDirChosen {
		return nil, err
	}
	o.Dir = ""
	outputs, other := deliver.Open(o, list)
	if other != nil {
		return nil, err // it was not the directory
	}
	log.Warn("alerts that wait for an output are in memory only and are lost when the program ends: the data directory cannot be used; set data_dir",
		zap.String("data_dir", cfg.DataDir), zap.Error(err))
	cfg.DataDir = ""
	return outputs, nil
}

// openReplayOutputs opens the sinks for a replay: in memory, and without loss, since a replay can wait.
func openReplayOutputs(cfg *config.Config, log *zap.Logger, w io.Writer) (*deliver.Outputs, error) {
	list, err := enabledOutputs(cfg, log, w)
	if err != nil {
		return nil, err
	}
	for i := range list {
		s := &list[i].Settings
		s.Queue.Policy, s.Queue.MaxAge = queue.Block, 0
		if list[i].Name == "stdout" || list[i].Name == "file" {
			s.Batch = max(s.Batch, replayBatch)
		}
	}
	return deliver.Open(deliver.Options{Report: func(r deliver.Report) { report(log, r) }}, list)
}

// replayBatch is how many lines are written together in a replay, which nobody watches line by line.
const replayBatch = 1000

// report logs what an operator should know about a sink.
func report(log *zap.Logger, r deliver.Report) {
	fields := []zap.Field{zap.String("sink", r.Sink)}
	if r.Alerts > 0 {
		fields = append(fields, zap.Int("alerts", r.Alerts))
	}
	if r.Err != nil {
		fields = append(fields, zap.Error(r.Err))
	}
	level := zap.InfoLevel
	if r.Warning {
		level = zap.WarnLevel
	}
	log.Log(level, r.Text, fields...)
}
