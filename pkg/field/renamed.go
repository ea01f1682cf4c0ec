package field

import "strings"

// renamed are names that tutorials, other tools and old versions use, with the fields that are meant, the best first.
// Of those only the ones that the source has are proposed.
var renamed = map[string][]string{
	"filename": {"fd.name"}, "file": {"fd.name"}, "path": {"fd.name"}, "file.path": {"fd.name"}, "file.name": {"fd.name", "fd.filename"},
	"evt.filename": {"fd.name", "evt.arg.filename"}, "evt.path": {"fd.name", "fs.path.name"}, "fd.path": {"fd.name"}, "fd.file": {"fd.name"},
	"file.directory": {"fd.directory"}, "fd.dir": {"fd.directory"}, "fd.dirname": {"fd.directory"}, "fd.basename": {"fd.filename"},

	"process": {"proc.name"}, "pid": {"proc.pid"}, "ppid": {"proc.ppid"}, "proc.id": {"proc.pid"}, "cmdline": {"proc.cmdline"}, "command": {"proc.cmdline"},
	"proc.cmd": {"proc.cmdline"}, "proc.command": {"proc.cmdline"}, "proc.commandline": {"proc.cmdline"}, "process.command_line": {"proc.cmdline"},
	"process.executable": {"proc.exepath"}, "proc.path": {"proc.exepath"}, "proc.executable": {"proc.exepath"}, "proc.comm": {"proc.name"},
	"proc.arg": {"proc.args"}, "proc.argv": {"proc.args"}, "proc.parent": {"proc.pname"}, "proc.parent.name": {"proc.pname"},
	"process.parent.name": {"proc.pname"}, "proc.parent.pid": {"proc.ppid"}, "process.parent.pid": {"proc.ppid"}, "proc.parent.cmdline": {"proc.pcmdline"},
	"proc.ppname": {"proc.aname[2]"}, "proc.gpname": {"proc.aname[2]"}, "proc.ancestors": {"proc.aname"}, "proc.ancestor": {"proc.aname"},

	"uid": {"user.uid"}, "proc.uid": {"user.uid"}, "proc.euid": {"user.uid"}, "user.id": {"user.uid"}, "gid": {"group.gid"}, "proc.gid": {"group.gid"},
	"group.id": {"group.gid"}, "user.gid": {"group.gid"}, "user": {"user.name", "ka.user.name"}, "username": {"user.name", "ka.user.name"},
	"user.username": {"user.name", "ka.user.name"}, "proc.user": {"user.name"}, "proc.username": {"user.name"},

	"network.dst.ip": {"fd.sip", "fd.rip"}, "network.src.ip": {"fd.cip", "fd.lip"}, "network.dst.port": {"fd.sport", "fd.rport"},
	"network.src.port": {"fd.cport", "fd.lport"}, "destination.ip": {"fd.sip", "fd.rip"}, "source.ip": {"fd.cip", "fd.lip", "ka.sourceips"},
	"destination.port": {"fd.sport", "fd.rport"}, "source.port": {"fd.cport", "fd.lport"}, "fd.dip": {"fd.sip", "fd.rip"}, "fd.dport": {"fd.sport", "fd.rport"},
	"net.dip": {"fd.sip", "fd.rip"}, "net.dport": {"fd.sport", "fd.rport"}, "network.protocol": {"fd.l4proto"}, "fd.l4protocol": {"fd.l4proto"},

	"syscall": {"evt.type"}, "syscall.type": {"evt.type"}, "syscall.name": {"evt.type"}, "evt.name": {"evt.type"}, "evt.syscall": {"evt.type"},
	"evt.result": {"evt.res"}, "evt.timestamp": {"evt.time", "evt.rawtime"}, "hostname": {"evt.hostname"}, "host.name": {"evt.hostname"},

	"container.image.name": {"container.image.repository"}, "container.image.repo": {"container.image.repository"}, "container.imagename": {"container.image.repository"},
	"image": {"container.image.repository"}, "container.full.id": {"container.full_id"}, "container.ns": {"k8s.ns.name"},
	"namespace": {"k8s.ns.name", "ka.target.namespace"}, "k8s.namespace": {"k8s.ns.name", "ka.target.namespace"}, "k8s.namespace.name": {"k8s.ns.name", "ka.target.namespace"},
	"k8s.pod.namespace": {"k8s.ns.name", "ka.target.namespace"}, "k8s.pod": {"k8s.pod.name", "ka.target.name"}, "k8s.ns": {"k8s.ns.name", "ka.target.namespace"},

	"ka.user": {"ka.user.name"}, "ka.user.username": {"ka.user.name"}, "ka.username": {"ka.user.name"}, "ka.groups": {"ka.user.groups"},
	"ka.name": {"ka.target.name"}, "ka.namespace": {"ka.target.namespace"}, "ka.target.ns": {"ka.target.namespace"}, "ka.resource": {"ka.target.resource"},
	"ka.subresource": {"ka.target.subresource"}, "ka.target": {"ka.target.name", "ka.target.resource"}, "ka.response": {"ka.response.code"},
	"ka.code": {"ka.response.code"}, "ka.status": {"ka.response.code"}, "ka.sourceip": {"ka.sourceips"}, "ka.source.ip": {"ka.sourceips"},
	"ka.decision": {"ka.auth.decision"}, "ka.req.container.images": {"ka.req.pod.containers.image"}, "ka.req.pod.image": {"ka.req.pod.containers.image"},
	"objectRef.resource": {"ka.target.resource"}, "objectRef.name": {"ka.target.name"}, "objectRef.namespace": {"ka.target.namespace"},
	"user.groups": {"ka.user.groups"}, "verb": {"ka.verb"}, "requestURI": {"ka.uri"}, "responseStatus.code": {"ka.response.code"},
}

// classes are the first parts of names that other tools use, with ours.
var classes = [][2]string{
	{"process.", "proc."}, {"event.", "evt."}, {"syscall.", "evt."}, {"file.", "fd."}, {"pod.", "k8s.pod."}, {"kubernetes.", "k8s."},
	{"k8s.namespace.", "k8s.ns."}, {"audit.", "ka."}, {"k8saudit.", "ka."}, {"k8s_audit.", "ka."},
}

// Renamed gives the name of the field that is meant by a name that old tutorials or other tools use. It is for places
// that know no source; Catalogue.Suggest proposes the fields of one source.
func Renamed(name string) (string, bool) {
	if names := renamed[name]; len(names) > 0 {
		return names[0], true
	}
	return "", false
}

// instead gives the fields of the catalogue that are meant by a name it does not have, none when nobody knows.
func (c *Catalogue) instead(name string) []string {
	var names []string
	for _, other := range renamed[name] {
		base, _, _ := strings.Cut(other, "[")
		if f, _, ok := c.Lookup(base); ok && !f.Hidden {
			names = append(names, other)
		}
	}
	if len(names) > 0 {
		return names
	}
	for _, class := range classes {
		if rest, ok := strings.CutPrefix(name, class[0]); ok && c.byName[class[1]+rest] != nil {
			return []string{class[1] + rest}
		}
	}
	// An argument behind a dot where brackets are wanted.
	const longest = 200 // what is longer is not worth a hint
	if len(name) > longest {
		return nil
	}
	for i := len(name) - 2; i > 0; i-- {
		if name[i] != '.' {
			continue
		}
		if f := c.byName[name[:i]]; f != nil && f.Need != ArgNone && !f.DotArg {
			return []string{name[:i] + "[" + name[i+1:] + "]"}
		}
	}
	return nil
}
