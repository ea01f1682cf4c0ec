package wiring

import (
	"fmt"
	"path"
	"strings"
)

// The steps of each distribution, Markdown. Commands are run in the directory of the files.

// copied is the step that brings the files to the machines of API servers.
func copied(p *plan, machines string) string {
	return fmt.Sprintf("Copy the folder `apiserver` to `%s` on %s, for root alone:\n\n```sh\ninstall -d -m 0700 %s\ninstall -m 0600 apiserver/* %s/\n```\n",
		p.distribution.dir, machines, p.distribution.dir, p.distribution.dir)
}

const oneAfterAnother = "Take one machine after another, and wait until its API server answers before the next.\n"

func kubeadmInstall(p *plan) string {
	return copied(p, "every machine of the control plane") + `
**A new cluster:** add ` + "`kubeadm.yaml`" + ` to the configuration of ` + "`kubeadm init`" + `.

**A cluster that runs:** patch the static pod on every machine of the control plane. The kubelet restarts the API server by
itself. The old manifest is kept outside of the manifests folder, because the kubelet starts everything that is in there.
Flags ` + "`--audit-…`" + ` that the manifest already has must be taken out first. When a command fails, those behind it do not run and
the manifest stays as it is.

` + "```sh" + `
manifest=/etc/kubernetes/manifests/kube-apiserver.yaml
cp -p $manifest /root/kube-apiserver.yaml.before-saker &&
  install -m 0600 /dev/null /root/kube-apiserver.yaml &&
  kubectl patch --local -f $manifest --type json --patch-file patches/kube-apiserver+json.yaml -o yaml > /root/kube-apiserver.yaml &&
  test -s /root/kube-apiserver.yaml &&
  mv /root/kube-apiserver.yaml $manifest
` + "```" + `

` + oneAfterAnother + `
` + "`kubeadm upgrade`" + ` writes the manifest anew. Either give it the folder ` + "`patches`" + ` (` + "`kubeadm upgrade apply --patches patches`" + `), or put what is
in ` + "`kubeadm.yaml`" + ` into the cluster's configuration: ` + "`kubectl -n kube-system edit configmap kubeadm-config`" + `.
`
}

func kubeadmUndo(*plan) string {
	return "```sh\nmv /root/kube-apiserver.yaml.before-saker /etc/kubernetes/manifests/kube-apiserver.yaml\n```\n\nOr take the flags `--audit-…` and the volume `saker-audit` out of " +
		"the manifest, and out of the ConfigMap `kubeadm-config` when they are there.\n"
}

func kindInstall(p *plan) string {
	return "kind mounts the folder `" + p.at("apiserver") + "` into the node, so leave it there. The flags of a cluster that runs cannot be changed; make a new one:\n\n" +
		"```sh\nkind create cluster --config kind.yaml\n```\n"
}

// recreated is how to undo what only a new cluster has.
func recreated(command string) func(*plan) string {
	return func(*plan) string { return "```sh\n" + command + "\n```\n" }
}

func minikubeInstall(*plan) string {
	return "The script copies the folder `apiserver` to where minikube takes files for the node from, and starts minikube with the flags. For a cluster that runs, stop it first.\n\n" +
		"```sh\nminikube stop\nsh minikube.sh\n```\n"
}

func minikubeUndo(p *plan) string {
	return "minikube keeps the flags with the cluster, so make a new one:\n\n```sh\nminikube delete\nrm -r ~/.minikube/files" + p.distribution.dir + "\n```\n"
}

func rancherInstall(product, service string) func(*plan) string {
	return func(p *plan) string {
		return copied(p, "every server") + "\nThen add the flags and restart the server. Other files of the configuration must not set flags `audit-…` for the API server, too.\n\n" +
			fmt.Sprintf("```sh\ninstall -d -m 0700 /etc/rancher/%s/config.yaml.d\ninstall -m 0600 90-saker-audit.yaml /etc/rancher/%s/config.yaml.d/\nsystemctl restart %s\n```\n\n", product, product, service) +
			oneAfterAnother
	}
}

