package policy

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	internal "k8s.io/apiserver/pkg/apis/audit"
)

// recorded is what is known of an event that an API server sent.
type recorded struct {
	members map[string]json.RawMessage
	level   level
	stage   string
	request request
}

// recordedEvent are the members of an event that a policy looks at.
type recordedEvent struct {
	Level, Stage, Verb, RequestURI string
	User                           struct {
		Username string
		Groups   []string
	}
	ObjectRef *struct{ Resource, Namespace, Name, APIGroup, Subresource string }
}

// read takes an event apart.
func read(event []byte) (*recorded, error) {
	r := &recorded{}
	var e recordedEvent
	if err := json.Unmarshal(event, &r.members); err != nil {
		return nil, fmt.Errorf("read the event: %w", err)
	}
	if err := json.Unmarshal(event, &e); err != nil {
		return nil, fmt.Errorf("read the event: %w", err)
	}
	r.level, r.stage = parseLevel(e.Level), e.Stage
	path, _, _ := strings.Cut(e.RequestURI, "?")
	if plain, err := url.PathUnescape(path); err == nil {
		path = plain
	}
	r.request = request{verb: e.Verb, user: e.User.Username, groups: strings.Join(e.User.Groups, "\n"), path: path}
	if o := e.ObjectRef; o != nil {
		r.request.isResource = true
		r.request.group, r.request.resource, r.request.subresource = o.APIGroup, o.Resource, o.Subresource
		r.request.namespace, r.request.name = o.Namespace, o.Name
		// The name of a new object, and its namespace, are put in after the policy was asked.
		if e.Verb == "create" && o.Subresource == "" {
			r.request.name = ""
		}
		if o.Namespace != "" && !slices.Contains(strings.Split(path, "/"), o.Namespace) {
			r.request.namespace = ""
		}
	}
	return r, nil
}

// strip leaves in an event what an API server sends of it under a policy, and tells whether it sends it at all.
func (r *recorded) strip(d decision) bool {
	l := parseLevel(string(d.config.Level))
	if l == levelNone || slices.Contains(d.config.OmitStages, internal.Stage(r.stage)) {
		return false
	}
	l = min(l, max(r.level, levelMetadata))
	if l < levelResponse {
		delete(r.members, "responseObject")
	}
	if l < levelRequest {
		delete(r.members, "requestObject")
	}
	r.members["level"], _ = json.Marshal(l.String())
	if d.config.OmitManagedFields {
		for _, body := range []string{"requestObject", "responseObject"} {
			if object, ok := r.members[body]; ok {
				r.members[body] = withoutManagedFields(object)
			}
		}
	}
	return true
}

// size is how long the event is as the API server writes it, without blanks.
func (r *recorded) size() int {
	n := 1
	for key, value := range r.members {
		n += len(key) + len(value) + 4
	}
	return n
}

// withoutManagedFields drops metadata.managedFields of an object, or of the items of a list.
func withoutManagedFields(object json.RawMessage) json.RawMessage {
	var members map[string]json.RawMessage
	if json.Unmarshal(object, &members) != nil || members == nil {
		return object
	}
	changed := false
	var metadata map[string]json.RawMessage
	if json.Unmarshal(members["metadata"], &metadata) == nil && metadata["managedFields"] != nil {
		delete(metadata, "managedFields")
		members["metadata"], _ = json.Marshal(metadata)
		changed = true
	}
	var items []json.RawMessage
	if json.Unmarshal(members["items"], &items) == nil {
		for i := range items {
			short := withoutManagedFields(items[i])
			changed = changed || len(short) != len(items[i])
			items[i] = short
		}
		if changed && items != nil {
			members["items"], _ = json.Marshal(items)
		}
	}
	if !changed {
		return object
	}
	out, err := json.Marshal(members)
	if err != nil {
		return object
	}
	return out
}
