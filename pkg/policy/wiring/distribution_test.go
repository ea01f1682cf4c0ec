package wiring

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/saker-security/saker/pkg/config"
)

// TestFlags wants values of the right kind, and that fit each other.
func TestFlags(t *testing.T) {
	values := map[string]string{}
	for _, f := range distributionOf(t, "generic").settings() {
		values[f.name] = f.value
	}
	number := func(name string) int {
		n, err := strconv.Atoi(values["audit-webhook-"+name])
		if err != nil || n < 1 {
			t.Errorf("%s: %v", name, err)
		}
		return n
	}
	if number("batch-throttle-qps")*number("batch-max-size") < number("batch-buffer-size") {
		t.Error("a full buffer takes more than a second")
	}
	if number("truncate-max-batch-size") < number("truncate-max-event-size") {
		t.Error("an event may be larger than a batch, so that kube-apiserver does not start")
	}
	if got := int64(number("truncate-max-event-size")); got != config.Default().Audit.MaxEvent {
		t.Errorf("the API server sends events of %d bytes whole, Saker takes %d", got, config.Default().Audit.MaxEvent)
	}
	for _, name := range []string{"batch-max-wait", "initial-backoff"} {
		if d, err := time.ParseDuration(values["audit-webhook-"+name]); err != nil || d < time.Second || d > 10*time.Second {
			t.Errorf("%s: %s, %v", name, d, err)
		}
	}
}

func distributionOf(t *testing.T, name string) *distribution {
	t.Helper()
	for i := range distributions {
		if distributions[i].name == name {
			return &distributions[i]
		}
	}
	t.Fatalf("there is no %s", name)
	return nil
}

// want are the flags of a distribution as name=value.
func want(distribution string) []string {
	var out []string
	for _, d := range distributions {
		if d.name == distribution {
			for _, f := range d.settings() {
				out = append(out, f.name+"="+f.value)
			}
		}
	}
	return out
}

// strict decodes a file and refuses keys that the type does not have.
func strict(t *testing.T, distribution, file string, into any) {
	t.Helper()
	files, err := Make(exampleOptions(distribution))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Path == file {
			load(t, f.Data, into)
			return
		}
	}
	t.Fatalf("there is no file %s", file)
}

func load(t *testing.T, data []byte, into any) {
	t.Helper()
	if err := yaml.Load(data, into, yaml.WithKnownFields(true)); err != nil {
		t.Fatalf("%v in\n%s", err, data)
	}
}

// clusterConfiguration is the part of kubeadm's type that is used: v1beta4 has a list of arguments, v1beta3 a map.
type clusterConfiguration[A any] struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	APIServer  struct {
		ExtraArgs    A `yaml:"extraArgs"`
		ExtraVolumes []struct {
			Name      string
			HostPath  string `yaml:"hostPath"`
			MountPath string `yaml:"mountPath"`
			ReadOnly  bool   `yaml:"readOnly"`
			PathType  string `yaml:"pathType"`
		} `yaml:"extraVolumes"`
	} `yaml:"apiServer"`
}

type argument struct{ Name, Value string }

func checkBeta4(t *testing.T, c *clusterConfiguration[[]argument], distribution string) {
	t.Helper()
	var got []string
	for _, a := range c.APIServer.ExtraArgs {
		got = append(got, a.Name+"="+a.Value)
	}
	if d := cmp.Diff(want(distribution), got); d != "" {
		t.Errorf("arguments (-want +got):\n%s", d)
	}
	if c.APIVersion != "kubeadm.k8s.io/v1beta4" || c.Kind != "ClusterConfiguration" {
		t.Errorf("it is of kind %s %s", c.APIVersion, c.Kind)
	}
	checkVolume(t, c.APIServer.ExtraVolumes[0].HostPath, c.APIServer.ExtraVolumes[0].MountPath)
}

func checkVolume(t *testing.T, host, mount string) {
	t.Helper()
	if host != "/etc/kubernetes/saker" || mount != host {
		t.Errorf("%s is mounted at %s", host, mount)
	}
}

func TestKubeadm(t *testing.T) {
	var c clusterConfiguration[[]argument]
	strict(t, "kubeadm", "kubeadm.yaml", &c)
	checkBeta4(t, &c, "kubeadm")
}

func TestKind(t *testing.T) {
	var c struct {
		Kind       string
		APIVersion string `yaml:"apiVersion"`
		Nodes      []struct {
			Role        string
			ExtraMounts []struct {
				HostPath      string `yaml:"hostPath"`
				ContainerPath string `yaml:"containerPath"`
				ReadOnly      bool   `yaml:"readOnly"`
			} `yaml:"extraMounts"`
		}
		Patches []string `yaml:"kubeadmConfigPatches"`
	}
	strict(t, "kind", "kind.yaml", &c)
	if c.Kind != "Cluster" || c.APIVersion != "kind.x-k8s.io/v1alpha4" || len(c.Nodes) != 1 || c.Nodes[0].Role != "control-plane" || len(c.Patches) != 2 {
		t.Fatalf("%+v", c)
	}
	if m := c.Nodes[0].ExtraMounts[0]; m.HostPath != "./apiserver" || m.ContainerPath != "/etc/kubernetes/saker" || !m.ReadOnly {
		t.Errorf("%+v", m)
	}
	var beta4 clusterConfiguration[[]argument]
	load(t, []byte(c.Patches[0]), &beta4)
	checkBeta4(t, &beta4, "kind")
	var beta3 clusterConfiguration[map[string]string]
	load(t, []byte(c.Patches[1]), &beta3)
	if beta3.APIVersion != "kubeadm.k8s.io/v1beta3" {
		t.Errorf("the second patch is %s", beta3.APIVersion)
	}
	for _, w := range want("kind") {
		name, value, _ := strings.Cut(w, "=")
		if beta3.APIServer.ExtraArgs[name] != value {
			t.Errorf("%s is %q, not %s", name, beta3.APIServer.ExtraArgs[name], value)
		}
	}
	if len(beta3.APIServer.ExtraArgs) != len(want("kind")) {
		t.Errorf("%d arguments", len(beta3.APIServer.ExtraArgs))
	}
	checkVolume(t, beta3.APIServer.ExtraVolumes[0].HostPath, beta3.APIServer.ExtraVolumes[0].MountPath)
}

