package wiring

import (
	"fmt"
	"path"
	"strconv"
	"strings"
)

// distribution is how a kind of cluster gives flags and files to its API server.
type distribution struct {
	name, title string
	// dir is where the API server finds its files.
	dir string
	// inNode tells that its machine is a container or a virtual machine with nothing of ours in it.
	inNode bool
	// untruncated tells that there is no way to set the flags of truncation.
	untruncated bool
	// address says which address of Saker its API server reaches.
	address string
	files   func(*plan) []File
	// install and undo are the steps on the side of the API server, Markdown. They may name the directory of the files.
	install, undo func(*plan) string
}

// distributions are in the order in which they are told.
var distributions = []distribution{
	{
		name: "kubeadm", title: "a cluster made by kubeadm", dir: "/etc/kubernetes/saker",
		address: inHostNetwork,
		files:   kubeadmFiles, install: kubeadmInstall, undo: kubeadmUndo,
	},
	{
		name: "kind", title: "a cluster of kind", dir: "/etc/kubernetes/saker",
		address: "The node is a container: 127.0.0.1 is the container itself. Use the address of this machine in the network of kind " +
			"(`docker network inspect kind` calls it the gateway), or host.docker.internal with Docker Desktop.",
		inNode: true, files: kindFiles, install: kindInstall, undo: recreated("kind delete cluster"),
	},
	{
		name: "minikube", title: "a cluster of minikube", dir: "/etc/ssl/certs/saker",
		address: "The node is a container or a virtual machine: 127.0.0.1 is the node itself. Use host.minikube.internal for this machine.",
		inNode:  true, files: minikubeFiles, install: minikubeInstall, undo: minikubeUndo,
	},
	{
		name: "k3s", title: "k3s", dir: "/etc/rancher/k3s/saker",
		address: inHostNetwork,
		files:   k3sFiles, install: rancherInstall("k3s", "k3s"), undo: rancherUndo("k3s", "k3s"),
	},
	{
		name: "rke2", title: "RKE2", dir: "/etc/rancher/rke2/saker",
		address: inHostNetwork,
		files:   rke2Files, install: rancherInstall("rke2", "rke2-server"), undo: rancherUndo("rke2", "rke2-server"),
	},
	{
		name: "kops", title: "a cluster of kOps", dir: "/srv/kubernetes/kube-apiserver/saker", untruncated: true,
		address: inHostNetwork,
		files:   kopsFiles, install: kopsInstall, undo: kopsUndo,
	},
	{
		name: "generic", title: "a kube-apiserver that you start yourself", dir: "/etc/kubernetes/saker",
		address: inHostNetwork,
		files:   genericFiles, install: genericInstall, undo: genericUndo,
	},
}

const inHostNetwork = "kube-apiserver runs in the network of its machine, mostly without the cluster's DNS. Use an address that the machine " +
	"reaches: that of a node, a service's cluster IP, or 127.0.0.1 for a Saker on the same machine."

// Distributions are the names that Options.For may have.
func Distributions() []string {
	var out []string
	for _, d := range distributions {
		out = append(out, d.name)
	}
	return out
}

// AddressHint says which address of Saker the API server of a distribution reaches.
func AddressHint(name string) string {
	for _, d := range distributions {
		if d.name == name {
			return d.address
		}
	}
	return ""
}

// forNodes are the files that the API server reads.
func (p *plan) forNodes() []string {
	files := []string{policyPath, webhookPath, serverCAPath}
	if p.Auth == Token {
		return append(files, clientToken)
	}
	return append(files, clientPath, clientKeyPath)
}

// at is where a file of the directory will be.
func (p *plan) at(file string) string {
	if p.Dir == "." {
		return "./" + file
	}
	return path.Join(p.Dir, file)
}

func one(at, text string) []File { return []File{{at, []byte(text), publicMode}} }

// flagItems writes the flags as items of a list, each with the reason for its value above it.
func flagItems(list []setting, blanks int, item func(setting) string) string {
	var b strings.Builder
	for _, f := range list {
		b.WriteString(comment(f.why, blanks))
		b.WriteString(indent(item(f), blanks))
	}
	return b.String()
}

func kubeadmFiles(p *plan) []File {
	d := p.distribution.dir
	config := `# The API server of a new cluster: add this to the configuration that you give to kubeadm init --config.
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
apiServer:
  extraArgs:
` + flagItems(p.distribution.settings(), 4, nameValue) + `  extraVolumes:
    # The process runs in a container and sees only what is mounted into it.
    - name: saker-audit
      hostPath: ` + d + `
      mountPath: ` + d + `
      readOnly: true
      pathType: Directory
`
	patch := `# The API server of a cluster that runs: a JSON patch of its static pod, for kubectl patch --local and for the
# --patches of kubeadm, which takes it by the name of this file.
` + flagItems(p.distribution.settings(), 0, func(f setting) string {
		return "- {op: add, path: /spec/containers/0/command/-, value: " + strconv.Quote("--"+f.name+"="+f.value) + "}\n"
	}) + `# The process runs in a container and sees only what is mounted into it.
- op: add
  path: /spec/containers/0/volumeMounts/-
  value: {name: saker-audit, mountPath: ` + d + `, readOnly: true}
- op: add
  path: /spec/volumes/-
  value: {name: saker-audit, hostPath: {path: ` + d + `, type: Directory}}
`
	return []File{{"kubeadm.yaml", []byte(config), publicMode}, {"patches/kube-apiserver+json.yaml", []byte(patch), publicMode}}
}

