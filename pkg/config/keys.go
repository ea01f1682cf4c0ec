package config

import (
	"slices"
	"sync"

	"github.com/saker-security/saker/pkg/deliver"
)

// Section is a group of keys of the documentation.
type Section struct {
	Title string
	Keys  []Key
}

// Sections lists the table in the order of the documentation. It must not be changed.
func Sections() []Section { return sections() }

// sections is the table: what a configuration may say. Keys take effect in its order.
var sections = sync.OnceValue(func() []Section {
	all := []Section{
		{"Configuration files", fileKeys},
		{"Rules", ruleKeys},
		{"Alerts", alertKeys},
		{"Delivery", deliveryKeys()},
		{"Standard output", slices.Concat(stdoutKeys, sinkDelivery("stdout_output", func(o *Outputs) *deliver.Settings { return &o.Stdout.Delivery }))},
		{"File", slices.Concat(outputFileKeys, sinkDelivery("file_output", func(o *Outputs) *deliver.Settings { return &o.File.Delivery }))},
		{"Syslog", slices.Concat(syslogKeys, sinkDelivery("syslog_output", func(o *Outputs) *deliver.Settings { return &o.Syslog.Delivery }))},
		{"HTTP", slices.Concat(httpKeys, sinkDelivery("http_output", func(o *Outputs) *deliver.Settings { return &o.HTTP.Delivery }))},
		{"Program", slices.Concat(programKeys, sinkDelivery("program_output", func(o *Outputs) *deliver.Settings { return &o.Program.Delivery }))},
		{"gRPC", slices.Concat(grpcKeys, sinkDelivery("grpc_output", func(o *Outputs) *deliver.Settings { return &o.GRPC.Delivery }))},
		{"Sources", sourceKeys},
		{"Kubernetes audit", auditKeys},
		{"Plugins", pluginKeys},
		{"Web server", webKeys},
		{"The program's own log", logKeys},
		{"Metrics and drops", metricKeys},
		{"Keys of older versions of Falco", oldKeys},
	}
	for _, s := range all {
		for i := range s.Keys {
			s.Keys[i].Section = s.Title
		}
	}
	return all
})

// mainTable is the table with its index.
var mainTable = sync.OnceValue(func() *table {
	var keys []Key
	for _, s := range sections() {
		keys = append(keys, s.Keys...)
	}
	return newTable(keys)
})

// Keys lists the table in the order of the documentation.
func Keys() []Key { return slices.Clone(mainTable().keys) }