func TestK3s(t *testing.T) {
	var c struct {
		Args []string `yaml:"kube-apiserver-arg+"`
	}
	strict(t, "k3s", "90-saker-audit.yaml", &c)
	if d := cmp.Diff(want("k3s"), c.Args); d != "" {
		t.Errorf("arguments (-want +got):\n%s", d)
	}
}

func TestRKE2(t *testing.T) {
	var c struct {
		Policy string   `yaml:"audit-policy-file"`
		Mounts []string `yaml:"kube-apiserver-extra-mount+"`
		Args   []string `yaml:"kube-apiserver-arg+"`
	}
	strict(t, "rke2", "90-saker-audit.yaml", &c)
	if d := cmp.Diff(want("rke2"), append([]string{"audit-policy-file=" + c.Policy}, c.Args...)); d != "" {
		t.Errorf("arguments (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"/etc/rancher/rke2/saker:/etc/rancher/rke2/saker:ro"}, c.Mounts); d != "" {
		t.Errorf("mounts (-want +got):\n%s", d)
	}
}

// TestKops finds in the file assets exactly the files of the API server.
func TestKops(t *testing.T) {
	dir := written(t, func(o *Options) { o.For = "kops" })
	var c struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Spec       struct {
			KubeAPIServer map[string]any `yaml:"kubeAPIServer"`
			FileAssets    []struct {
				Name, Path, Mode, Content string
				Roles                     []string
			} `yaml:"fileAssets"`
		}
	}
	load(t, mustRead(t, dir, "kops.yaml"), &c)
	if c.APIVersion != "kops.k8s.io/v1alpha2" || c.Kind != "Cluster" || len(c.Spec.FileAssets) != 5 {
		t.Fatalf("%s %s, %d file assets", c.APIVersion, c.Kind, len(c.Spec.FileAssets))
	}
	for _, a := range c.Spec.FileAssets {
		if want := string(mustRead(t, dir, "apiserver/"+filepath.Base(a.Path))); a.Content != want {
			t.Errorf("%s differs (-file +asset):\n%s", a.Path, cmp.Diff(want, a.Content))
		}
		if a.Mode != "0400" || len(a.Roles) != 1 || a.Roles[0] != "ControlPlane" || filepath.Dir(a.Path) != "/srv/kubernetes/kube-apiserver/saker" {
			t.Errorf("%+v", a)
		}
	}
}

// TestMinikube runs the script with a minikube that writes down what it is given.
func TestMinikube(t *testing.T) {
	dir := written(t, func(o *Options) { o.For = "minikube" })
	home, bin := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "minikube"), []byte("#!/bin/sh\nfor a; do echo \"$a\"; done\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "sh", filepath.Join(dir, "minikube.sh"), "--cpus=4", "--driver=a b")
	c.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "MINIKUBE_HOME="+home)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	lines := []string{"start"}
	for _, w := range want("minikube") {
		lines = append(lines, "--extra-config=apiserver."+w)
	}
	lines = append(lines, "--cpus=4", "--driver=a b", "")
	if d := cmp.Diff(strings.Join(lines, "\n"), string(out)); d != "" {
		t.Errorf("minikube is given (-want +got):\n%s", d)
	}
	for _, name := range []string{"audit-policy.yaml", "audit-webhook.yaml", "ca.crt", "client.crt", "client.key"} {
		if string(mustRead(t, home, "files/etc/ssl/certs/saker/"+name)) != string(mustRead(t, dir, "apiserver/"+name)) {
			t.Errorf("%s differs", name)
		}
	}
}

func TestGeneric(t *testing.T) {
	dir := written(t, func(*Options) {})
	var args []string
	for line := range strings.Lines(string(mustRead(t, dir, "flags"))) {
		if !strings.HasPrefix(line, "#") {
			args = append(args, strings.TrimSpace(line))
		}
	}
	var all []string
	for _, w := range want("generic") {
		all = append(all, "--"+w)
	}
	if d := cmp.Diff(all, args); d != "" {
		t.Errorf("flags (-want +got):\n%s", d)
	}
}

// TestReadmeNamesFiles wants every file told, and none that is not there.
func TestReadmeNamesFiles(t *testing.T) {
	for _, name := range Distributions() {
		for _, auth := range []string{MTLS, Token} {
			dir := written(t, func(o *Options) { o.For, o.Auth = name, auth })
			readme := string(mustRead(t, dir, readmePath))
			table, _, _ := strings.Cut(readme, "\n## ")
			files, err := read(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				if f.Path != readmePath && !strings.Contains(table, "`"+f.Path+"`") && !strings.Contains(table, "`"+filepath.Base(f.Path)+"`") {
					t.Errorf("%s %s: %s is not told", name, auth, f.Path)
				}
			}
			for _, step := range []string{"## 1. Saker", "## 2. The API server", "## 3. Check", "## Renew", "## Undo", "saker audit doctor", "good for " + strconv.Itoa(365) + " days"} {
				if !strings.Contains(readme, step) {
					t.Errorf("%s %s: no %q", name, auth, step)
				}
			}
		}
	}
}
