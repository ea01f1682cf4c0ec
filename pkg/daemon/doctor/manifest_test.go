package doctor

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/saker-security/saker/pkg/policy/wiring"
)

// staticPod is like what kubeadm writes, with flags and mounts to be added.
const staticPod = `apiVersion: v1
kind: Pod
metadata: {name: kube-apiserver, namespace: kube-system}
spec:
  containers:
    - name: kube-apiserver
      command: [kube-apiserver, --advertise-address=10.0.0.1, --etcd-servers=https://127.0.0.1:2379]
      volumeMounts:
        - {name: k8s-certs, mountPath: /etc/kubernetes/pki, readOnly: true}
  volumes:
    - {name: k8s-certs, hostPath: {path: /etc/kubernetes/pki, type: DirectoryOrCreate}}
`

// patched applies the JSON patch of saker audit init --for kubeadm to the static pod.
func patched(t *testing.T) []byte {
	t.Helper()
	server, err := wiring.ParseServer("10.0.0.5", "")
	if err != nil {
		t.Fatal(err)
	}
	files, err := wiring.Make(wiring.Options{For: "kubeadm", Server: server, Auth: wiring.MTLS, Example: true, Dir: ".", SakerDir: "/etc/saker", Valid: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	var pod map[string]any
	if err := yaml.Load([]byte(staticPod), &pod); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Path != "patches/kube-apiserver+json.yaml" {
			continue
		}
		var patch []struct {
			Op, Path string
			Value    any
		}
		if err := yaml.Load(f.Data, &patch); err != nil {
			t.Fatal(err)
		}
		for _, p := range patch {
			to, last := strings.CutSuffix(p.Path, "/-")
			if p.Op != "add" || !last || p.Value == nil {
				t.Fatalf("%+v does not add to a list", p)
			}
			spec := pod["spec"].(map[string]any)
			parent, key := spec, filepath.Base(to)
			if strings.HasPrefix(to, "/spec/containers/0/") {
				parent = spec["containers"].([]any)[0].(map[string]any)
			}
			list, ok := parent[key].([]any)
			if !ok {
				t.Fatalf("there is no list at %s", to)
			}
			parent[key] = append(list, p.Value)
		}
	}
	data, err := yaml.Dump(pod)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// there finds every file.
func there(string) (fs.FileInfo, error) { return nil, nil }

// TestManifestOfInit has nothing to say about what saker audit init makes.
func TestManifestOfInit(t *testing.T) {
	for _, f := range Manifest("pod.yaml", patched(t), there) {
		if f.Verdict != OK {
			t.Error(line(f))
		}
	}
	found := Manifest("pod.yaml", patched(t), func(name string) (fs.FileInfo, error) {
		if name != "/etc/kubernetes/saker/audit-policy.yaml" && name != "/etc/kubernetes/saker/audit-webhook.yaml" {
			t.Errorf("%s is looked for", name)
		}
		return nil, fs.ErrNotExist
	})
	if Worst(found) != Bad {
		t.Error("missing files are not found")
	}
}

// TestManifest judges other manifests; see testdata/manifest.txt.
func TestManifest(t *testing.T) {
	with := func(flags ...string) string {
		return strings.ReplaceAll(staticPod, "--etcd-servers=https://127.0.0.1:2379", "--audit-policy-file=/etc/kubernetes/pki/policy.yaml, --audit-webhook-config-file=/etc/kubernetes/pki/hook.yaml, "+strings.Join(flags, ", "))
	}
	var b strings.Builder
	mounted := func(mount string) string {
		return strings.ReplaceAll(with(), "{name: k8s-certs, mountPath: /etc/kubernetes/pki, readOnly: true}", mount)
	}
	for _, c := range []struct{ name, data string }{
		{"a path in the volume", mounted("{name: k8s-certs, mountPath: /etc/kubernetes/pki, subPath: audit/here}")},
		{"a file of the volume", mounted("{name: k8s-certs, mountPath: /etc/kubernetes/pki/policy.yaml, subPath: p.yaml}\n        - {name: k8s-certs, mountPath: /etc/kubernetes/pki/hook.yaml, subPathExpr: $(NODE).yaml}")},
		{"no audit", staticPod},
		{"no YAML", "{"},
		{"an alias bomb", "a: &a [x, x]\nb: &b [*a, *a, *a, *a]\nkind: &k [*b, *b]\n"},
		{"no pod", "kind: Deployment"},
		{"no API server", "kind: Pod\nspec: {containers: [{name: etcd, command: [etcd]}]}"},
		{"defaults", with()},
		{"twice, the last counts", with("--audit-webhook-mode=blocking", "--audit-webhook-mode=batch", "--audit-webhook-batch-max-wait=1s")},
		{"slow", with("--audit-webhook-batch-max-wait=20s", "--audit-webhook-batch-max-size=10", "--audit-webhook-initial-backoff=1s")},
		{"blocking", with("--audit-webhook-mode=blocking")},
		{"strict", with("--audit-webhook-mode=blocking-strict", "--audit-webhook-truncate-enabled=true", "--audit-webhook-truncate-max-event-size=2097152")},
		{"nothing or less", with("--audit-webhook-batch-max-size=0", "--audit-webhook-batch-buffer-size=0", "--audit-webhook-batch-throttle-qps=-1", "--audit-webhook-batch-throttle-burst=0",
			"--audit-webhook-truncate-max-event-size=-5", "--audit-webhook-batch-max-wait=-1s", "--audit-webhook-initial-backoff=0s", "--audit-webhook-truncate-enabled=true")},
		{"what is not used may be anything", with("--audit-webhook-batch-throttle-enable=false", "--audit-webhook-batch-throttle-qps=0", "--audit-webhook-truncate-enabled=1", "--audit-webhook-truncate-max-event-size=0x400000")},
		{"nor in another mode", with("--audit-webhook-mode=blocking", "--audit-webhook-batch-max-size=0", "--audit-webhook-batch-buffer-size=1e3", "--audit-webhook-truncate-max-event-size=20000000")},
		{"values in the next word", with("--audit-webhook-mode", "blocking", "--audit-webhook-truncate-enabled", "--audit-webhook-truncate-max-event-size", `"4194304"`, "--audit-webhook-batch-max-size")},
		{"one by one", with("--audit-webhook-batch-max-size=1", "--audit-webhook-batch-throttle-qps=1000", "--audit-webhook-batch-throttle-burst=50")},
		{"one by one, all at once", with("--audit-webhook-batch-max-size=1", "--audit-webhook-batch-throttle-qps=1000", "--audit-webhook-batch-throttle-burst=4000")},
		{"one by one, slowly", with("--audit-webhook-batch-max-size=1")},
		{"unlimited", with("--audit-webhook-batch-throttle-enable=false")},
		{"no values", with("--audit-webhook-batch-max-wait=soon", "--audit-webhook-batch-throttle-qps=many", "--audit-webhook-initial-backoff=", "--audit-webhook-mode=fast", "--audit-webhook-truncate-enabled", "--audit-webhook-truncate-max-event-size=x")},
		{"a secret as a volume", strings.ReplaceAll(with(), "hostPath: {path: /etc/kubernetes/pki, type: DirectoryOrCreate}", "secret: {secretName: audit}")},
	} {
		b.WriteString("# " + c.name + "\n")
		for _, f := range Manifest("pod.yaml", []byte(c.data), there) {
			b.WriteString(line(f))
		}
	}
	golden(t, "testdata/manifest.txt", b.String())
}

func TestManifestFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "pod.yaml")
	if err := os.WriteFile(file, []byte(staticPod), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{file: "has no flags --audit-…", filepath.Join(dir, "none.yaml"): "no such file or directory"} {
		if f := ManifestFile(name); len(f) != 1 || f[0].Verdict != Bad || !strings.Contains(f[0].Text, want) {
			t.Errorf("%s: %v", name, f)
		}
	}
}

// FuzzManifest wants every manifest judged: each finding says something, and what to do unless it is ok.
func FuzzManifest(f *testing.F) {
	f.Add([]byte(staticPod))
	f.Add([]byte(strings.ReplaceAll(staticPod, "--etcd-servers=https://127.0.0.1:2379", "--audit-policy-file=/p, --audit-webhook-batch-max-wait=-1s, --audit-webhook-batch-max-size=NaN")))
	f.Add([]byte("kind: Pod\nspec: {containers: [{name: kube-apiserver, args: [-audit-=, --audit-policy-file=/]}]}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		found := Manifest("pod.yaml", data, there)
		if len(found) == 0 {
			t.Error("nothing is said")
		}
		for _, f := range found {
			if (f.Verdict == OK) != (f.Next == "") || f.Subject == "" || f.Text == "" {
				t.Errorf("incomplete: %+v", f)
			}
		}
	})
}
