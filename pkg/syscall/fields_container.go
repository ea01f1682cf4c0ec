package syscall

import (
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/syscall/process"
)

// host is what container.id says outside containers.
const host = "host"

func containerID(p *process.Process) string {
	if p.Container.ID == "" {
		return host
	}
	return p.Container.Short()
}

// containerFields are what control groups tell. Names, images and labels need the container runtime.
func containerFields() []field.Field {
	pod := threadValue(func(_ *Record, t *process.Thread, v *event.Value) bool {
		v.Text = t.Process.Container.PodUID
		return v.Text != ""
	})
	return []field.Field{
		{Name: "container.id", Type: event.TypeString, Help: "First 12 characters of the container's id; host outside containers.", Extract: processText(containerID)},
		{Name: "container.full_id", Type: event.TypeString, Help: "The container's whole id; host outside containers.",
			Extract: processText(func(p *process.Process) string {
				if p.Container.ID == "" {
					return host
				}
				return p.Container.ID
			})},
		{Name: "container.type", Type: event.TypeString, Help: "Container engine as the control group shows it: docker, containerd, cri-o, podman; host outside containers.",
			Extract: threadValue(func(_ *Record, t *process.Thread, v *event.Value) bool {
				v.Text = t.Process.Container.Runtime
				if t.Process.Container.ID == "" {
					v.Text = host
				}
				return v.Text != ""
			})},
		{Name: "container.start_ts", Type: event.TypeAbsTime, Help: "When the first process of the container's pid namespace was made, in nanoseconds since 1970.",
			Extract: threadValue(func(_ *Record, t *process.Thread, v *event.Value) bool {
				return t.Process.Container.ID != "" && positive(t.Process.NamespaceStart, v)
			})},
		{Name: "container.duration", Type: event.TypeRelTime, Help: "Nanoseconds since container.start_ts.",
			Extract: threadValue(func(r *Record, t *process.Thread, v *event.Value) bool {
				return t.Process.Container.ID != "" && positive(between(t.Process.NamespaceStart, r.Wire.Time), v)
			})},
		{Name: "k8s.pod.uid", Type: event.TypeString, Help: "Uid of the Kubernetes pod, as its control group shows it.", Extract: pod},
		{Name: "k8s.pod.id", Type: event.TypeString, Help: "The same as k8s.pod.uid.", Extract: pod},
	}
}

// Why fields have no value.
const (
	needsRuntime = "it needs the container runtime, which this version does not ask"
	needsServer  = "it needs the Kubernetes API server, which this version does not ask"
)

// runtimeFields are what only the container runtime can tell, about containers and the pods that they belong to.
func runtimeFields() []field.Field {
	text := func(name, help string) field.Field { return pending(event.TypeString, name, help, needsRuntime) }
	truth := func(name, help string) field.Field { return pending(event.TypeBool, name, help, needsRuntime) }
	mount := func(name, help string) field.Field {
		return withArgument(text(name, help), field.FormAny)
	}
	return []field.Field{
		text("container.name", "Name of the container; host outside containers."),
		text("container.image", "Image of the container with its tag."),
		text("container.image.id", "Id of the container's image."),
		text("container.image.repository", "Repository of the container's image."),
		text("container.image.tag", "Tag of the container's image."),
		text("container.image.digest", "Digest of the container's image in its registry."),
		truth("container.privileged", "Whether the container is privileged."),
		truth("container.host_pid", "Whether the container shares the pid namespace of the machine."),
		truth("container.host_network", "Whether the container shares the network of the machine."),
		truth("container.host_ipc", "Whether the container shares the IPC namespace of the machine."),
		text("container.mounts", "All mounts as source:dest:mode:rdwr:propagation, joined by commas."),
		mount("container.mount", "One mount by its place or by a glob for its source."),
		mount("container.mount.source", "Source of a mount, by its place or by a glob for its destination."),
		mount("container.mount.dest", "Destination of a mount, by its place or by a glob for its source."),
		mount("container.mount.mode", "Mode of a mount, by its place or by a glob for its source."),
		mount("container.mount.rdwr", "true when a mount can be written to, by its place or by a glob for its source."),
		mount("container.mount.propagation", "Propagation of a mount, by its place or by a glob for its source."),
		text("container.ip", "First IPv4 address of the container."),
		text("container.cni.json", "What the network plugin told of the container, as JSON."),
		withArgument(text("container.label", "One label of the container."), field.FormKey),
		text("container.labels", "All labels of the container as key:value, joined by commas."),
		text("k8s.pod.name", "Name of the Kubernetes pod."),
		text("k8s.ns.name", "Namespace of the Kubernetes pod."),
		text("k8s.pod.sandbox_id", "First 12 characters of the id of the pod's sandbox."),
		text("k8s.pod.full_sandbox_id", "Whole id of the pod's sandbox."),
		withArgument(text("k8s.pod.label", "One label of the Kubernetes pod."), field.FormKey),
		text("k8s.pod.labels", "All labels of the Kubernetes pod as key:value, joined by commas."),
		text("k8s.pod.ip", "First IPv4 address of the Kubernetes pod."),
		text("k8s.pod.cni.json", "What the network plugin told of the Kubernetes pod, as JSON."),
	}
}
