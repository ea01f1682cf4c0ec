package audit

import (
	"github.com/saker-security/saker/pkg/audit/scan"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// templateFields are those that read the pod template in the request, of a deployment, daemon set, stateful set, job,
// cron job and the like. The pods that are made from it come as requests of their own, but from a controller: only the
// template tells who wanted them.
func templateFields() []field.Field {
	const of = " of the pod template in the request"
	return []field.Field{
		text("ka.req.template.host_ipc", "Whether the pods"+of+" use the IPC namespace of the host.", inTemplate("hostIPC")),
		text("ka.req.template.host_network", "Whether the pods"+of+" use the network of the host.", inTemplate("hostNetwork")),
		text("ka.req.template.host_pid", "Whether the pods"+of+" use the process namespace of the host.", inTemplate("hostPID")),
		text("ka.req.template.serviceaccount", "Name of the service account"+of+".", inTemplate("serviceAccountName")),
		list("ka.req.template.volumes.hostpath", "Paths of the host that the pods"+of+" mount.", templateVolumes),
		list("ka.req.template.containers.image", "Images of the containers and init containers"+of+".", templateContainers(has(imageOf))),
		list("ka.req.template.containers.image.repository", "Images of the containers and init containers"+of+", without tag and digest.", templateContainers(has(repositoryOf))),
		list("ka.req.template.containers.privileged", "Whether the containers and init containers"+of+" are privileged, for those that say so.", templateContainers(present("securityContext", "privileged"))),
		list("ka.req.template.containers.add_capabilities", "Capabilities that the containers and init containers"+of+" add, one by one.", templateContainers(capabilities)),
	}
}

// template is the specification of the pods in the template: that of a cron job is deeper down, that of a PodTemplate is
// the object itself.
func template(r *Record) scan.Span {
	for _, found := range [...]scan.Span{
		r.get(r.at[requestSpec], "template"),
		r.get(r.at[requestSpec], "jobTemplate", "spec", "template"),
		r.get(r.at[requestObject], "template"),
	} {
		if r.isObject(found) {
			return r.get(found, "spec")
		}
	}
	return scan.Span{}
}

func inTemplate(key string) extract {
	return func(r *Record, _ *field.Arg, v *event.Value) (ok bool) {
		v.Text, ok = r.text(r.get(template(r), key))
		return ok
	}
}

func templateVolumes(r *Record, _ *field.Arg, v *event.Value) bool {
	r.elements(r.get(template(r), "volumes"), func(_ int, volume scan.Span) bool {
		add(r, v, r.get(volume, "hostPath", "path"))
		return true
	})
	return len(v.List) > 0
}

// templateContainers adds what do finds in each container.
func templateContainers(do perContainer) extract {
	return func(r *Record, _ *field.Arg, v *event.Value) bool {
		spec := template(r)
		for _, name := range [...]string{"containers", "initContainers"} {
			r.elements(r.get(spec, name), func(_ int, container scan.Span) bool {
				do(r, container, v)
				return true
			})
		}
		return len(v.List) > 0
	}
}

// has takes a text that a container may have.
func has(get func(*Record, scan.Span) (string, bool)) perContainer {
	return func(r *Record, container scan.Span, v *event.Value) bool {
		if text, ok := get(r, container); ok {
			v.Grow().Text = text
		}
		return true
	}
}
