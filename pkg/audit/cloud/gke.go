package cloud

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/saker-security/saker/pkg/audit"
)

// logEntry opens an entry of Cloud Logging, and returns whether it is one.
func logEntry(o object, u *audit.Unwrapped) bool {
	payload := o.object("protoPayload")
	switch {
	case payload != nil && payload.text("serviceName") == "k8s.io":
		u.Event(gkeEvent(o, payload))
	case payload != nil, o["logName"] != nil && (o["insertId"] != nil || o["resource"] != nil):
		u.Foreign++
	default:
		return false
	}
	return true
}

// gkeEvent builds the event that an entry tells of.
func gkeEvent(entry, p object) []byte {
	method := parseMethod(p.text("methodName"))
	caller := p.object("requestMetadata")
	e := auditEvent{
		Level: "Metadata", AuditID: entry.object("operation").text("id"), Stage: "ResponseComplete", Verb: method.verb,
		UserAgent: caller.text("callerSuppliedUserAgent"), StageTime: entry.text("timestamp"),
		RequestObject: withoutType(p["request"]), ResponseObject: withoutType(p["response"]),
		Annotations: map[string]json.RawMessage{},
	}
	if e.AuditID == "" {
		e.AuditID = entry.text("insertId")
	}
	if operation := entry.object("operation"); string(operation["first"]) == "true" && string(operation["last"]) == "false" {
		e.Stage = "ResponseStarted"
	}
	if e.RequestObject != nil {
		e.Level = "Request"
	}
	if e.ResponseObject != nil {
		e.Level = "RequestResponse"
	}
	if ip := caller.text("callerIp"); ip != "" {
		e.SourceIPs = encode([]string{ip})
	}
	e.User = gkeUser(p.object("authenticationInfo"))
	ref := parseResource(p.text("resourceName"), method)
	e.RequestURI = ref.uri
	if ref.Resource != "" {
		e.ObjectRef = encode(ref)
	}
	code, status := gkeStatus(p, method)
	e.ResponseStatus = status
	if code == switching {
		e.Stage = "ResponseStarted" // the only entry of a session tells that it was opened
	}
	e.annotateGKE(entry, p)
	return e.json()
}

// gkeUser is the user of an entry. The groups are not told.
func gkeUser(o object) json.RawMessage {
	name := o.text("principalEmail")
	if name == "" {
		name = o.text("principalSubject")
	}
	if name == "" {
		return nil
	}
	return encode(struct {
		Username string `json:"username"`
	}{name})
}

// annotateGKE adds the labels of the entry, among which the API server's own annotations are, and those of the cluster.
func (e *auditEvent) annotateGKE(entry, p object) {
	for key, value := range entry.object("resource").object("labels") {
		e.Annotations[key] = value
	}
	for key, value := range entry.object("labels") {
		e.Annotations[key] = value
	}
	const decision = "authorization.k8s.io/decision"
	if checks, ok := p.list("authorizationInfo"); ok && len(checks) > 0 && e.Annotations[decision] == nil {
		e.annotate(decision, "forbid")
		if slices.ContainsFunc(checks, func(c json.RawMessage) bool { return string(members(c)["granted"]) == "true" }) {
			e.annotate(decision, "allow")
		}
	}
	if entry["split"] != nil {
		e.annotate(truncatedKey, "true") // a long entry comes in parts, of which this is one
	}
}

// method is what the name of a method tells.
type method struct{ resource, subresource, verb string }

// parseMethod takes the name of a method apart: io.k8s.GROUP.VERSION.RESOURCE.VERB, with a subresource before the verb if
// there is one. Only the verb is there when the request was for no resource.
func parseMethod(name string) (m method) {
	parts := strings.Split(name, ".")
	m.verb = parts[len(parts)-1]
	parts = parts[:len(parts)-1]
	for i := len(parts) - 1; i >= 0; i-- {
		if !isVersion(parts[i]) {
			continue
		}
		if rest := parts[i+1:]; len(rest) > 0 {
			m.resource, m.subresource = rest[0], strings.Join(rest[1:], "/")
		}
		break
	}
	return m
}

