package cloud

import "encoding/json"

// truncatedKey is the annotation with which an API server marks an event that it cut.
const truncatedKey = "audit.k8s.io/truncated"

// auditEvent is an audit event that is built from what a cloud tells of it, in the form of audit.k8s.io/v1.
type auditEvent struct {
	Kind            string                     `json:"kind"`
	APIVersion      string                     `json:"apiVersion"`
	Level           string                     `json:"level,omitempty"`
	AuditID         string                     `json:"auditID,omitempty"`
	Stage           string                     `json:"stage,omitempty"`
	RequestURI      string                     `json:"requestURI,omitempty"`
	Verb            string                     `json:"verb,omitempty"`
	User            json.RawMessage            `json:"user,omitempty"`
	Impersonated    json.RawMessage            `json:"impersonatedUser,omitempty"`
	SourceIPs       json.RawMessage            `json:"sourceIPs,omitempty"`
	UserAgent       string                     `json:"userAgent,omitempty"`
	ObjectRef       json.RawMessage            `json:"objectRef,omitempty"`
	ResponseStatus  json.RawMessage            `json:"responseStatus,omitempty"`
	RequestObject   json.RawMessage            `json:"requestObject,omitempty"`
	ResponseObject  json.RawMessage            `json:"responseObject,omitempty"`
	RequestReceived string                     `json:"requestReceivedTimestamp,omitempty"`
	StageTime       string                     `json:"stageTimestamp,omitempty"`
	Annotations     map[string]json.RawMessage `json:"annotations,omitempty"`
}

// annotate adds an annotation.
func (e *auditEvent) annotate(key, value string) { e.Annotations[key] = encode(value) }

// json gives the text of the event.
func (e *auditEvent) json() []byte {
	e.Kind, e.APIVersion = "Event", "audit.k8s.io/v1"
	return encode(e)
}

// encode gives the JSON of a value that always has one; nil, which no reader takes for an event, is for a defect.
func encode(v any) json.RawMessage {
	out, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return out
}
