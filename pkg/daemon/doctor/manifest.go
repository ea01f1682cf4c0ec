package doctor

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/saker-security/saker/internal/regular"
)

// maxManifest bounds a manifest in bytes.
const maxManifest = 4 << 20

// pod is what is looked at of a pod.
type pod struct {
	Kind string `yaml:"kind"`
	Spec struct {
		Containers []container `yaml:"containers"`
		Volumes    []struct {
			Name     string `yaml:"name"`
			HostPath struct {
				Path string `yaml:"path"`
			} `yaml:"hostPath"`
		} `yaml:"volumes"`
	} `yaml:"spec"`
}

type container struct {
	Name         string   `yaml:"name"`
	Command      []string `yaml:"command"`
	Args         []string `yaml:"args"`
	VolumeMounts []struct {
		Name      string `yaml:"name"`
		MountPath string `yaml:"mountPath"`
		// SubPath is a path in the volume, SubPathExpr one with variables.
		SubPath     string `yaml:"subPath"`
		SubPathExpr string `yaml:"subPathExpr"`
	} `yaml:"volumeMounts"`
}

// ManifestFile judges the static pod of a kube-apiserver, and looks for its files on this machine.
func ManifestFile(name string) []Finding {
	var f findings
	data, err := readManifest(name)
	if err != nil {
		f.bad("manifest", "name the static pod of kube-apiserver, such as /etc/kubernetes/manifests/kube-apiserver.yaml", "%v", err)
		return f
	}
	return Manifest(name, data, os.Stat)
}

// readManifest reads no more than one byte beyond what a manifest may have.
func readManifest(name string) ([]byte, error) {
	file, err := regular.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxManifest+1))
}

// Manifest judges the static pod of a kube-apiserver. stat looks for the files of its volumes.
func Manifest(name string, data []byte, stat func(string) (fs.FileInfo, error)) []Finding {
	var f findings
	p, c, err := apiServer(data)
	if err != nil {
		f.bad("manifest", "name the static pod of kube-apiserver, such as /etc/kubernetes/manifests/kube-apiserver.yaml", "%s: %v", name, err)
		return f
	}
	flags := auditFlags(append(slices.Clone(c.Command), c.Args...))
	if len(flags) == 0 {
		f.bad("flags", "saker audit init --for kubeadm writes all that is needed", "%s has no flags --audit-…: nothing is recorded", name)
		return f
	}
	f.flagFile(p, c, flags, "audit-policy-file", "without a policy nothing is recorded", stat)
	f.flagFile(p, c, flags, "audit-webhook-config-file", "nothing is sent", stat)
	n := f.numbers(flags)
	if f.mode(flags) {
		f.wait(flags)
		f.throughput(flags, n)
	}
	f.patience(flags)
	f.truncation(flags, n)
	return f
}

// apiServer finds the container of kube-apiserver in a pod.
func apiServer(data []byte) (*pod, *container, error) {
	if len(data) > maxManifest {
		return nil, nil, fmt.Errorf("it is longer than %s", size(maxManifest))
	}
	var p pod
	if err := yaml.Load(data, &p); err != nil {
		return nil, nil, fmt.Errorf("it is no manifest: %w", err)
	}
	if p.Kind != "Pod" {
		return nil, nil, fmt.Errorf("it is of kind %q, not a Pod", p.Kind)
	}
	for i := range p.Spec.Containers {
		if c := &p.Spec.Containers[i]; c.Name == "kube-apiserver" || len(c.Command) > 0 && path.Base(c.Command[0]) == "kube-apiserver" {
			return &p, c, nil
		}
	}
	return nil, nil, errors.New("no container of it is kube-apiserver")
}

// flagFile judges a flag that names a file: is it there, mounted, and on this machine.
func (f *findings) flagFile(p *pod, c *container, flags map[string]string, name, without string, stat func(string) (fs.FileInfo, error)) {
	file := flags[name]
	if file == "" {
		f.bad("flags", "add the flag; saker audit init --for kubeadm writes it", "--%s is not there: %s", name, without)
		return
	}
	var volume, mount, sub, variable string
	for _, m := range c.VolumeMounts {
		if below(file, m.MountPath) && len(m.MountPath) >= len(mount) {
			volume, mount, sub, variable = m.Name, m.MountPath, m.SubPath, m.SubPathExpr
		}
	}
	if variable != "" {
		f.look("flags", "use subPath, or mount the folder itself", "--%s=%s is below a mount with subPathExpr %s, which only the kubelet can work out", name, file, variable)
		return
	}
	if mount == "" {
		f.bad("flags", "add a volume of type hostPath and a volumeMount for its folder", "--%s=%s: no volume is mounted there, so the process does not see it", name, file)
		return
	}
	for _, v := range p.Spec.Volumes {
		if v.Name != volume || v.HostPath.Path == "" {
			continue
		}
		host := filepath.Join(v.HostPath.Path, sub, strings.TrimPrefix(path.Clean(file), path.Clean(mount)))
		if _, err := stat(host); err != nil {
			f.bad("flags", "copy the file to this machine; kube-apiserver does not start without it", "--%s=%s: %v", name, file, err)
		} else {
			f.ok("flags", "--%s=%s is mounted from %s", name, file, host)
		}
		return
	}
	f.look("flags", "use a volume of type hostPath", "--%s=%s is in volume %s, which is none of this machine", name, file, volume)
}

// below tells whether a file is the mount or in it.
func below(file, mount string) bool {
	file, mount = path.Clean(file), path.Clean(mount)
	return file == mount || strings.HasPrefix(file, strings.TrimSuffix(mount, "/")+"/")
}
