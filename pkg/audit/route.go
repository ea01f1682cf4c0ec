package audit

import (
	"fmt"
	"strings"
)

// eventPaths are those that take events. The second is the name that Falco used up to 0.31.
var eventPaths = [...]string{"/k8s-audit", "/k8s_audit"}

// maxCluster is the greatest length of the name of a cluster in a path, in bytes, as of a DNS name.
const maxCluster = 253

// route returns the name of the cluster in a path, empty for none, or why the path takes no events.
func (r *Receiver) route(path string) (cluster, why string) {
	for _, base := range [...]string{eventPaths[0], eventPaths[1], r.Path} {
		rest, found := strings.CutPrefix(path, strings.TrimRight(base, "/"))
		if !found || base == "" {
			continue
		}
		if rest == "" || path == base {
			return "", ""
		}
		name, below := strings.CutPrefix(rest, "/")
		if !below {
			continue
		}
		if name == "" {
			return "", "the path ends with a slash; take it away, or name the cluster behind it: " + eventPaths[0] + " or " + eventPaths[0] + "/CLUSTER"
		}
		if !isCluster(name) {
			return "", "the name of the cluster in the path must be made of a-z, 0-9, '-' and '.', begin and end with a letter or a digit, " +
				fmt.Sprintf("and be at most %d bytes long", maxCluster)
		}
		return name, ""
	}
	return "", "no such path; audit events are taken at POST " + eventPaths[0] + " and " + eventPaths[0] + "/CLUSTER"
}

// isCluster tells whether a name is one that DNS would take, as RFC 1123 says; the length of its parts does not matter.
func isCluster(name string) bool {
	for i := range len(name) {
		c := name[i]
		inner := i > 0 && i < len(name)-1 && (c == '-' || c == '.')
		if !inner && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return len(name) > 0 && len(name) <= maxCluster
}