func rancherUndo(product, service string) func(*plan) string {
	return func(p *plan) string {
		return fmt.Sprintf("```sh\nrm /etc/rancher/%s/config.yaml.d/90-saker-audit.yaml\nsystemctl restart %s\nrm -r %s\n```\n", product, service, p.distribution.dir)
	}
}

func kopsInstall(*plan) string {
	return "Merge `kops.yaml` into the specification of the cluster. It holds the files of the folder `apiserver` as file assets, " +
		"so nothing needs to be copied.\n\n" +
		"Keep `auditWebhookBatchMaxSize: 1`. kOps has no keys for truncation, and without it one patch in YAML, or one event of hundreds of\n" +
		"megabytes, makes its whole batch unsendable: with the default of 400, whoever sends one hides up to 399 other events.\n\n" +
		"```sh\nkops edit cluster                     # merge kops.yaml\nkops update cluster --yes\nkops rolling-update cluster --instance-group-roles control-plane --yes\n```\n"
}

func kopsUndo(*plan) string {
	return "Take the keys `audit…` and the file assets `saker-…` out of the specification, then update and roll the cluster as above.\n"
}

func genericInstall(p *plan) string {
	return copied(p, "the machine of each API server") + "\nAdd the flags of the file `flags` to its command line and start it again. When it runs in a container, mount the folder into it.\n"
}

func genericUndo(*plan) string {
	return "Take the flags `--audit-…` out of the command line and start the API server again.\n"
}

// readme is README.md.
func (p *plan) readme() string {
	d := p.distribution
	var b strings.Builder
	fmt.Fprintf(&b, "# The audit events of %s, sent to Saker\n\n`saker audit init --for %s` made these files. The API server sends to `%s`.\n\n%s\n\n", d.title, d.name, p.Server.URL(), d.address)
	b.WriteString(p.fileTable())
	b.WriteString("\n## 1. Saker\n\n")
	fmt.Fprintf(&b, "Put the folder `saker` on the machine of Saker, to %s, which is what `saker.yaml` says. Saker must be able to read it, and\nport %s must be reachable from the API servers.\n\n```sh\nsaker run -c %s\n```\n",
		codeSpan(p.SakerDir), p.Server.Port, shellWord(path.Join(p.SakerDir, path.Base(configPath))))
	b.WriteString(p.inCluster())
	b.WriteString("\n## 2. The API server\n\n" + d.install(p))
	b.WriteString(p.check())
	b.WriteString(p.renewal())
	b.WriteString("\n## Undo\n\nStart with the API server: while its flags are there and Saker is not, it keeps trying and then loses events, but serves as usual.\n\n" + d.undo(p))
	b.WriteString("\n## The flags\n\n| flag | value | why |\n|---|---|---|\n")
	for _, f := range d.settings() {
		fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", f.name, f.value, strings.ReplaceAll(f.why, "\n", " "))
	}
	return b.String()
}

// check says how to see whether events come.
func (p *plan) check() string {
	var b strings.Builder
	b.WriteString("\n## 3. Check\n\n")
	if d := p.distribution; d.inNode {
		b.WriteString("On the machine where Saker runs, not in the node, which has no `saker`, once the API server runs with its flags:\n")
	} else {
		b.WriteString("On the machine of the API server, before or after the change; it asks Saker as the API server would, and looks at the flags:\n\n```sh\nsaker audit doctor --kubeconfig apiserver/audit-webhook.yaml\n")
		if d.name == "kubeadm" {
			b.WriteString("saker audit doctor --manifest /etc/kubernetes/manifests/kube-apiserver.yaml\n")
		}
		b.WriteString("```\n\nOn the machine where Saker runs, once the API server runs with its flags:\n")
	}
	fmt.Fprintf(&b, "\n```sh\nsaker audit doctor -c %s --wait 30s\n```\n", shellWord(path.Join(p.SakerDir, path.Base(configPath))))
	b.WriteString(`
What the API server itself loses, only it can tell: look at its metric ` + "`apiserver_audit_error_total`" + ` from time to time, or
alarm when it grows. ` + "`plugin=\"buffered\"`" + ` are events that found the buffer full, ` + "`plugin=\"webhook\"`" + ` those of batches that it gave
up, ` + "`plugin=\"truncate\"`" + ` those that it could not even write, such as a server-side apply with a body in true YAML whose body the
policy records. Its log has a line "Error in audit plugin" with each of them.

` + "```sh\nkubectl get --raw /metrics | grep ^apiserver_audit_error_total\n```\n")
	return b.String()
}

