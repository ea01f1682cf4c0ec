package grpc

import (
	"encoding/json"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/deliver/sink/grpc/outputs"
	"github.com/saker-security/saker/pkg/deliver/sink/grpc/schema"
)

// message makes the alert into what is sent. Priorities have the same numbers there.
func message(a *alert.Alert, render deliver.Render) *outputs.Response {
	m := &outputs.Response{
		Time: timestamppb.New(time.Unix(0, a.Time)), Priority: schema.Priority(a.Priority),
		Rule: text(a.Rule), Output: text(string(render(nil, a))), Hostname: text(a.Hostname), Source: text(a.Source),
		OutputFields: make(map[string]string, len(a.Fields)), Tags: make([]string, len(a.Tags)),
	}
	m.SourceDeprecated = sourceNumber(a.Source) //nolint:staticcheck // old clients know no other
	for i, t := range a.Tags {
		m.Tags[i] = text(t)
	}
	for _, f := range a.Fields {
		m.OutputFields[text(f.Name)] = fieldText(f.JSON)
	}
	return m
}

// sourceNumber gives the number that old clients know a source by.
func sourceNumber(name string) schema.Source {
	switch name {
	case "syscall":
		return schema.Source_SYSCALL
	case "k8s_audit":
		return schema.Source_K8S_AUDIT
	case "internal":
		return schema.Source_INTERNAL
	}
	return schema.Source_PLUGIN
}

// fieldText gives the value of a field: a text as it is, anything else as JSON.
func fieldText(value string) string {
	if strings.HasPrefix(value, `"`) {
		var s string
		if json.Unmarshal([]byte(value), &s) == nil {
			return text(s)
		}
	}
	return text(value)
}

// text is s as protocol buffers can carry it: in UTF-8.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
