package kube

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// clusterName is how the program knows the cluster; alerts carry it.
const clusterName = "e2e"

// wiring is what `saker audit init` wrote, and where the webhook listens.
type wiring struct {
	dir, receiver string
}

// wire has the program write everything by which the API server sends to it: the policy for the rules, the webhook's
// configuration with certificates for both sides, the flags, and its own configuration.
func wire(t *testing.T, dir string) wiring {
	t.Helper()
	w := wiring{dir: filepath.Join(dir, "wiring"), receiver: "127.0.0.1:" + freePort(t)}
	args := []string{"audit", "init", "--for", "generic", "--server", "https://" + w.receiver + "/k8s-audit/" + clusterName, "--out", w.dir}
	if *rules != "" {
		args = append(args, *rules)
	}
	if out, err := exec.CommandContext(t.Context(), *saker, args...).CombinedOutput(); err != nil {
		t.Fatalf("saker audit init: %v\n%s", err, out)
	}
	return w
}

// kubeconfig is the configuration of the API server's webhook.
func (w wiring) kubeconfig() string { return filepath.Join(w.dir, "apiserver", "audit-webhook.yaml") }

// config is the configuration of the program.
func (w wiring) config() string { return filepath.Join(w.dir, "saker", "saker.yaml") }

// flags are those of kube-apiserver, with the files where they are instead of where they will be copied to.
func (w wiring) flags(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, "flags"))
	if err != nil {
		t.Fatal(err)
	}
	var flags []string
	for line := range strings.Lines(string(text)) {
		if flag := strings.TrimSpace(line); strings.HasPrefix(flag, "--") {
			flags = append(flags, strings.Replace(flag, "/etc/kubernetes/saker/", filepath.Join(w.dir, "apiserver")+"/", 1))
		}
	}
	if len(flags) == 0 {
		t.Fatal("the file flags has none")
	}
	return flags
}

// examined has `saker audit doctor` look at the running program and at the webhook's configuration: all is well.
func examined(t *testing.T, d *daemon, w wiring) {
	for _, args := range [][]string{
		{"-c", w.config(), "--data-dir", d.data()},
		{"--kubeconfig", w.kubeconfig()},
	} {
		out, err := exec.CommandContext(t.Context(), *saker, append([]string{"audit", "doctor", "--json"}, args...)...).CombinedOutput()
		if err != nil {
			t.Errorf("saker audit doctor %s: %v\n%s", args[0], err, out)
			continue
		}
		var answer struct{ Verdict string }
		if err := json.Unmarshal(out, &answer); err != nil || answer.Verdict != "ok" {
			t.Errorf("saker audit doctor %s: %v, the verdict is %q\n%s", args[0], err, answer.Verdict, out)
		}
	}
}