// isVersion tells whether a word is a version of an API, as v1 or v2beta1.
func isVersion(word string) bool {
	rest, ok := strings.CutPrefix(word, "v")
	return ok && rest != "" && rest[0] >= '0' && rest[0] <= '9' && strings.Trim(rest, "0123456789alphbet") == ""
}

// reference is the objectRef of an event.
type reference struct {
	Resource    string `json:"resource,omitempty"`
	Namespace   string `json:"namespace,omitempty"`
	Name        string `json:"name,omitempty"`
	Subresource string `json:"subresource,omitempty"`
	APIGroup    string `json:"apiGroup,omitempty"`
	APIVersion  string `json:"apiVersion,omitempty"`
	uri         string
}

// parseResource takes the name of a resource apart: GROUP/VERSION[/namespaces/NAMESPACE]/RESOURCE[/NAME[/SUBRESOURCE]],
// in which the group of the core is core; and builds the path of the request.
func parseResource(name string, m method) (r reference) {
	parts := strings.Split(name, "/")
	if len(parts) < 3 || !isVersion(parts[1]) {
		r.Resource, r.Subresource = m.resource, m.subresource
		if name != "" && m.resource == "" {
			r.uri = "/" + strings.TrimPrefix(name, "/")
		}
		return r
	}
	r.APIGroup, r.APIVersion = parts[0], parts[1]
	r.uri = "/apis/" + parts[0] + "/" + parts[1]
	if parts[0] == "core" {
		r.APIGroup, r.uri = "", "/api/"+parts[1]
	}
	rest := parts[2:]
	if rest[0] == "namespaces" && len(rest) > 1 {
		r.Namespace = rest[1]
		if len(rest) > 2 && m.resource != "namespaces" {
			r.uri += "/namespaces/" + r.Namespace
			rest = rest[2:]
		}
	}
	r.Resource = rest[0]
	r.uri += "/" + r.Resource
	if len(rest) > 1 {
		r.Name = rest[1]
	}
	if r.Subresource = strings.Join(rest[min(2, len(rest)):], "/"); r.Subresource == "" {
		r.Subresource = m.subresource
	}
	if r.Name != "" && (m.verb != "create" || r.Subresource != "") {
		r.uri += "/" + r.Name
	}
	if r.Subresource != "" {
		r.uri += "/" + r.Subresource
	}
	return r
}

// httpCodes are the HTTP status codes that the codes of gRPC from 1 on stand for.
var httpCodes = [...]int{499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401}

// gkeStatus is the outcome of the request: what the API server answered if that is there, else by the code of gRPC.
func gkeStatus(p object, m method) (code int, encoded json.RawMessage) {
	var status struct {
		Code    int    `json:"code"`
		Message string `json:"message,omitempty"`
		Reason  string `json:"reason,omitempty"`
	}
	if answer := p.object("response"); answer.text("kind") == "Status" || strings.HasSuffix(answer.text("@type"), ".Status") {
		_ = json.Unmarshal(answer["code"], &status.Code) // what is no number is as good as none
		status.Message, status.Reason = answer.text("message"), answer.text("reason")
	}
	if status.Code == 0 {
		told := p.object("status")
		_ = json.Unmarshal(told["code"], &status.Code)
		if status.Message == "" {
			status.Message = told.text("message")
		}
		if n := status.Code; n > 0 && n <= len(httpCodes) {
			status.Code = httpCodes[n-1]
		}
	}
	if status.Code == 0 {
		status.Code = succeeded(m)
	}
	return status.Code, encode(status)
}

// switching is the status code with which a session is opened: Switching Protocols.
const switching = 101

// succeeded is the status code with which the API server answers a request that it carried out.
func succeeded(m method) int {
	switch {
	case m.subresource == "exec" || m.subresource == "attach" || m.subresource == "portforward":
		return switching
	case m.verb == "create":
		return 201
	}
	return 200
}

// withoutType gives an object without the member in which Cloud Logging tells its type, nil for nothing.
func withoutType(value json.RawMessage) json.RawMessage {
	o := members(value)
	if o == nil {
		return nil
	}
	if delete(o, "@type"); len(o) == 0 {
		return nil
	}
	return encode(o)
}
