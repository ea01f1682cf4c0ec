package audit

import (
	"net/netip"

	"github.com/saker-security/saker/pkg/audit/scan"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// Catalogue makes the catalogue of the source k8s_audit: the generic evt fields, the ka fields of Falco's k8saudit
// plugin and the json and jevt fields of its json plugin, and ka fields that Falco does not have. hostname is what
// evt.hostname answers.
//
// A ka field has no value when the member is absent or null, and none has a value in an event without auditID. Values
// are texts, but for addresses and times; what is no string in the event is given as compact JSON. Nothing is taken out
// of an event before somebody asks for it.
func Catalogue(hostname string) *field.Catalogue {
	return field.New(event.SourceK8sAudit, nil, field.Generic(hostname), eventFields(), requestFields(), csrFields(), podFields(), templateFields(), jsonFields())
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

// keyedList makes a list field with a key.
func keyedList(name, help string, get extract) field.Field {
	f := keyed(name, help, get)
	f.List = true
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

// under takes the text of what is below a member.
func under(m member, path ...string) extract {
	return func(r *Record, _ *field.Arg, v *event.Value) (ok bool) {
		v.Text, ok = r.text(r.get(r.at[m], path...))
		return ok
	}
}

// manyUnder takes the texts of the elements of an array below a member.
func manyUnder(m member, path ...string) extract {
	return func(r *Record, _ *field.Arg, v *event.Value) bool { return addAll(r, v, r.get(r.at[m], path...)) }
}

// extra takes what the authenticator added about a user under the key that the argument names.
func extra(m member) extract {
	return func(r *Record, a *field.Arg, v *event.Value) bool {
		return addAll(r, v, r.get(r.at[m], "extra", a.Text))
	}
}

// addAll adds the texts of the elements of an array, and tells whether there are any.
func addAll(r *Record, v *event.Value, array scan.Span) bool {
	r.elements(array, func(_ int, element scan.Span) bool {
		add(r, v, element)
		return true
	})
	return len(v.List) > 0
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
		text("ka.level", "Level at which the audit policy logs the request: Metadata, Request or RequestResponse.", one(level)),
		text("ka.stage", "Stage of the request, such as RequestReceived or ResponseComplete.", one(stage)),
		text("ka.auth.decision", "What the authorizer decided: allow or forbid.", one(authDecision)),
		text("ka.auth.reason", "Why the authorizer decided so.", one(authReason)),
		text("ka.auth.openshift.decision", "What the authentication of OpenShift decided.", one(openshiftDecision)),
		text("ka.auth.openshift.username", "User whom the authentication of OpenShift looked at.", one(openshiftUsername)),
		text("ka.validations.admission.policy.failure", "Failures of validating admission policies, as JSON.", one(validationFailure)),
		text("ka.security.pod.violations", "What the pod violates of the Pod Security Standard that is audited.", one(podViolations)),
		text("ka.user.name", "Name of the user who made the request.", one(userName)),
		list("ka.user.groups", "Groups of the user who made the request.", many(userGroups)),
		text("ka.user.uid", "Unique id of the user who made the request.", under(user, "uid")),
		keyedList("ka.user.extra", "What the authenticator says of the user under a key, such as authentication.kubernetes.io/pod-name.", extra(user)),
		text("ka.impuser.name", "Name of the user who is impersonated.", one(impersonatedName)),
		text("ka.impuser.uid", "Unique id of the user who is impersonated.", under(impersonatedUser, "uid")),
		list("ka.impuser.groups", "Groups that are impersonated.", manyUnder(impersonatedUser, "groups")),
		keyedList("ka.impuser.extra", "What is impersonated under a key of the user's extra information.", extra(impersonatedUser)),
		text("ka.verb", "Verb of the request, such as create or get.", one(verb)),
		text("ka.uri", "URI of the request as the client sent it.", one(requestURI)),
		keyed("ka.uri.param", "First value of a query parameter of the URI.", uriParam),
		text("ka.target.name", "Name of the object that the request is about.", one(refName)),
		text("ka.target.namespace", "Namespace of the object that the request is about.", one(refNamespace)),
		text("ka.target.resource", "Resource of the object that the request is about, such as pods.", one(refResource)),
		text("ka.target.subresource", "Subresource that the request is about, such as exec.", one(refSubresource)),
		text("ka.target.apigroup", "API group of the object that the request is about; there is none for the core group.", one(refAPIGroup)),
		text("ka.target.apiversion", "API version of the object that the request is about, such as v1.", under(objectRef, "apiVersion")),
		text("ka.target.uid", "Unique id of the object that the request is about, when the request names it.", under(objectRef, "uid")),
		text("ka.target.pod.name", "Name of the pod that the response holds, when the request is about a pod itself.", targetPod),
		text("ka.resp.name", "Name of the object that the response holds.", one(responseName)),
		text("ka.response.code", "HTTP status code of the response.", one(statusCode)),
		text("ka.response.reason", "Reason of the response, such as NotFound.", one(statusReason)),
		text("ka.response.status", "Status of the response, Success or Failure.", under(responseStatus, "status")),
		text("ka.response.message", "Message of the response for people, such as why the request was refused.", under(responseStatus, "message")),
		text("ka.response.binding.role", "Name of the role that the binding in the response gives; with a patch the request does not tell it.", under(responseObject, "roleRef", "name")),
		list("ka.response.binding.subjects", "Subjects of the role binding in the response, each as JSON; with a patch the request does not tell them.", manyUnder(responseObject, "subjects")),
		keyed("ka.annotation", "Annotation of the audit event, such as authorization.k8s.io/reason.", annotation),
		text("ka.useragent", "User agent of the client.", one(userAgent)),
		indexed("ka.sourceips", "IP addresses from which the request came: the client, then the proxies.", many(sourceIPs)),
		ip("ka.sourceip", "IP address of the client: the first of ka.sourceips. When there are several, clients can make it up.", event.TypeIP, firstIP),
		ip("ka.sourcenet", "Network of the IP address of the client, to compare with networks: ka.sourcenet in (10.0.0.0/8).", event.TypeNet, firstIP),
		ip("ka.peerip", "IP address of whoever connected to the API server, the client or a proxy: the last of ka.sourceips. Nobody can make it up.", event.TypeIP, lastIP),
		ip("ka.peernet", "Network of the IP address of whoever connected to the API server, to compare with networks.", event.TypeNet, lastIP),
		{Name: "ka.latency", Type: event.TypeUint64, Help: "Milliseconds from when the API server received the request to this stage.", Extract: latency},
		text("ka.cluster.name", "Name of the cluster: that of the path to which the event was sent, else the annotation cluster_name.", cluster),
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

func cluster(r *Record, a *field.Arg, v *event.Value) bool {
	if r.b.Cluster == "" {
		return one(clusterName)(r, a, v)
	}
	v.Text = r.b.Cluster
	return true
}

func annotation(r *Record, a *field.Arg, v *event.Value) (ok bool) {
	v.Text, ok = r.text(r.get(r.at[annotations], a.Text))
	return ok
}

// latency is how long after its arrival the request was at this stage.
func latency(e *event.Event, _ *field.Arg, v *event.Value) bool {
	r := e.Data.(*Record)
	received, ok := r.text(r.at[requestReceived])
	if !ok || r.at[auditID].IsZero() {
		return false
	}
	from, ok := parseTime(received)
	v.Num = uint64(e.Time-from) / 1e6
	return ok && e.Time >= from
}

// ip makes a field of one IP address. Fields of the type of networks can only be compared.
func ip(name, help string, t event.Type, get func(r *Record) scan.Span) field.Field {
	net := t == event.TypeNet
	return field.Field{
		Name: name, Type: t, Help: help, FilterOnly: net, NoCompare: net, NoTransform: net,
		Extract: ka(func(r *Record, _ *field.Arg, v *event.Value) bool {
			text, ok := r.text(get(r))
			if !ok {
				return false
			}
			addr, err := netip.ParseAddr(text)
			v.Addr = addr.Unmap().WithZone("")
			return err == nil
		}),
	}
}

func firstIP(r *Record) scan.Span { return r.element(r.at[sourceIPs], 0) }

func lastIP(r *Record) (last scan.Span) {
	r.elements(r.at[sourceIPs], func(_ int, element scan.Span) bool {
		last = element
		return true
	})
	return last
}
