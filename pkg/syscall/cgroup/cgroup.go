// Package cgroup tells from the control groups of a process in which container it runs. Runtimes put the id of a
// container into the name of its group; this is the only sign of a container that needs no runtime to be asked.
package cgroup

import "strings"

// Container is what the control groups tell. The zero value is a process on the host.
type Container struct {
	// ID is the full id, 64 hexadecimal digits with nearly all runtimes.
	ID string
	// Runtime is docker, containerd, cri-o or podman where the name of the group tells it, else empty.
	Runtime string
	// PodUID is the uid of the Kubernetes pod, empty outside pods.
	PodUID string
}

// Short gives the first 12 characters of the id, as container.id shows it.
func (c Container) Short() string {
	if len(c.ID) > 12 {
		return c.ID[:12]
	}
	return c.ID
}

// Find reads the groups of a process: NUL-terminated elements such as cpu=/docker/ID or, for the one hierarchy of
// version 2, =/system.slice/docker-ID.scope. The first element that names a container decides.
func Find(groups string) Container {
	for groups != "" {
		var group string
		group, groups, _ = strings.Cut(groups, "\x00")
		if _, path, ok := strings.Cut(group, "="); ok {
			if c, ok := FindPath(path); ok {
				return c
			}
		}
	}
	return Container{}
}

// prefixes are what runtimes put before the id when groups are managed by systemd.
var prefixes = []struct{ prefix, runtime string }{
	{"docker-", "docker"},
	{"cri-containerd-", "containerd"},
	{"nerdctl-", "containerd"},
	{"crio-", "cri-o"},
	{"libpod-", "podman"},
}

// FindPath looks for a container in the path of one group, from its end to its root: a process inside a container may
// have made groups of its own below that of the container.
func FindPath(path string) (Container, bool) {
	for end := len(path); end > 0; {
		start := strings.LastIndexByte(path[:end], '/')
		if c, ok := parse(path[start+1:end], path[:max(start, 0)]); ok {
			return c, true
		}
		end = start
	}
	return Container{}, false
}

// parse judges one part of a path; parents is the path before it.
func parse(part, parents string) (Container, bool) {
	part = strings.TrimSuffix(part, ".scope")
	// containerd leaves the triple slice:prefix:id as it is when systemd does not translate it.
	if fields := strings.Split(part, ":"); len(fields) == 3 {
		parents, part = fields[0], fields[1]+"-"+fields[2]
	}
	if strings.HasPrefix(part, "crio-conmon-") || strings.HasPrefix(part, "libpod-conmon-") {
		return Container{}, false
	}
	runtime := ""
	for _, p := range prefixes {
		if rest, ok := strings.CutPrefix(part, p.prefix); ok {
			part, runtime = rest, p.runtime
			break
		}
	}
	if !isID(part) {
		return Container{}, false
	}
	parent := parents[strings.LastIndexByte(parents, '/')+1:]
	if runtime == "" {
		switch parent {
		case "docker":
			runtime = "docker"
		case "libpod_parent", "machine.slice":
			runtime = "podman"
		}
	}
	return Container{ID: part, Runtime: runtime, PodUID: podUID(parent)}, true
}

// isID tells whether text is the id of a container: 64 hexadecimal digits.
func isID(text string) bool {
	if len(text) != 64 {
		return false
	}
	for i := range len(text) {
		c := text[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// podUID takes the uid out of the name of a pod's group: pod<uid>, or kubepods-burstable-pod<uid>.slice, where
// systemd wants the dashes of the uid written as underscores.
func podUID(name string) string {
	name = strings.TrimSuffix(name, ".slice")
	i := strings.LastIndex(name, "pod")
	if i < 0 || i > 0 && name[i-1] != '-' {
		return ""
	}
	uid := strings.ReplaceAll(name[i+len("pod"):], "_", "-")
	if len(uid) != 36 && len(uid) != 32 {
		return ""
	}
	return uid
}
