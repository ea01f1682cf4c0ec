package cloud

import (
	"encoding/json"
	"strings"

	"github.com/saker-security/saker/pkg/audit"
)

// azure opens what Azure Monitor gives: diagnostic records, as a list or one by one, rows of the tables AzureDiagnostics,
// AKSAudit and AKSAuditAdmin, and the answer of a query.
func azure(o object, u *audit.Unwrapped) bool {
	if records, ok := o.list("records"); ok {
		for _, r := range records {
			if record := members(r); record == nil || !azureRecord(record, u) {
				u.Event(nil)
			}
		}
		return true
	}
	if tables, ok := o.list("tables"); ok {
		for _, t := range tables {
			queryTable(members(t), u)
		}
		return true
	}
	return azureRecord(o, u)
}

// azureRecord opens one record or row, and returns whether it is one.
func azureRecord(o object, u *audit.Unwrapped) bool {
	category := o.text("category")
	log := o.object("properties")["log"]
	if category == "" {
		category, log = o.text("Category"), o["log_s"]
	}
	switch {
	case category == "kube-audit" || category == "kube-audit-admin":
		message(log, azureCluster(o), true, u)
	case o["AuditId"] != nil && o["Stage"] != nil:
		u.Event(tableRow(o))
	case category != "" && (o["resourceId"] != nil || o["operationName"] != nil || o["ResourceId"] != nil || o["_ResourceId"] != nil):
		u.Foreign++
	default:
		return false
	}
	return true
}

// azureCluster is the name of the cluster, the last part of the id of the resource. Azure writes such ids in capital
// letters in some places, and names of clusters are the same in all letters for it.
func azureCluster(o object) string {
	for _, key := range []string{"resourceId", "ResourceId", "_ResourceId"} {
		id := o.text(key)
		if at := strings.LastIndex(strings.ToLower(id), "/managedclusters/"); at >= 0 {
			name, _, _ := strings.Cut(id[at+len("/managedclusters/"):], "/")
			return strings.ToLower(name)
		}
	}
	return ""
}

// queryTable opens the rows of a table in the answer of a query.
func queryTable(table object, u *audit.Unwrapped) {
	columns, _ := table.list("columns")
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = members(c).text("name")
	}
	rows, _ := table.list("rows")
	for _, r := range rows {
		var cells []json.RawMessage
		if json.Unmarshal(r, &cells) != nil || len(cells) != len(names) {
			u.Event(nil)
			continue
		}
		row := object{}
		for i, name := range names {
			row[name] = cells[i]
		}
		if !azureRecord(row, u) {
			u.Event(nil)
		}
	}
}

// skipped is what the tables of AKS hold in the place of an object that is too large for them.
const skipped = "skipped-too-big-size-object"

// tableRow builds the event that a row of AKSAudit or AKSAuditAdmin tells of.
func tableRow(o object) []byte {
	e := auditEvent{
		Level: o.text("Level"), AuditID: o.text("AuditId"), Stage: o.text("Stage"), RequestURI: o.text("RequestUri"), Verb: o.text("Verb"),
		User: given(o["User"]), Impersonated: given(o["ImpersonatedUser"]), SourceIPs: given(o["SourceIps"]), UserAgent: o.text("UserAgent"),
		ObjectRef: given(o["ObjectRef"]), ResponseStatus: given(o["ResponseStatus"]),
		RequestReceived: o.text("RequestReceivedTime"), StageTime: o.text("StageReceivedTime"),
		Annotations: map[string]json.RawMessage{},
	}
	if e.StageTime == "" {
		e.StageTime = o.text("TimeGenerated")
	}
	if cluster := azureCluster(o); cluster != "" {
		e.annotate(clusterKey, cluster)
	}
	for key, value := range o.object("Annotations") {
		e.Annotations[key] = value
	}
	for _, body := range []struct {
		column string
		to     *json.RawMessage
	}{{"RequestObject", &e.RequestObject}, {"ResponseObject", &e.ResponseObject}} {
		if value := o[body.column]; text(value) == skipped {
			e.annotate(truncatedKey, "true")
		} else {
			*body.to = given(value)
		}
	}
	return e.json()
}

// given gives the value of a column, nil when it is empty.
func given(value json.RawMessage) json.RawMessage {
	value = plain(value)
	if s := string(value); s == "null" || s == `""` {
		return nil
	}
	return value
}
