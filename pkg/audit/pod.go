package audit

import (
	"strings"

	"github.com/saker-security/saker/pkg/audit/scan"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// podFields are those that read the pod in the request.
func podFields() []field.Field {
	fields := []field.Field{
		text("ka.req.pod.host_ipc", "Whether the pod in the request uses the IPC namespace of the host.", one(hostIPC)),
		text("ka.req.pod.host_network", "Whether the pod in the request uses the network of the host.", one(hostNetwork)),
		text("ka.req.pod.host_pid", "Whether the pod in the request uses the process namespace of the host.", one(hostPID)),
		text("ka.req.pod.run_as_user", "User id that the pod in the request sets for its containers.", one(podRunAsUser)),
		text("ka.req.pod.run_as_group", "Group id that the pod in the request sets for its containers.", one(podRunAsGroup)),
		text("ka.req.pod.fs_group", "Group id that owns the volumes of the pod in the request.", one(podFSGroup)),
		list("ka.req.pod.supplemental_groups", "Further group ids of the containers of the pod in the request.", many(podGroups)),
		text("ka.req.pod.serviceaccount", "Name of the service account of the pod in the request.", under(requestSpec, "serviceAccountName")),
		text("ka.req.pod.node", "Name of the node on which the pod in the request shall run, past the scheduler.", under(requestSpec, "nodeName")),
		indexed("ka.req.pod.volumes.hostpath", "Paths of the host that the pod in the request mounts; the index picks a volume.", volumeText("hostPath", "path")),
		indexed("ka.req.pod.volumes.flexvolume_driver", "FlexVolume drivers of the pod in the request; the index picks a volume.", volumeText("flexVolume", "driver")),
		indexed("ka.req.pod.volumes.volume_type", "Types of the volumes of the pod in the request, such as hostPath; the index picks a volume.", volumeTypes),
		deprecated(keyed("ka.req.volume.hostpath", "Whether the pod in the request mounts this path of the host; a final * matches what starts so.", hasHostPath),
			"use ka.req.pod.volumes.hostpath"),
		deprecated(text("ka.req.container.image", "Image of the first container of the pod in the request.", first(imageOf)),
			"it sees the first container only; use ka.req.pod.containers.image"),
		deprecated(text("ka.req.container.image.repository", "Image of the first container of the pod in the request, without tag and digest.", first(repositoryOf)),
			"it sees the first container only; use ka.req.pod.containers.image.repository"),
		deprecated(text("ka.req.container.host_network", "Whether the pod in the request uses the network of the host.", one(hostNetwork)),
			"use ka.req.pod.host_network"),
		deprecated(text("ka.req.container.privileged", "Whether some container of the pod in the request is privileged.", anyPrivileged),
			"use ka.req.pod.containers.privileged"),
	}
	for _, l := range []containerList{
		{containers, "containers", "containers"},
		{initContainers, "initContainers", "init containers"},
		{ephemeralContainers, "ephemeralContainers", "ephemeral containers"},
	} {
		fields = append(fields, l.fields()...)
	}
	return fields
}

// containerList is one of the lists of containers that a pod has.
type containerList struct {
	m    member
	name string
	// people is what the list is called in help texts.
	people string
}

// perContainer adds to v what it finds in a container. It returns false when the field shall have no value at all.
type perContainer func(r *Record, container scan.Span, v *event.Value) bool

func (l containerList) field(suffix, help string, do perContainer) field.Field {
	help = strings.ReplaceAll(help, "#", l.people+" of the pod in the request") + "; the index picks a container."
	return indexed("ka.req.pod."+l.name+"."+suffix, help, func(r *Record, a *field.Arg, v *event.Value) bool {
		ok := true
		each(r, r.at[l.m], a, func(container scan.Span) { ok = ok && do(r, container, v) })
		return ok && len(v.List) > 0
	})
}

func (l containerList) fields() []field.Field {
	fields := []field.Field{
		l.field("name", "Names of the #", every(nameOf)),
		l.field("image", "Images of the #", every(imageOf)),
		l.field("image.repository", "Images of the #, without tag and digest", every(repositoryOf)),
		l.field("command", "Commands of the #, each with its words joined by blanks", words("command")),
		l.field("args", "Arguments of the #, those of one container joined by blanks", words("args")),
		l.field("privileged", "Whether the # are privileged, for those that say so", present("securityContext", "privileged")),
		l.field("allow_privilege_escalation", "Whether the # may gain privileges, for those that say so", present("securityContext", "allowPrivilegeEscalation")),
		l.field("read_only_fs", "Whether the root file systems of the # are read-only, for those that say so", present("securityContext", "readOnlyRootFilesystem")),
		l.field("run_as_user", "User ids that the # set", present("securityContext", "runAsUser")),
		l.field("run_as_group", "Group ids that the # set", present("securityContext", "runAsGroup")),
		l.field("proc_mount", "How /proc is mounted in the #, for those that say so", present("securityContext", "procMount")),
		l.field("eff_run_as_user", "User ids of the #, from the container, else from the pod, else 0", effective("runAsUser", podRunAsUser)),
		l.field("eff_run_as_group", "Group ids of the #, from the container, else from the pod, else 0", effective("runAsGroup", podRunAsGroup)),
		l.field("add_capabilities", "Capabilities that the # add, one by one", capabilities),
	}
	if l.m != ephemeralContainers {
		fields = append(fields, l.field("host_port", "Ports of the host that the # use, or their own ports where they name none", hostPorts))
	}
	return fields
}

func nameOf(r *Record, container scan.Span) (string, bool)  { return r.text(r.get(container, "name")) }
func imageOf(r *Record, container scan.Span) (string, bool) { return r.text(r.get(container, "image")) }

// repositoryOf is the image without its tag and digest. A colon before a slash belongs to the port of the registry.
func repositoryOf(r *Record, container scan.Span) (string, bool) {
	image, ok := imageOf(r, container)
	image, _, _ = strings.Cut(image, "@")
	if i := strings.LastIndexByte(image, ':'); i > strings.LastIndexByte(image, '/') {
		image = image[:i]
	}
	return image, ok
}

// every takes what each container must have: if one lacks it the field has no value.
func every(get func(*Record, scan.Span) (string, bool)) perContainer {
	return func(r *Record, container scan.Span, v *event.Value) bool {
		text, ok := get(r, container)
		if ok {
			v.Grow().Text = text
		}
		return ok
	}
}

// present takes what a container may have.
func present(path ...string) perContainer {
	return func(r *Record, container scan.Span, v *event.Value) bool {
		add(r, v, r.get(container, path...))
		return true
	}
}

// words takes an array of strings, joined by blanks.
func words(key string) perContainer {
	return func(r *Record, container scan.Span, v *event.Value) bool {
		array := r.get(container, key)
		if !r.isArray(array) {
			return true
		}
		var all []string
		r.elements(array, func(_ int, element scan.Span) bool {
			if text, ok := r.text(element); ok {
				all = append(all, text)
			}
			return true
		})
		v.Grow().Text = strings.Join(all, " ")
		return true
	}
}

// effective takes the id of a container, else that of the pod, else 0.
func effective(key string, pod member) perContainer {
	return func(r *Record, container scan.Span, v *event.Value) bool {
		id, ok := r.text(r.get(container, "securityContext", key))
		if !ok {
			id, ok = r.text(r.at[pod])
		}
		if !ok {
			id = "0"
		}
		v.Grow().Text = id
		return true
	}
}

func capabilities(r *Record, container scan.Span, v *event.Value) bool {
	addAll(r, v, r.get(container, "securityContext", "capabilities", "add"))
	return true
}

func hostPorts(r *Record, container scan.Span, v *event.Value) bool {
	r.elements(r.get(container, "ports"), func(_ int, port scan.Span) bool {
		number := r.get(port, "hostPort")
		if number.IsZero() {
			number = r.get(port, "containerPort")
		}
		add(r, v, number)
		return true
	})
	return true
}

// first takes something of the first container.
func first(get func(*Record, scan.Span) (string, bool)) extract {
	return func(r *Record, _ *field.Arg, v *event.Value) (ok bool) {
		container := r.element(r.at[containers], 0)
		if container.IsZero() {
			return false
		}
		v.Text, ok = get(r, container)
		return ok
	}
}

func anyPrivileged(r *Record, _ *field.Arg, v *event.Value) bool {
	all := r.at[containers]
	if !r.isArray(all) {
		return false
	}
	v.Text = "false"
	r.elements(all, func(_ int, container scan.Span) bool {
		if privileged, _ := r.text(r.get(container, "securityContext", "privileged")); privileged == "true" {
			v.Text = "true"
		}
		return v.Text == "false"
	})
	return true
}

// volumeText takes something of each volume that has it.
func volumeText(path ...string) extract {
	return func(r *Record, a *field.Arg, v *event.Value) bool {
		each(r, r.at[volumes], a, func(volume scan.Span) { add(r, v, r.get(volume, path...)) })
		return len(v.List) > 0
	}
}

func volumeTypes(r *Record, a *field.Arg, v *event.Value) bool {
	each(r, r.at[volumes], a, func(volume scan.Span) {
		r.members(volume, func(key string, _ scan.Span) {
			if key != "name" {
				v.Grow().Text = key
			}
		})
	})
	return len(v.List) > 0
}

// hasHostPath tells whether some volume mounts the path of the host that the argument names, or one that starts with
// it when the argument ends in an asterisk.
func hasHostPath(r *Record, a *field.Arg, v *event.Value) bool {
	all := r.at[volumes]
	if !r.isArray(all) {
		return false
	}
	prefix, isPrefix := strings.CutSuffix(a.Text, "*")
	v.Text = "false"
	r.elements(all, func(_ int, volume scan.Span) bool {
		path, ok := r.text(r.get(volume, "hostPath", "path"))
		if ok && (path == a.Text || isPrefix && strings.HasPrefix(path, prefix)) {
			v.Text = "true"
		}
		return v.Text == "false"
	})
	return true
}