// fileTable tells which file is what.
func (p *plan) fileTable() string {
	var b strings.Builder
	b.WriteString("| file | what it is |\n|---|---|\n")
	row := func(at, what string) { fmt.Fprintf(&b, "| `%s` | %s |\n", at, what) }
	row(policyPath, "what the API server records")
	row(webhookPath, "where it sends it")
	row(serverCAPath, "the authority that signed Saker's certificate")
	if p.Auth == Token {
		row(clientToken, "the token that the API server shows; secret")
	} else {
		row(clientPath+"`, `"+path.Base(clientKeyPath), "the certificate that the API server shows, and its key, which is secret")
	}
	for _, f := range p.distribution.files(p) {
		what := "the flags for " + p.distribution.title
		if strings.HasPrefix(f.Path, "patches/") {
			what += " that runs already"
		}
		row(f.Path, what)
	}
	row(configPath, "Saker's configuration")
	row(serverPath+"`, `"+path.Base(serverKeyPath), "Saker's certificate, and its key, which is secret")
	if p.Auth == Token {
		row(tokensPath, "the tokens that Saker takes; secret")
	} else {
		row(clientCAPath, "the authority whose certificates Saker takes")
	}
	if p.Authority == nil {
		row(authorityPath+"`, `"+path.Base(authorityKey), "the authority. With its key anybody can send events to Saker, and pretend to be it: keep the folder offline, or remove it")
	}
	return b.String()
}

// inCluster says where the files go when Saker runs in the cluster itself.
func (p *plan) inCluster() string {
	last, setting := "client-ca.crt=saker/client-ca.crt", ""
	if p.Auth == Token {
		last, setting = "tokens=saker/tokens", " Set SAKER_AUDIT_TOKEN_FILE to /tls/tokens\nin place of SAKER_AUDIT_TLS_CLIENT_CA."
	}
	return "\nFor a Saker in the cluster (deploy/kubernetes/audit.yaml) they are a secret instead, and the manifest says the rest." + setting + "\n\n```sh\n" +
		"kubectl -n saker create secret generic saker-audit-tls --from-file=tls.crt=saker/server.crt \\\n" +
		"  --from-file=tls.key=saker/server.key --from-file=" + last + "\n```\n"
}

// renewal says how certificates are made anew.
func (p *plan) renewal() string {
	ca, where := "", "It needs the folder `ca`."
	if p.Authority != nil {
		ca, where = " --ca DIR", "DIR holds `ca.crt` and `ca.key` of the authority."
	}
	text := fmt.Sprintf("\n## Renew\n\nThe certificates are good for %d days; `saker audit doctor` tells when they are about to expire. This makes new ones with the same\nauthority, so that old and new ones are good beside each other. %s\n\n```sh\nsaker audit init --renew --out %s%s\n```\n\nThen copy the files again. Saker takes new ones by itself",
		int(p.Valid.Hours()/24), where, shellWord(p.Dir), ca)
	if p.Auth == Token {
		return text + ". The token stays as it is.\n"
	}
	return text + ", and the API server does so within five minutes.\n"
}
