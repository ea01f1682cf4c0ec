package cloud

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/saker-security/saker/pkg/audit"
)

// auditStream is how the names of the log streams begin in which EKS writes the audit log. The other streams of the
// same log group hold the logs of the API server, the scheduler and so on.
const auditStream = "kube-apiserver-audit"

// cloudWatch opens what CloudWatch Logs gives as JSON: the payload of a subscription (member logEvents), the answers of
// filter-log-events and get-log-events (events), of queries (results), and their entries one by one.
func cloudWatch(o object, u *audit.Unwrapped) bool {
	if o.text("messageType") != "" && o["logGroup"] != nil {
		return subscription(o, u)
	}
	if results, ok := o.list("results"); ok && (o["statistics"] != nil || o["status"] != nil) {
		for _, row := range results {
			queryRow(row, u)
		}
		return true
	}
	if events, ok := o.list("events"); ok {
		for _, e := range events {
			if entry := members(e); entry == nil || !logEvent(entry, "", u) {
				u.Event(nil)
			}
		}
		return true
	}
	if value, ok := o["@message"]; ok {
		message(value, clusterOf(o.text("@log")), fromAudit(o.text("@logStream")), u)
		return true
	}
	return logEvent(o, "", u)
}

// subscription opens the payload that a subscription delivers.
func subscription(o object, u *audit.Unwrapped) bool {
	events, ok := o.list("logEvents")
	if !ok {
		return false
	}
	stream := o.text("logStream")
	if o.text("messageType") != "DATA_MESSAGE" || stream != "" && !fromAudit(stream) {
		u.Foreign += len(events)
		return true
	}
	for _, e := range events {
		message(members(e)["message"], clusterOf(o.text("logGroup")), stream != "", u)
	}
	return true
}

// logEvent opens a single entry, and returns whether it is one.
func logEvent(o object, cluster string, u *audit.Unwrapped) bool {
	value, ok := o["message"]
	if !ok || !isNumber(o["timestamp"]) || o["ingestionTime"] == nil && o["eventId"] == nil && o["id"] == nil && o["logStreamName"] == nil {
		return false
	}
	stream := o.text("logStreamName")
	if stream != "" && !fromAudit(stream) {
		u.Foreign++
		return true
	}
	message(value, cluster, stream != "", u)
	return true
}

func isNumber(value json.RawMessage) bool {
	return len(value) > 0 && value[0] >= '0' && value[0] <= '9'
}

// queryRow opens a row of the result of a query: a list of fields with their values.
func queryRow(row json.RawMessage, u *audit.Unwrapped) {
	var fields []struct{ Field, Value string }
	if json.Unmarshal(row, &fields) != nil {
		u.Event(nil)
		return
	}
	value := map[string]string{}
	for _, f := range fields {
		value[f.Field] = f.Value
	}
	text, stream := strings.TrimSpace(value["@message"]), value["@logStream"]
	if text != "" && (stream != "" && !fromAudit(stream) || stream == "" && !isEvent([]byte(text))) {
		u.Foreign++
		return
	}
	u.Event(withCluster([]byte(text), clusterOf(value["@log"])))
}

// textLine opens a line as an export to S3 ("TIME {event}") and `aws logs tail` ("TIME STREAM {event}") write it.
func textLine(line []byte, u *audit.Unwrapped) bool {
	time, rest, ok := bytes.Cut(line, []byte{' '})
	if !ok || !isTime(time) {
		return false
	}
	rest = bytes.TrimSpace(rest)
	known := false
	if !bytes.HasPrefix(rest, []byte{'{'}) {
		stream, text, _ := bytes.Cut(rest, []byte{' '})
		if !fromAudit(string(stream)) {
			u.Foreign++
			return true
		}
		rest, known = bytes.TrimSpace(text), true
	}
	if !known && !isEvent(rest) {
		u.Foreign++
		return true
	}
	u.Event(rest)
	return true
}

// isTime tells whether a word begins as a time in the form of RFC 3339 does.
func isTime(word []byte) bool {
	const form = "0000-00-00T00:00:00"
	if len(word) < len(form) {
		return false
	}
	for i, c := range []byte(form) {
		if got := word[i]; c == '0' && (got < '0' || got > '9') || c != '0' && got != c {
			return false
		}
	}
	return true
}

func fromAudit(stream string) bool { return strings.HasPrefix(stream, auditStream) }

// clusterOf takes the name of the cluster out of a log group: /aws/eks/NAME/cluster, in queries with the number of the
// account and a colon before it.
func clusterOf(group string) string {
	_, name, ok := strings.Cut(group, "/aws/eks/")
	if !ok {
		return ""
	}
	name, ok = strings.CutSuffix(name, "/cluster")
	if !ok {
		return ""
	}
	return name
}
