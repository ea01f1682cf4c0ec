package syscall

import (
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// objects are the Kubernetes objects around a pod. A pod has one of each but services, of which it may have several.
var objects = []struct {
	name, what string
	several    bool
	// old says that there are older fields under k8s.
	old bool
}{
	{"pod", "pod", false, false}, {"ns", "namespace", false, true}, {"deployment", "deployment", false, true},
	{"svc", "service", true, true}, {"rs", "replica set", false, true}, {"rc", "replication controller", false, true},
}

// kubernetesFields are what the API server tells of the pod: the fields of Falco's plugin k8smeta, and the older ones
// under k8s that Falco knows too but never gives a value.
func kubernetesFields() []field.Field {
	fields := []field.Field{
		pending(event.TypeString, "k8smeta.pod.ip", "Address of the pod, as the API server has it.", needsServer),
	}
	for _, o := range objects {
		add := func(name, help string, list bool, form field.Form) {
			f := pending(event.TypeString, "k8smeta."+o.name+name, help, needsServer)
			f.List = list
			fields = append(fields, withArgument(f, form))
		}
		owner := "of the pod's " + o.what
		switch {
		case o.name == "pod":
			owner = "of the pod"
		case o.several:
			owner = "of each of the pod's " + o.what + "s"
		}
		add(".name", "Name "+owner+", as the API server has it.", o.several, 0)
		add(".uid", "Uid "+owner+", as the API server has it.", o.several, 0)
		add(".label", "One label "+owner+", as the API server has it.", o.several, field.FormKey)
		add(".labels", "All labels "+owner+" as key:value, as the API server has them.", true, 0)
		if o.old {
			fields = append(fields, oldObject(o.name, owner)...)
		}
	}
	return fields
}

func oldObject(name, owner string) []field.Field {
	why := "Falco never gives it a value either; use k8smeta." + name
	var fields []field.Field
	if name != "ns" { // k8s.ns.name is told by the container runtime
		fields = append(fields, pending(event.TypeString, "k8s."+name+".name", "Name "+owner+".", why+".name"))
	}
	return append(fields,
		pending(event.TypeString, "k8s."+name+".id", "Uid "+owner+".", why+".uid"),
		withArgument(pending(event.TypeString, "k8s."+name+".label", "One label "+owner+".", why+".label"), field.FormKey),
		pending(event.TypeString, "k8s."+name+".labels", "All labels "+owner+".", why+".labels"),
	)
}

// probeFields never had a value since Falco reads container metadata from a plugin.
func probeFields() []field.Field {
	const why = "Falco never gives it a value either"
	return []field.Field{
		pending(event.TypeString, "container.healthcheck", "Health check of the container.", why),
		pending(event.TypeString, "container.liveness_probe", "Liveness probe of the container.", why),
		pending(event.TypeString, "container.readiness_probe", "Readiness probe of the container.", why),
		pending(event.TypeBool, "proc.is_container_healthcheck", "Whether the process is a health check.", why),
		pending(event.TypeBool, "proc.is_container_liveness_probe", "Whether the process is a liveness probe.", why),
		pending(event.TypeBool, "proc.is_container_readiness_probe", "Whether the process is a readiness probe.", why),
	}
}

// documentFields read JSON, which system call events do not hold. jevt is the older name of json.
func documentFields() []field.Field {
	const why = "system call events hold no JSON; rules of the source k8s_audit can use it"
	var fields []field.Field
	for _, prefix := range []string{"json", "jevt"} {
		fields = append(fields,
			withArgument(pending(event.TypeString, prefix+".value", "Value at a JSON pointer (RFC 6901).", why), field.FormKey),
			pending(event.TypeString, prefix+".obj", "The whole event as JSON.", why),
			pending(event.TypeString, prefix+".rawtime", "Time of the event in nanoseconds since 1970, as text.", why),
		)
	}
	return fields
}
