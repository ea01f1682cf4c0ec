// Package cloud recognises Kubernetes audit events in the forms in which the logs of managed clusters give them, and
// takes them out: Amazon EKS through CloudWatch Logs, Google GKE through Cloud Logging, Azure AKS through Azure Monitor.
// The forms are told apart by their shape alone, so that they may be mixed in one file.
//
// Records of EKS and of AKS's diagnostic logs hold the event as the API server made it. GKE and the tables of AKS hold
// parts of it, from which the event is built again; what they do not tell is missing. The name of the cluster, where a
// record tells it, becomes the annotation cluster_name, which ka.cluster.name answers.
package cloud

import (
	"bytes"
	"encoding/json"

	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/audit/scan"
)

// Unwrap is the audit.Unwrap for all forms of this package. It is safe for concurrent use.
func Unwrap(value []byte, u *audit.Unwrapped) bool {
	if len(value) == 0 || value[0] != '{' {
		return textLine(value, u)
	}
	o := members(value)
	return o != nil && (cloudWatch(o, u) || logEntry(o, u) || azure(o, u))
}

// object is a JSON object, its members not yet looked into.
type object map[string]json.RawMessage

// members gives the members of an object, nil for anything else.
func members(value []byte) object {
	if !isObject(value) {
		return nil
	}
	var o object
	if json.Unmarshal(value, &o) != nil {
		return nil
	}
	return o
}

func isObject(value []byte) bool {
	value = bytes.TrimLeft(value, " \t\r\n")
	return len(value) > 0 && value[0] == '{'
}

// text gives what a string says, and "" for anything else.
func text(value json.RawMessage) string {
	var s string
	if len(value) == 0 || value[0] != '"' || json.Unmarshal(value, &s) != nil {
		return ""
	}
	return s
}

// text gives the text of a member.
func (o object) text(name string) string { return text(o[name]) }

// object gives a member that is an object; also one that is written as a string, as tables do.
func (o object) object(name string) object { return members(plain(o[name])) }

// list gives the elements of a member that is an array.
func (o object) list(name string) (list []json.RawMessage, ok bool) {
	value := o[name]
	if len(value) == 0 || value[0] != '[' {
		return nil, false
	}
	return list, json.Unmarshal(value, &list) == nil
}

// plain gives the JSON that a string holds, and any other value as it is.
func plain(value json.RawMessage) json.RawMessage {
	if s := text(value); s != "" && json.Valid([]byte(s)) {
		return json.RawMessage(s)
	}
	return value
}

// message adds the event that a message is: a string with JSON in it, or the JSON itself. known tells that the message
// comes from the audit log; else its content decides.
func message(value json.RawMessage, cluster string, known bool, u *audit.Unwrapped) {
	event := []byte(value)
	if len(value) > 0 && value[0] == '"' {
		event = []byte(text(value))
	}
	event = bytes.TrimSpace(event)
	if !known && !isEvent(event) {
		u.Foreign++
		return
	}
	u.Event(withCluster(event, cluster))
}

// isEvent tells whether a text, which may be cut off, looks like an audit event and not like another line of a log.
func isEvent(text []byte) bool {
	return len(text) > 0 && text[0] == '{' && bytes.Contains(text, []byte(`"auditID"`))
}

// clusterKey is the annotation that ka.cluster.name reads.
const clusterKey = "cluster_name"

// withCluster adds the annotation with the name of the cluster to the text of an event. One that the event has already
// counts more, as it comes later. A text that is no object is left as it is.
func withCluster(event []byte, cluster string) []byte {
	if cluster == "" {
		return event
	}
	var s scan.Scanner
	s.Reset(event)
	if s.At(0) != '{' {
		return event
	}
	i := s.Space(1)
	empty := s.At(i) == '}'
	annotations := 0
	for more := !empty; more; {
		key := i + 1
		end, value := s.Key(i)
		if value < 0 {
			return event
		}
		if string(event[key:end-1]) == "annotations" && s.At(value) == '{' {
			annotations = value
		}
		if i = s.Value(value, 1); i < 0 {
			return event
		}
		i, more = s.Next(i, '}')
	}
	if i < 0 {
		return event
	}
	name, err := json.Marshal(cluster)
	if err != nil {
		return event // cannot be: it is a string
	}
	at, before, after := bytes.LastIndexByte(event, '}'), `,"annotations":{"`+clusterKey+`":`, "}"
	switch {
	case annotations > 0:
		at, before, after = annotations+1, `"`+clusterKey+`":`, ","
		if s.At(s.Space(at)) == '}' {
			after = ""
		}
	case empty:
		before = before[1:]
	}
	out := make([]byte, 0, len(event)+len(before)+len(name)+len(after))
	out = append(append(append(append(out, event[:at]...), before...), name...), after...)
	return append(out, event[at:]...)
}
