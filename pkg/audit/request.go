package audit

import (
	"github.com/saker-security/saker/pkg/audit/scan"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// requestFields are those that read request objects other than pods.
func requestFields() []field.Field {
	return []field.Field{
		list("ka.req.binding.subjects", "Subjects of the role binding in the request, each as JSON.", many(requestSubjects)),
		list("ka.req.binding.subjects.user_names", "Names of the users in the role binding of the request.", subjects("User")),
		list("ka.req.binding.subjects.serviceaccount_names", "Names of the service accounts in the role binding of the request.", subjects("ServiceAccount")),
		list("ka.req.binding.subjects.serviceaccount_ns_names", "Service accounts in the role binding of the request, each as namespace:name.", namespacedAccounts),
		list("ka.req.binding.subjects.group_names", "Names of the groups in the role binding of the request.", subjects("Group")),
		text("ka.req.binding.role", "Name of the role that the binding in the request gives.", one(roleRefName)),
		text("ka.req.binding.role.kind", "Kind of the role that the binding in the request gives, Role or ClusterRole.", under(requestRoleRef, "kind")),
		deprecated(keyed("ka.req.binding.subject.has_name", "Always true.", alwaysTrue),
			"it says nothing; use ka.req.binding.subjects.user_names, .group_names and .serviceaccount_names"),
		text("ka.req.configmap.name", "Name of the object that the request is about, which need not be a ConfigMap.", one(refName)),
		text("ka.req.configmap.obj", "Data of the ConfigMap in the request, as JSON.", one(requestData)),
		list("ka.req.role.rules", "Rules of the role in the request, each as JSON.", many(requestRules)),
		indexed("ka.req.role.rules.apiGroups", "API groups in the rules of the role in the request; the index picks a rule.", rule("apiGroups")),
		indexed("ka.req.role.rules.nonResourceURLs", "URLs in the rules of the role in the request; the index picks a rule.", rule("nonResourceURLs")),
		indexed("ka.req.role.rules.verbs", "Verbs in the rules of the role in the request; the index picks a rule.", rule("verbs")),
		indexed("ka.req.role.rules.resources", "Resources in the rules of the role in the request; the index picks a rule.", rule("resources")),
		text("ka.req.service.type", "Type of the service in the request, such as NodePort.", one(serviceType)),
		indexed("ka.req.service.ports", "All ports of the service in the request as one JSON array; the index changes nothing.", wholePorts),
	}
}

func alwaysTrue(_ *Record, _ *field.Arg, v *event.Value) bool {
	v.Text = "true"
	return true
}

// subjects takes the names of the subjects of a kind.
func subjects(kind string) extract {
	return func(r *Record, a *field.Arg, v *event.Value) bool {
		each(r, r.at[requestSubjects], a, func(subject scan.Span) {
			if r.is(r.get(subject, "kind"), kind) {
				add(r, v, r.get(subject, "name"))
			}
		})
		return len(v.List) > 0
	}
}

func namespacedAccounts(r *Record, a *field.Arg, v *event.Value) bool {
	each(r, r.at[requestSubjects], a, func(subject scan.Span) {
		if !r.is(r.get(subject, "kind"), "ServiceAccount") {
			return
		}
		namespace, ok := r.text(r.get(subject, "namespace"))
		name, named := r.text(r.get(subject, "name"))
		if ok && named {
			v.Grow().Text = namespace + ":" + name
		}
	})
	return len(v.List) > 0
}

// rule takes the texts of an array in the rules of a role.
func rule(key string) extract {
	return func(r *Record, a *field.Arg, v *event.Value) bool {
		each(r, r.at[requestRules], a, func(rule scan.Span) {
			r.elements(r.get(rule, key), func(_ int, element scan.Span) bool {
				add(r, v, element)
				return true
			})
		})
		return len(v.List) > 0
	}
}

func wholePorts(r *Record, _ *field.Arg, v *event.Value) bool {
	ports := r.at[servicePorts]
	if !r.isArray(ports) {
		return false
	}
	v.Grow().Text = r.json(ports)
	return true
}
