package wiring

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
	"k8s.io/apiserver/pkg/audit/policy"
	"k8s.io/apiserver/pkg/util/webhook"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/saker-security/saker/pkg/config"
)

var update = flag.Bool("update", false, "write the examples anew")

const (
	examples   = "../../../examples"
	policyFile = examples + "/kube-apiserver/audit-policy.yaml"
	year       = 365 * 24 * time.Hour
)

// exampleOptions are what the files in examples are made with.
func exampleOptions(name string) Options {
	server := Server{Host: "192.0.2.10", Port: "9765", Cluster: "production"}
	switch name {
	case "kind":
		server = Server{Host: "172.18.0.1", Port: "9765"}
	case "minikube":
		server = Server{Host: "host.minikube.internal", Port: "9765"}
	}
	return Options{For: name, Server: server, Auth: MTLS, Example: true, Dir: ".", SakerDir: "/etc/saker", Valid: year, ValidAuthority: 10 * year}
}

// TestExamples compares the files in examples with what Make makes; -update writes them.
func TestExamples(t *testing.T) {
	for _, name := range Distributions() {
		t.Run(name, func(t *testing.T) {
			files, err := Make(exampleOptions(name))
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(examples, name)
			if *update {
				if err := os.RemoveAll(dir); err != nil {
					t.Fatal(err)
				}
			}
			made := map[string]bool{}
			for _, f := range files {
				made[f.Path] = true
				at := filepath.Join(dir, filepath.FromSlash(f.Path))
				if *update {
					if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(at, f.Data, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				have, err := os.ReadFile(at)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(string(have), string(f.Data)); d != "" {
					t.Errorf("%s is not as saker audit init makes it, run go test ./pkg/policy/wiring -update (-is +made):\n%s", at, d)
				}
			}
			err = fs.WalkDir(os.DirFS(dir), ".", func(at string, d fs.DirEntry, err error) error {
				if err == nil && !d.IsDir() && !made[at] {
					t.Errorf("%s is not made by saker audit init", filepath.Join(dir, at))
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// written makes the files of a distribution and writes them.
func written(t *testing.T, change func(*Options)) (dir string) {
	t.Helper()
	data, err := os.ReadFile(policyFile)
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(t.TempDir(), "wired")
	o := Options{
		For: "generic", Server: Server{Host: "127.0.0.1", Port: "9765", Cluster: "blue"}, Auth: MTLS, Policy: data, Dir: dir, SakerDir: filepath.Join(dir, "saker"),
		Now: time.Now(), Valid: year, ValidAuthority: 10 * year,
	}
	change(&o)
	files, err := Make(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := Write(dir, files, false); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestWritten has what is written for each distribution loaded by the API server's own code and by Saker's.
func TestWritten(t *testing.T) {
	for _, name := range Distributions() {
		for _, auth := range []string{MTLS, Token} {
			t.Run(name+" "+auth, func(t *testing.T) {
				dir := written(t, func(o *Options) {
					o.For, o.Auth, o.ServerName = name, auth, "saker-audit.saker.svc"
				})
				if _, err := policy.LoadPolicyFromFile(filepath.Join(dir, policyPath)); err != nil {
					t.Error(err)
				}
				checkWebhook(t, filepath.Join(dir, webhookPath), auth)
				cfg, warnings, err := config.Load(config.Input{File: filepath.Join(dir, configPath)})
				if err != nil || len(warnings) > 0 {
					t.Errorf("saker.yaml: %v %q", err, warnings)
				}
				if cfg.Audit.Listen != "127.0.0.1:9765" || cfg.Audit.Certificate != filepath.Join(dir, serverPath) || !slices.Equal(cfg.Sources, []string{"k8s_audit"}) {
					t.Errorf("saker.yaml: %+v, sources %q", cfg.Audit, cfg.Sources)
				}
				checkModes(t, dir)
			})
		}
	}
}

func checkWebhook(t *testing.T, path, auth string) {
	t.Helper()
	c, err := clientcmd.LoadFromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := clientcmd.ResolveLocalPaths(c); err != nil {
		t.Error(err)
	}
	if err := clientcmd.Validate(*c); err != nil {
		t.Error(err)
	}
	r, err := webhook.LoadKubeconfig(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Host != "https://127.0.0.1:9765/k8s-audit/blue" || r.ServerName != "saker-audit.saker.svc" {
		t.Errorf("the server is %s, its name %s", r.Host, r.ServerName)
	}
	files := []string{r.CAFile, r.CertFile, r.KeyFile}
	if auth == Token {
		files = []string{r.CAFile, r.BearerTokenFile}
	}
	for _, file := range files {
		if _, err := os.Stat(file); err != nil || !filepath.IsAbs(file) {
			t.Errorf("%q: %v", file, err)
		}
	}
}

// checkModes wants secrets for the user alone, and directories too.
func checkModes(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(at string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o644)
		data, _ := os.ReadFile(at)
		if d.IsDir() {
			want = 0o700
		} else if base := d.Name(); strings.Contains(string(data), "PRIVATE KEY") || base == "token" || base == "tokens" || base == "kops.yaml" {
			want = 0o600
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, not %o", at, got, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestNoSecretLeaks looks for keys and tokens outside of the files that are for them.
func TestNoSecretLeaks(t *testing.T) {
	for _, name := range Distributions() {
		dir := written(t, func(o *Options) { o.For, o.Auth = name, Token })
		token, err := os.ReadFile(filepath.Join(dir, clientToken))
		if err != nil || len(token) != 2*tokenBytes {
			t.Fatalf("the token is %d long: %v", len(token), err)
		}
		files, err := read(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if strings.Contains(string(f.Data), string(token)) && f.Path != clientToken && f.Path != tokensPath && f.Path != "kops.yaml" {
				t.Errorf("%s: %s holds the token", name, f.Path)
			}
		}
	}
}

// TestFlagNames wants flags, kubeadm and kops to say the same.
func TestFlagNames(t *testing.T) {
	var kops struct {
		Spec struct {
			KubeAPIServer map[string]string `yaml:"kubeAPIServer"`
		}
	}
	decode(t, "kops", "kops.yaml", &kops)
	for _, f := range distributionOf(t, "kops").settings() {
		if f.why == "" || f.value == "" {
			t.Errorf("flag %s: %+v", f.name, f)
		}
		if f.kops != "" && kops.Spec.KubeAPIServer[f.kops] != f.value {
			t.Errorf("kops: %s is %q, not %q", f.kops, kops.Spec.KubeAPIServer[f.kops], f.value)
		}
		if camel := camelCase(f.name); f.kops != "" && f.kops != camel {
			t.Errorf("kops: the key of %s is %s, not %s", f.name, f.kops, camel)
		}
	}
}

// camelCase is how kOps makes its keys from the names of flags.
func camelCase(name string) string {
	parts := strings.Split(name, "-")
	for i := range parts[1:] {
		parts[i+1] = strings.ToUpper(parts[i+1][:1]) + parts[i+1][1:]
	}
	return strings.Join(parts, "")
}

func decode(t *testing.T, distribution, file string, into any) {
	t.Helper()
	files, err := Make(exampleOptions(distribution))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Path == file {
			if err := yaml.Load(f.Data, into); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			return
		}
	}
	t.Fatalf("there is no file %s", file)
}

func TestMakeErrors(t *testing.T) {
	good := exampleOptions("kubeadm")
	for _, c := range []struct {
		want   string
		change func(*Options)
	}{
		{`"openshift" is not a distribution that is known; it must be one of kubeadm, kind, minikube, k3s, rke2, kops, generic`, func(o *Options) { o.For = "openshift" }},
		{`"password" is not a way in which an API server shows who it is; it must be mtls or token`, func(o *Options) { o.Auth = "password" }},
		{`the name of the server: "a b" is neither an address nor a name of a host`, func(o *Options) { o.ServerName = "a b" }},
		{"there is no audit policy", func(o *Options) { o.Example = false }},
	} {
		o := good
		c.change(&o)
		if _, err := Make(o); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}
