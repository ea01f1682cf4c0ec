package doctor

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

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
	if f.mode(flags) {
		f.wait(flags)
		f.throughput(flags)
	}
	f.patience(flags)
	f.truncation(flags)
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

// auditFlags gives the flags of auditing without dashes; of one that is given twice the last one counts.
func auditFlags(command []string) map[string]string {
	flags := map[string]string{}
	for _, arg := range command {
		name, value, given := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if !strings.HasPrefix(arg, "-") || !strings.HasPrefix(name, "audit-") {
			continue
		}
		if !given {
			value = "true"
		}
		flags[name] = value
	}
	return flags
}

// flagFile judges a flag that names a file: is it there, mounted, and on this machine.
func (f *findings) flagFile(p *pod, c *container, flags map[string]string, name, without string, stat func(string) (fs.FileInfo, error)) {
	file := flags[name]
	if file == "" {
		f.bad("flags", "add the flag; saker audit init --for kubeadm writes it", "--%s is not there: %s", name, without)
		return
	}
	volume, mount := "", ""
	for _, m := range c.VolumeMounts {
		if below(file, m.MountPath) && len(m.MountPath) >= len(mount) {
			volume, mount = m.Name, m.MountPath
		}
	}
	if mount == "" {
		f.bad("flags", "add a volume of type hostPath and a volumeMount for its folder", "--%s=%s: no volume is mounted there, so the process does not see it", name, file)
		return
	}
	for _, v := range p.Spec.Volumes {
		if v.Name != volume || v.HostPath.Path == "" {
			continue
		}
		host := filepath.Join(v.HostPath.Path, strings.TrimPrefix(path.Clean(file), path.Clean(mount)))
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

// mode judges how events are sent, and tells whether that is in batches.
func (f *findings) mode(flags map[string]string) bool {
	switch mode := flags["audit-webhook-mode"]; mode {
	case "", "batch":
		f.ok("mode", "batch: events are sent beside the requests of the cluster")
		return true
	case "blocking":
		f.look("mode", "set --audit-webhook-mode=batch", "blocking: each request to the cluster waits for Saker's answer")
	case "blocking-strict":
		f.bad("mode", "set --audit-webhook-mode=batch", "blocking-strict: requests to the cluster fail while Saker does not answer")
	default:
		f.bad("mode", "set --audit-webhook-mode=batch", "--audit-webhook-mode=%s is not known, so kube-apiserver does not start", mode)
	}
	return false
}

// wait judges how long events wait for a batch.
func (f *findings) wait(flags map[string]string) {
	const next = "set --audit-webhook-batch-max-wait=1s"
	text, given := flags["audit-webhook-batch-max-wait"]
	d, err := time.ParseDuration(text)
	switch {
	case !given:
		f.look("batch wait", next, "30 s, the default: in a quiet cluster an alert is that late")
	case err != nil:
		f.bad("batch wait", next, "--audit-webhook-batch-max-wait=%s is no duration, so kube-apiserver does not start", text)
	case d > 5*time.Second:
		f.look("batch wait", next, "%s: in a quiet cluster an alert is that late", age(d))
	default:
		f.ok("batch wait", "%s", age(d))
	}
}

// number gives the value of a flag, or the default.
func number(flags map[string]string, name string, def float64) (float64, error) {
	text, given := flags[name]
	if !given {
		return def, nil
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n < 0 || math.IsNaN(n) || math.IsInf(n, 0) {
		return 0, fmt.Errorf("--%s=%s is no number, so kube-apiserver does not start", name, text)
	}
	return n, nil
}

// throughput judges how many events a second can be sent.
func (f *findings) throughput(flags map[string]string) {
	qps, err := number(flags, "audit-webhook-batch-throttle-qps", 10)
	most, errSize := number(flags, "audit-webhook-batch-max-size", 400)
	buffer, errBuffer := number(flags, "audit-webhook-batch-buffer-size", 10000)
	if err := errors.Join(err, errSize, errBuffer); err != nil {
		f.bad("throughput", "mend the flag", "%v", err)
		return
	}
	if flags["audit-webhook-batch-throttle-enable"] == "false" {
		f.ok("throughput", "as many events as come, in requests of %.0f at most", most)
		return
	}
	text := fmt.Sprintf("%.0f events a second at most, and a buffer of %.0f; what comes beyond is lost in kube-apiserver", qps*most, buffer)
	if qps*most < 4000 || buffer < 10000 {
		f.look("throughput", "raise --audit-webhook-batch-throttle-qps, --audit-webhook-batch-max-size or --audit-webhook-batch-buffer-size; the defaults are 10, 400 and 10000", "%s", text)
		return
	}
	f.ok("throughput", "%s", text)
}

// patience judges for how long Saker may be away: the API server tries five times, and each wait is half as long again
// as the one before.
func (f *findings) patience(flags map[string]string) {
	const next = "leave --audit-webhook-initial-backoff out; the default is 10s"
	wait := 10 * time.Second
	if text, given := flags["audit-webhook-initial-backoff"]; given {
		var err error
		if wait, err = time.ParseDuration(text); err != nil {
			f.bad("patience", next, "--audit-webhook-initial-backoff=%s is no duration, so kube-apiserver does not start", text)
			return
		}
	}
	away := time.Duration(float64(wait) * (1 + 1.5 + 1.5*1.5 + 1.5*1.5*1.5))
	if wait < 10*time.Second {
		f.look("patience", next, "Saker may be away for %s only, then events are lost", age(away))
		return
	}
	f.ok("patience", "Saker may be away for %s without a loss", age(away))
}

// truncation judges whether events come whole.
func (f *findings) truncation(flags map[string]string) {
	if flags["audit-webhook-truncate-enabled"] != "true" {
		f.ok("truncation", "off: events come whole, whatever their length")
		return
	}
	most, err := number(flags, "audit-webhook-truncate-max-event-size", 100<<10)
	switch {
	case err != nil:
		f.bad("truncation", "mend the flag", "%v", err)
	case most < 1<<20:
		f.look("truncation", "set --audit-webhook-truncate-max-event-size=4194304, or leave truncation out",
			"events longer than %s lose their request and response object: whoever pads an object hides it from the rules", size(int64(most)))
	default:
		f.ok("truncation", "events longer than %s lose their request and response object", size(int64(most)))
	}
}
