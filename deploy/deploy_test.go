// Package deploy holds ready-made set-ups; its tests check the Kubernetes manifests against the API's own types, and
// the unit with systemd's own tool.
package deploy

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/saker-security/saker/internal/fakesink"
	"github.com/saker-security/saker/pkg/config"
	"github.com/saker-security/saker/pkg/daemon"
)

func TestManifests(t *testing.T) {
	files, err := filepath.Glob("kubernetes/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests: %v", err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		pods := 0
		for i, doc := range strings.Split(string(data), "\n---\n") {
			var kind struct{ Kind string }
			if err := yaml.Unmarshal([]byte(doc), &kind); err != nil {
				t.Fatalf("%s, document %d: %v", name, i, err)
			}
			object := map[string]any{
				"Namespace": &corev1.Namespace{}, "Service": &corev1.Service{}, "ConfigMap": &corev1.ConfigMap{},
				"StatefulSet": &appsv1.StatefulSet{}, "DaemonSet": &appsv1.DaemonSet{},
			}[kind.Kind]
			if object == nil {
				t.Fatalf("%s, document %d: kind %q is not expected", name, i, kind.Kind)
			}
			if err := yaml.UnmarshalStrict([]byte(doc), object); err != nil {
				t.Errorf("%s, document %d: %v", name, i, err)
			}
			switch o := object.(type) {
			case *corev1.ConfigMap:
				checkConfig(t, name, o.Data)
			case *appsv1.StatefulSet:
				pods++
				checkPod(t, name, o.Spec.Selector, o.Spec.Template, o.Spec.VolumeClaimTemplates)
			case *appsv1.DaemonSet:
				pods++
				checkPod(t, name, o.Spec.Selector, o.Spec.Template, nil)
			}
		}
		if pods != 1 {
			t.Errorf("%s: %d kinds of pods, want 1", name, pods)
		}
	}
}

// checkConfig loads the configuration of a ConfigMap as the program does.
func checkConfig(t *testing.T, name string, data map[string]string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "saker.yaml")
	if err := os.WriteFile(file, []byte(data["saker.yaml"]), 0o600); err != nil {
		t.Fatal(err)
	}
	_, warnings, err := config.Load(config.Input{File: file})
	if err != nil || len(warnings) > 0 {
		t.Errorf("%s: the configuration is not accepted: %v %q", name, err, warnings)
	}
}

// checkPod checks what the API's types do not: names that must fit each other, the probes, and that every setting in
// the environment is one.
func checkPod(t *testing.T, name string, selector *metav1.LabelSelector, pod corev1.PodTemplateSpec, claims []corev1.PersistentVolumeClaim) {
	t.Helper()
	for k, v := range selector.MatchLabels {
		if pod.Labels[k] != v {
			t.Errorf("%s: the selector asks for %s=%s, the pods have %q", name, k, v, pod.Labels[k])
		}
	}
	c := pod.Spec.Containers[0]
	for probe, want := range map[*corev1.Probe]string{c.LivenessProbe: "/livez", c.StartupProbe: "/livez", c.ReadinessProbe: "/readyz"} {
		if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != want {
			t.Errorf("%s: the probe of %s is %+v", name, want, probe)
		}
	}
	volumes, mounts := map[string]bool{}, map[string]bool{}
	for _, v := range pod.Spec.Volumes {
		volumes[v.Name] = true
	}
	for _, v := range claims {
		volumes[v.Name] = true
	}
	for _, m := range c.VolumeMounts {
		mounts[m.MountPath] = true
		if !volumes[m.Name] || m.SubPath != "" {
			t.Errorf("%s: the mount %+v has no volume, or would not follow changes", name, m)
		}
	}
	if !mounts[filepath.Dir(config.DefaultFile)] {
		t.Errorf("%s: nothing is mounted where the configuration is looked for", name)
	}
	keys := map[string]bool{}
	for _, k := range config.Keys() {
		keys[k.Variable()] = true
	}
	durable := false
	for _, e := range c.Env {
		if strings.HasPrefix(e.Name, "SAKER_") && !keys[e.Name] {
			t.Errorf("%s: %s is no key of the configuration", name, e.Name)
		}
		for mount := range mounts {
			durable = durable || e.Name == "SAKER_DATA_DIR" && strings.HasPrefix(e.Value+"/", mount+"/")
		}
	}
	if !durable {
		t.Errorf("%s: the data directory is in no volume", name)
	}
	checkStart(t, name, c, pod.Spec.Volumes)
}

// checkStart starts the program with the settings of a container. What is mounted of secrets is made as the comment at
// the top of the manifest says; addresses are those of this machine, with ports that are free.
func checkStart(t *testing.T, name string, c corev1.Container, volumes []corev1.Volume) {
	t.Helper()
	root := t.TempDir()
	for _, m := range c.VolumeMounts {
		i := slices.IndexFunc(volumes, func(v corev1.Volume) bool { return v.Name == m.Name && v.Secret != nil })
		if i < 0 {
			continue
		}
		if mode := volumes[i].Secret.DefaultMode; mode == nil || *mode != 0o440 {
			t.Errorf("%s: the mode of the secret %s is not 0440", name, m.Name)
		}
		authority, dir := fakesink.NewAuthority(t, "authority"), filepath.Join(root, m.MountPath)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		authority.Write(t, dir, "tls", fakesink.Certificate{})
		authority.WriteCA(t, dir, "client-ca.crt")
	}
	input := config.Input{Options: []string{"webserver.listen_port=0", "engine.kind=nodriver"}}
	for _, e := range c.Env {
		switch {
		case e.Name == "SAKER_AUDIT_LISTEN":
			e.Value = ":0"
		case strings.HasPrefix(e.Value, "/"):
			e.Value = filepath.Join(root, e.Value)
		}
		input.Environment = append(input.Environment, e.Name+"="+e.Value)
	}
	d, err := daemon.New(daemon.Options{
		Load:    func() (config.Config, []string, error) { return config.Load(input) },
		Sources: sourcesOf(c.Args), Stdout: io.Discard, Stderr: io.Discard,
	})
	if err != nil {
		t.Errorf("%s: the program does not start with these settings: %v", name, err)
		return
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Run(ctx); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

// sourcesOf are the event sources that arguments name.
func sourcesOf(args []string) (sources []string) {
	for _, a := range args {
		if source, ok := strings.CutPrefix(a, "--source="); ok {
			sources = append(sources, source)
		}
	}
	return sources
}
