// Package wiring makes the files by which an API server sends its audit events to Saker: the audit policy, the webhook
// configuration, certificates, the flags in the form of a Kubernetes distribution, Saker's own configuration, and the
// steps.
package wiring

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The ways in which an API server shows who it is.
const (
	// MTLS is a client certificate.
	MTLS = "mtls"
	// Token is a bearer token. Whoever reads it can use it, and it does not expire.
	Token = "token"
)

// Options say what Make makes.
type Options struct {
	// For is the distribution, one of Distributions.
	For string
	// Server is where the API server finds Saker.
	Server Server
	// ServerName, unless empty, is the name that the server's certificate is for beside the address, and that the API
	// server expects. It keeps the certificate valid when the address changes.
	ServerName string
	// Auth is MTLS or Token.
	Auth string
	// Policy is the audit policy, YAML.
	Policy []byte
	// Dir is where the files will be, SakerDir where those of Saker itself will be; both are written into files.
	Dir, SakerDir string
	// Authority signs the certificates; nil makes one, of which the key is among the files.
	Authority *Authority
	// Example leaves certificates, keys, tokens and the policy out, for showing the files.
	Example bool
	// Now is the time of the certificates, Valid and ValidAuthority how long they are good.
	Now                   time.Time
	Valid, ValidAuthority time.Duration
}

// File is a file that was made.
type File struct {
	// Path is relative to the directory of all of them, with slashes.
	Path string
	Data []byte
	Mode fs.FileMode
}

// The files that every distribution has. Those below apiserver go to the machines of the API servers, those below saker
// to the one of Saker.
const (
	readmePath     = "README.md"
	policyPath     = "apiserver/audit-policy.yaml"
	webhookPath    = "apiserver/audit-webhook.yaml"
	serverCAPath   = "apiserver/ca.crt"
	clientPath     = "apiserver/client.crt"
	clientKeyPath  = "apiserver/client.key"
	clientToken    = "apiserver/token"
	configPath     = "saker/saker.yaml"
	serverPath     = "saker/server.crt"
	serverKeyPath  = "saker/server.key"
	clientCAPath   = "saker/client-ca.crt"
	tokensPath     = "saker/tokens"
	authorityPath  = "ca/ca.crt"
	authorityKey   = "ca/ca.key"
	publicMode     = 0o644
	secretMode     = 0o600
	tokenBytes     = 32
	defaultPort    = "9765"
	pathPrefix     = "/k8s-audit"
	maxClusterName = 63
)

// plan is what the files are made from.
type plan struct {
	Options
	distribution *distribution
	// secrets are certificates, keys and tokens by path.
	secrets map[string][]byte
}

// Make makes the files, ordered by path.
func Make(o Options) ([]File, error) {
	p := &plan{Options: o, secrets: map[string][]byte{}}
	for i := range distributions {
		if distributions[i].name == o.For {
			p.distribution = &distributions[i]
		}
	}
	switch {
	case p.distribution == nil:
		return nil, fmt.Errorf("%q is not a distribution that is known; it must be one of %s", o.For, strings.Join(Distributions(), ", "))
	case o.Auth != MTLS && o.Auth != Token:
		return nil, fmt.Errorf("%q is not a way in which an API server shows who it is; it must be %s or %s", o.Auth, MTLS, Token)
	case len(o.Policy) == 0 && !o.Example:
		return nil, errors.New("there is no audit policy")
	}
	for _, dir := range []string{o.Dir, o.SakerDir} {
		if strings.ContainsFunc(dir, unicode.IsControl) || !utf8.ValidString(dir) {
			return nil, fmt.Errorf("the directory %q has a character in its name that cannot be written into the files; choose another one", dir)
		}
	}
	if o.ServerName != "" {
		if err := checkHost(o.ServerName); err != nil {
			return nil, fmt.Errorf("the name of the server: %w", err)
		}
	}
	if err := p.makeSecrets(); err != nil {
		return nil, err
	}
	files := []File{
		{webhookPath, []byte(p.webhook()), publicMode},
		{configPath, []byte(p.config()), publicMode},
		{readmePath, []byte(p.readme()), publicMode},
	}
	files = append(files, p.distribution.files(p)...)
	if !o.Example {
		files = append(files, File{policyPath, o.Policy, publicMode})
		for at, data := range p.secrets {
			files = append(files, File{at, data, modeOf(at)})
		}
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return files, nil
}

// modeOf is the mode of a certificate, a key or a token.
func modeOf(at string) fs.FileMode {
	if path.Ext(at) == ".crt" {
		return publicMode
	}
	return secretMode
}

// content is a file that the API server reads, for a file that holds it.
func (p *plan) content(at string) string {
	switch {
	case at == webhookPath:
		return p.webhook()
	case p.Example:
		return "(the content of the file " + at + ")\n"
	case at == policyPath:
		return string(p.Policy)
	}
	return string(p.secrets[at])
}

// makeSecrets makes the certificates and keys, or the token.
func (p *plan) makeSecrets() error {
	if p.Example {
		return nil
	}
	authority := p.Authority
	if authority == nil {
		made, err := NewAuthority(p.Now, p.ValidAuthority)
		if err != nil {
			return err
		}
		authority = made
		p.secrets[authorityPath], p.secrets[authorityKey] = made.certificatePEM, made.keyPEM
	}
	names := []string{p.Server.Host}
	if p.ServerName != "" && p.ServerName != p.Server.Host {
		names = append(names, p.ServerName)
	}
	if err := p.issue(authority, serverPath, serverKeyPath, "saker", names); err != nil {
		return err
	}
	p.secrets[serverCAPath] = authority.certificatePEM
	if p.Auth == Token {
		token := newToken()
		p.secrets[clientToken], p.secrets[tokensPath] = []byte(token), []byte(token+"\n")
		return nil
	}
	p.secrets[clientCAPath] = authority.certificatePEM
	return p.issue(authority, clientPath, clientKeyPath, clientName(p.Server.Cluster), nil)
}

func (p *plan) issue(a *Authority, at, keyAt, name string, hosts []string) error {
	certificate, key, err := a.issue(name, hosts, p.Now, p.Valid)
	if err != nil {
		return err
	}
	p.secrets[at], p.secrets[keyAt] = certificate, key
	return nil
}

// clientName is the common name of the certificate of an API server; saker audit doctor shows it.
func clientName(cluster string) string {
	if cluster == "" {
		return "kube-apiserver"
	}
	return "kube-apiserver " + cluster
}

// indent puts blanks before each line of a text.
func indent(text string, blanks int) string {
	pad := strings.Repeat(" ", blanks)
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			b.WriteString(pad)
		}
		b.WriteString(line)
	}
	return b.String()
}

// replaceText replaces a text of several lines wherever it stands in data, however far it is indented.
func replaceText(data, old, new []byte) []byte {
	for blanks := range 16 {
		data = bytes.ReplaceAll(data, []byte(indent(string(old), blanks)), []byte(indent(string(new), blanks)))
	}
	return data
}
