package analysis

import (
	"fmt"
	"slices"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/field"
)

// The values that fields can have, for those that have few. Kubernetes writes verbs, stages and decisions in exactly
// one way (k8s.io/apiserver/pkg/apis/audit and its request info); requests that are about no resource have the method
// of HTTP in lower case as verb.
var (
	verbs = []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "post", "put", "head",
		"options", "connect", "trace", "proxy"}
	stages    = []string{"RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"}
	levels    = []string{"None", "Metadata", "Request", "RequestResponse"}
	truths    = []string{"true", "false"}
	decisions = []string{"allow", "forbid"}
	fdTypes   = []string{"file", "directory", "ipv4", "ipv6", "ipv4sock", "ipv6sock", "unix", "pipe", "event", "signalfd", "eventpoll",
		"inotify", "timerfd", "netlink", "bpf", "userfaultfd", "memfd", "pidfd", "iouring", "io_uring", "mq", "unknown"}
)

var domains = map[string][]string{
	"ka.verb": verbs, "ka.stage": stages, "ka.auth.decision": decisions, "fd.type": fdTypes,
	"jevt.value[/verb]": verbs, "jevt.value[/stage]": stages, "jevt.value[/level]": levels,
	"json.value[/verb]": verbs, "json.value[/stage]": stages, "json.value[/level]": levels,
	"evt.io_dir": {"read", "write"}, "fd.l4proto": {"tcp", "udp", "icmp", "raw"},
	"ka.req.pod.host_ipc": truths, "ka.req.pod.host_network": truths, "ka.req.pod.host_pid": truths,
	"ka.req.container.privileged": truths, "ka.req.container.host_network": truths,
	"ka.req.pod.containers.privileged": truths, "ka.req.pod.initContainers.privileged": truths,
	"ka.req.pod.ephemeralContainers.privileged":                 truths,
	"ka.req.pod.containers.allow_privilege_escalation":          truths,
	"ka.req.pod.containers.read_only_fs":                        truths,
	"ka.req.pod.initContainers.allow_privilege_escalation":      truths,
	"ka.req.pod.initContainers.read_only_fs":                    truths,
	"ka.req.pod.ephemeralContainers.allow_privilege_escalation": truths,
	"ka.req.pod.ephemeralContainers.read_only_fs":               truths,
}

// resources are the names of the resources of Kubernetes that rules speak of most. Others exist.
var resources = []string{"bindings", "clusterrolebindings", "clusterroles", "configmaps", "cronjobs", "customresourcedefinitions",
	"daemonsets", "deployments", "endpoints", "events", "ingresses", "jobs", "leases", "limitranges", "mutatingwebhookconfigurations",
	"namespaces", "networkpolicies", "nodes", "persistentvolumeclaims", "persistentvolumes", "poddisruptionbudgets", "pods", "podtemplates",
	"replicasets", "replicationcontrollers", "resourcequotas", "rolebindings", "roles", "secrets", "serviceaccounts", "services",
	"statefulsets", "storageclasses", "subjectaccessreviews", "tokenreviews", "validatingwebhookconfigurations", "volumeattachments"}

// pathFields hold absolute paths of files and directories, which do not end with a slash.
var pathFields = []string{"fd.name", "fd.directory", "proc.exepath", "proc.pexepath", "fs.path.name", "fs.path.source", "fs.path.target", "evt.abspath"}

// constants looks at what fields are compared with as a whole, in the item itself.
func (w *world) constants(it *item) {
	condition.Walk(it.node, func(n condition.Node) bool {
		if !w.owns(it, n) {
			return false
		}
		check, ok := n.(*condition.Check)
		if ok && comparesWhole(check.Op) {
			w.checkConstants(check)
			w.direction(check)
		}
		if ok {
			w.literals(check)
		}
		return true
	})
}

// direction reports checks that wait for calls that begin: there are events of calls that returned only.
func (w *world) direction(n *condition.Check) {
	f, ok := n.Left.(*condition.Field)
	t, is := n.Right.(*condition.Text)
	if ok && is && f.Name == "evt.dir" && (n.Op == condition.OpNe && t.Value == "<" || n.Op != condition.OpNe && t.Value == ">") {
		w.found.add(w.set.At(n.Span(), AlwaysFalse.finding(shorten(condition.Print(n))+" is never true for a call: there are no events of calls that begin",
			"remove the check, and look at the parameters that the event has when the call returns")))
	}
}

func comparesWhole(op condition.Op) bool {
	switch op {
	case condition.OpEq, condition.OpEqEq, condition.OpNe, condition.OpIn, condition.OpIntersects:
		return true
	}
	return false
}

func (w *world) checkConstants(n *condition.Check) {
	f, ok := n.Left.(*condition.Field)
	if !ok {
		return
	}
	name := f.Name
	if f.Arg != nil && strings.HasSuffix(name, ".value") {
		name += "[/" + strings.TrimPrefix(f.Arg.Text, "/") + "]"
	}
	domain := domains[name]
	isPath, isResource := slices.Contains(pathFields, name), name == "ka.target.resource"
	if domain == nil && !isPath && !isResource {
		return
	}
	condition.WalkOperand(n.Right, func(op condition.Operand) bool {
		t, ok := op.(*condition.Text)
		if !ok {
			_, list := op.(*condition.List)
			return list
		}
		switch {
		case t.Value == placeholder:
		case domain != nil:
			w.outside(t, name, domain)
		case isResource:
			w.resource(t)
		case len(t.Value) > 1 && strings.HasSuffix(t.Value, "/"):
			w.found.add(w.set.At(t.Span(), TrailingSlash.finding(
				fmt.Sprintf("%s never equals %s: it does not end with a slash", shorten(name), quote(t.Value)),
				fmt.Sprintf("leave out the last slash, or use startswith for all that lies in %s", shorten(strings.TrimRight(t.Value, "/"))))))
		}
		return true
	})
}

// outside reports a constant that is none of the values that a field can have.
func (w *world) outside(t *condition.Text, name string, domain []string) {
	if slices.Contains(domain, t.Value) {
		return
	}
	hint := "it can be " + strings.Join(domain, ", ")
	if near := nearest(t.Value, domain); near != "" {
		hint = "did you mean " + near + "?"
	}
	w.found.add(w.set.At(t.Span(), ImpossibleValue.finding(fmt.Sprintf("%s is never %s", shorten(name), quote(t.Value)), hint)))
}

// nearest gives the value that is meant: the same but for upper and lower case, or one that is spelt alike.
func nearest(value string, domain []string) string {
	for _, d := range domain {
		if strings.EqualFold(d, value) {
			return d
		}
	}
	if near := field.Nearest(value, domain, 1); len(near) > 0 {
		return near[0]
	}
	return ""
}

// resource reports the name of a kind where the name of a resource belongs, which is its plural in lower case.
func (w *world) resource(t *condition.Text) {
	if slices.Contains(resources, t.Value) {
		return
	}
	small := strings.ToLower(t.Value)
	for _, r := range resources {
		if r == small || r == small+"s" || r == small+"es" || strings.HasSuffix(small, "y") && r == strings.TrimSuffix(small, "y")+"ies" {
			w.found.add(w.set.At(t.Span(), ImpossibleValue.finding(
				fmt.Sprintf("no resource is called %s: resources are plural and in lower case", quote(t.Value)), "did you mean "+r+"?")))
			return
		}
	}
}

// quote writes foreign text for a message, cut where it is very long.
func quote(text string) string {
	if len(text) > longestQuote {
		return fmt.Sprintf("%q…", text[:longestQuote])
	}
	return fmt.Sprintf("%q", text)
}