func nameValue(f setting) string {
	return "- name: " + f.name + "\n  value: " + strconv.Quote(f.value) + "\n"
}

func kindFiles(p *plan) []File {
	d := p.distribution.dir
	volumes := `  extraVolumes:
    # The process runs in a container of the node and sees only what is mounted into it.
    - name: saker-audit
      hostPath: ` + d + `
      mountPath: ` + d + `
      readOnly: true
      pathType: Directory
`
	patch := func(version, args string) string {
		return "- |\n" + indent("apiVersion: kubeadm.k8s.io/"+version+"\nkind: ClusterConfiguration\napiServer:\n  extraArgs:\n"+args+volumes, 2)
	}
	list := func(item func(setting) string) string {
		var b strings.Builder
		for _, f := range p.distribution.settings() {
			b.WriteString(indent(item(f), 4))
		}
		return b.String()
	}
	return one("kind.yaml", `# A cluster of kind whose API server sends its audit events to Saker. README.md says why the flags have these values.
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes:
  - role: control-plane
    extraMounts:
      - hostPath: `+scalar(p.at("apiserver"))+`
        containerPath: `+d+`
        readOnly: true
# kind takes the patch whose version is that of its own configuration: v1beta3 up to Kubernetes 1.35, v1beta4 from 1.36 on.
kubeadmConfigPatches:
`+indent(patch("v1beta4", list(nameValue)), 2)+
		indent(patch("v1beta3", list(func(f setting) string { return f.name + ": " + strconv.Quote(f.value) + "\n" })), 2))
}

func minikubeFiles(p *plan) []File {
	var args strings.Builder
	for _, f := range p.distribution.settings() {
		fmt.Fprintf(&args, "  --extra-config=apiserver.%s=%s \\\n", f.name, f.value)
	}
	return one("minikube.sh", `#!/bin/sh
# Starts minikube with an API server that sends its audit events to Saker. Arguments are handed on to minikube start.
# README.md says why the flags have these values.
set -eu
# minikube copies what is below files to the same place of the node when it starts, and the API server sees the node's
# /etc/ssl/certs.
files="${MINIKUBE_HOME:-$HOME/.minikube}/files`+p.distribution.dir+`"
mkdir -p "$files"
chmod 700 "$files"
cp "$(dirname "$0")"/apiserver/* "$files"/
exec minikube start \
`+args.String()+`  "$@"
`)
}

func k3sFiles(p *plan) []File {
	return one("90-saker-audit.yaml", `# The API server of k3s: /etc/rancher/k3s/config.yaml.d/90-saker-audit.yaml on every server. The plus sign adds to the
# arguments of the other files. The API server is a part of the k3s process, so nothing needs to be mounted.
kube-apiserver-arg+:
`+flagItems(p.distribution.settings(), 2, nameEquals))
}

func nameEquals(f setting) string { return "- " + strconv.Quote(f.name+"="+f.value) + "\n" }

func rke2Files(p *plan) []File {
	d := p.distribution.dir
	all := p.distribution.settings()
	return one("90-saker-audit.yaml", `# The API server of RKE2: /etc/rancher/rke2/config.yaml.d/90-saker-audit.yaml on every server. The plus signs add to the
# lists of the other files.
# What is recorded. With this key RKE2 also writes an audit log, below /var/lib/rancher/rke2/server/logs.
audit-policy-file: `+all[0].value+`
# The process runs in a container and sees only what is mounted into it.
kube-apiserver-extra-mount+:
  - "`+d+":"+d+`:ro"
kube-apiserver-arg+:
`+flagItems(all[1:], 2, nameEquals))
}

func kopsFiles(p *plan) []File {
	var keys, assets strings.Builder
	for _, f := range p.distribution.settings() {
		value := f.value
		if strings.HasPrefix(value, "/") {
			value = scalar(value)
		}
		keys.WriteString(comment(f.why, 4) + "    " + f.kops + ": " + value + "\n")
	}
	for _, at := range p.forNodes() {
		fmt.Fprintf(&assets, "    - name: saker-%s\n      path: %s/%s\n      roles: [ControlPlane]\n      mode: \"0400\"\n      content: |\n%s",
			strings.NewReplacer(".", "-").Replace(path.Base(at)), p.distribution.dir, path.Base(at), indent(p.content(at), 8))
	}
	return []File{{"kops.yaml", []byte(`# The API server of a cluster of kOps: merge this into the cluster by kops edit cluster.
# The files travel in the cluster's specification: whoever can read it there, or in the state store, can send events to
# Saker.
apiVersion: kops.k8s.io/v1alpha2
kind: Cluster
spec:
  kubeAPIServer:
` + keys.String() + `  fileAssets:
` + assets.String()), secretMode}}
}

func genericFiles(p *plan) []File {
	return one("flags", "# Flags of kube-apiserver, which finds the files of the folder apiserver in "+p.distribution.dir+".\n"+
		flagItems(p.distribution.settings(), 0, func(f setting) string { return "--" + f.name + "=" + f.value + "\n" }))
}
