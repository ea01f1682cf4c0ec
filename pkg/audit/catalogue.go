package audit

import (
	"github.com/saker-security/saker/pkg/audit/scan"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// Catalogue makes the catalogue of the source k8s_audit: the generic evt fields, the ka fields of Falco's k8saudit
// plugin and the json and jevt fields of its json plugin. hostname is what evt.hostname answers.
//
// A ka field has no value when the member is absent or null, and none has a value in an event without auditID. Values
// are texts; what is no string in the event is given as compact JSON.
func Catalogue(hostname string) *field.Catalogue {
	return field.New(event.SourceK8sAudit, nil, field.Generic(hostname), eventFields(), requestFields(), podFields(), jsonFields())
}

type extract func(r *Record, a *field.Arg, v *event.Value) bool

// ka makes the extractor of a ka field.
func ka(get extract) field.Extractor {
	return func(e *event.Event, a *field.Arg, v *event.Value) bool {
		r := e.Data.(*Record)
		return !r.at[auditID].IsZero() && get(r, a, v)
	}
}

func text(name, help string, get extract) field.Field {
	return field.Field{Name: name, Type: event.TypeString, Help: help, Extract: ka(get)}
}

func list(name, help string, get extract) field.Field {
	return field.Field{Name: name, Type: event.TypeString, List: true, Help: help, Extract: ka(get)}
}

// indexed makes a list field with an optional index.
func indexed(name, help string, get extract) field.Field {
	f := list(name, help, get)
	f.Need, f.Form = field.ArgOptional, field.FormIndex
	return f
}

// keyed makes a field with a key.
func keyed(name, help string, get extract) field.Field {
	f := text(name, help, get)
	f.Need, f.Form = field.ArgRequired, field.FormKey
	return f
}

func deprecated(f field.Field, why string) field.Field {
	f.Deprecated = why
	return f
}

// one takes the text of a member.
func one(m member) extract {
	return func(r *Record, _ *field.Arg, v *event.Value) (ok bool) {
		v.Text, ok = r.text(r.at[m])
		return ok
	}
}

// many takes the texts of the elements of a member that is an array; of the one element that the argument names, if it
// names one.
func many(m member) extract {
	return func(r *Record, a *field.Arg, v *event.Value) bool {
		each(r, r.at[m], a, func(element scan.Span) { add(r, v, element) })
		return len(v.List) > 0
	}
}

// each calls do for the elements of an array, or only for the one that the argument names.
func each(r *Record, array scan.Span, a *field.Arg, do func(element scan.Span)) {
	r.elements(array, func(k int, element scan.Span) bool {
		if !a.Present || k == a.Index {
			do(element)
		}
		return !a.Present || k < a.Index
	})
}

// add adds the text of a value, if it has one, to a list.
func add(r *Record, v *event.Value, sp scan.Span) {
	if text, ok := r.text(sp); ok {
		v.Grow().Text = text
	}
}

// eventFields are those that read the event itself.
func eventFields() []field.Field {
	return []field.Field{
		text("ka.auditid", "Unique id of the request; the events of all its stages share it.", one(auditID)),
		text("ka.stage", "Stage of the request, such as RequestReceived or ResponseComplete.", one(stage)),
		text("ka.auth.decision", "What the authorizer decided: allow or forbid.", one(authDecision)),
		text("ka.auth.reason", "Why the authorizer decided so.", one(authReason)),
		text("ka.auth.openshift.decision", "What the authentication of OpenShift decided.", one(openshiftDecision)),
		text("ka.auth.openshift.username", "User whom the authentication of OpenShift looked at.", one(openshiftUsername)),
		text("ka.validations.admission.policy.failure", "Failures of validating admission policies, as JSON.", one(validationFailure)),
		text("ka.security.pod.violations", "What the pod violates of the Pod Security Standard that is audited.", one(podViolations)),
		text("ka.user.name", "Name of the user who made the request.", one(userName)),
		list("ka.user.groups", "Groups of the user who made the request.", many(userGroups)),
		text("ka.impuser.name", "Name of the user who is impersonated.", one(impersonatedName)),
		text("ka.verb", "Verb of the request, such as create or get.", one(verb)),
		text("ka.uri", "URI of the request as the client sent it.", one(requestURI)),
		keyed("ka.uri.param", "First value of a query parameter of the URI.", uriParam),
		text("ka.target.name", "Name of the object that the request is about.", one(refName)),
		text("ka.target.namespace", "Namespace of the object that the request is about.", one(refNamespace)),
		text("ka.target.resource", "Resource of the object that the request is about, such as pods.", one(refResource)),
		text("ka.target.subresource", "Subresource that the request is about, such as exec.", one(refSubresource)),
		text("ka.target.pod.name", "Name of the pod that the response holds, when the request is about a pod itself.", targetPod),
		text("ka.resp.name", "Name of the object that the response holds.", one(responseName)),
		text("ka.response.code", "HTTP status code of the response.", one(statusCode)),
		text("ka.response.reason", "Reason of the response, such as NotFound.", one(statusReason)),
		text("ka.useragent", "User agent of the client.", one(userAgent)),
		indexed("ka.sourceips", "IP addresses from which the request came: the client, then the proxies.", many(sourceIPs)),
		text("ka.cluster.name", "Name of the cluster, from the annotation cluster_name.", one(clusterName)),
		text("ka.truncated", "true when the API server or the receiver left out the objects of an event that is too long.", isTruncated),
	}
}

func targetPod(r *Record, a *field.Arg, v *event.Value) bool {
	sub, _ := r.text(r.at[refSubresource])
	return sub == "" && r.is(r.at[refResource], "pods") && one(responseName)(r, a, v)
}

func isTruncated(r *Record, _ *field.Arg, v *event.Value) bool {
	v.Text = "true"
	return r.trimmed || r.is(r.at[truncated], "true")
}
