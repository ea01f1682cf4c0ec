// Package deploy holds ready-made set-ups; its tests check the Kubernetes manifests against the API's own types, and
// the unit with systemd's own tool.
package deploy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
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
		for i, doc := range strings.Split(string(data), "\n---\n") {
			var kind struct{ Kind string }
			if err := yaml.Unmarshal([]byte(doc), &kind); err != nil {
				t.Fatalf("%s, document %d: %v", name, i, err)
			}
			object := map[string]any{
				"Namespace": &corev1.Namespace{}, "Service": &corev1.Service{},
				"Deployment": &appsv1.Deployment{}, "DaemonSet": &appsv1.DaemonSet{},
			}[kind.Kind]
			if object == nil {
				t.Fatalf("%s, document %d: kind %q is not expected", name, i, kind.Kind)
			}
			if err := yaml.UnmarshalStrict([]byte(doc), object); err != nil {
				t.Errorf("%s, document %d: %v", name, i, err)
			}
			switch o := object.(type) {
			case *appsv1.Deployment:
				checkLabels(t, name, o.Spec.Selector.MatchLabels, o.Spec.Template.Labels)
			case *appsv1.DaemonSet:
				checkLabels(t, name, o.Spec.Selector.MatchLabels, o.Spec.Template.Labels)
			}
		}
	}
}

func checkLabels(t *testing.T, name string, selector, labels map[string]string) {
	t.Helper()
	for k, v := range selector {
		if labels[k] != v {
			t.Errorf("%s: the selector asks for %s=%s, the pods have %q", name, k, v, labels[k])
		}
	}
}
