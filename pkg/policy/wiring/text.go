package wiring

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"strings"
)

// plain are texts that YAML reads as themselves.
var plain = regexp.MustCompile(`^[A-Za-z./][A-Za-z0-9/._-]*$`)

// scalar writes a text for YAML.
func scalar(s string) string {
	if plain.MatchString(s) && s != "true" && s != "false" && s != "null" && s != "yes" && s != "no" && s != "on" && s != "off" {
		return s
	}
	quoted, _ := json.Marshal(s) // a text can always be written
	return string(quoted)
}

// bare are texts that a shell reads as themselves.
var bare = regexp.MustCompile(`^[A-Za-z0-9/._][A-Za-z0-9/._-]*$`)

// shellWord writes a text as one word for a shell.
func shellWord(s string) string {
	if bare.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// codeSpan writes a text as code in a line of Markdown.
func codeSpan(s string) string {
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if fence != "`" {
		s = " " + s + " "
	}
	return fence + s + fence
}

// webhook is the webhook configuration of the API server, which has the form of a kubeconfig.
func (p *plan) webhook() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Where kube-apiserver sends audit events (--audit-webhook-config-file). It has the form of a kubeconfig.
# The files that it names are looked for beside it, wherever that is.
apiVersion: v1
kind: Config
clusters:
  - name: saker
    cluster:
      server: %s
      # The authority that signed Saker's certificate.
      certificate-authority: %s
`, p.Server.URL(), path.Base(serverCAPath))
	if p.ServerName != "" {
		fmt.Fprintf(&b, "      # Saker's certificate is for this name, whatever the address is.\n      tls-server-name: %s\n", scalar(p.ServerName))
	}
	b.WriteString("users:\n  - name: kube-apiserver\n    user:\n")
	if p.Auth == Token {
		fmt.Fprintf(&b, "      # It is read again every minute.\n      tokenFile: %s\n", path.Base(clientToken))
	} else {
		fmt.Fprintf(&b, "      # What the API server shows to Saker. Both files are read again when they change, within five minutes.\n"+
			"      client-certificate: %s\n      client-key: %s\n", path.Base(clientPath), path.Base(clientKeyPath))
	}
	b.WriteString("contexts:\n  - name: saker\n    context:\n      cluster: saker\n      user: kube-apiserver\ncurrent-context: saker\n")
	return b.String()
}

// config is Saker's configuration.
func (p *plan) config() string {
	at := func(file string) string { return scalar(path.Join(p.SakerDir, path.Base(file))) }
	var b strings.Builder
	fmt.Fprintf(&b, `# Saker as the receiver of kube-apiserver's audit events. Start it with
#
#   saker run -c %s
#
# The files are read again when they change.
sources: [k8s_audit]
audit:
  listen: %q
  tls_certificate: %s
  tls_key: %s
`, shellWord(path.Join(p.SakerDir, path.Base(configPath))), p.Server.listen(), at(serverPath), at(serverKeyPath))
	if p.Auth == Token {
		fmt.Fprintf(&b, "  # Who shows none of these tokens is refused.\n  token_file: %s\n", at(tokensPath))
	} else {
		fmt.Fprintf(&b, "  # Who shows no certificate of this authority is refused.\n  tls_client_ca: %s\n", at(clientCAPath))
	}
	return b.String()
}
