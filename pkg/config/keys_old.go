package config

// old makes a row for a key that Falco does not have any more; now tells what is in its place.
func old[T any](name, def string, f form[T], help, now string) Key {
	k := inert(name, def, f, help, now)
	k.Old = true
	return k
}

const (
	byCgroup  = "containers are found by their cgroups, whatever the engine"
	noProbe   = "Saker brings its own eBPF programs; engine.kind chooses among them"
	byPreset  = "write engine.modern_ebpf.buf_size_preset or engine.buffer_bytes"
	noGvisor  = "Saker cannot take events from gVisor"
	noLookups = "Saker does not ask the API server for metadata"
)

// oldKeys are keys of Falco 0.30 to 0.43 that 0.44 does not have.
var oldKeys = []Key{
	old("outputs.rate", "0", number(0, maxInt), "Alerts in a second.", "write delivery.rate, which lets alerts wait instead of dropping them"),
	old("outputs.max_burst", "1000", integer(0, maxInt), "Alerts at once.", "write delivery.burst"),
	old("syscall_buf_size_preset", "4", integer(1, 10), "Size of the buffers of the driver.", byPreset),
	old("syscall_drop_failed_exit", "false", boolean, "Drop failed system calls in the kernel.", "events of failed system calls are kept; write a condition on evt.failed"),
	old("modern_bpf.cpus_for_each_syscall_buffer", "2", integer(0, 65536), "How many CPUs share a buffer.", "write engine.modern_ebpf.cpus_for_each_buffer"),
	old("engine.ebpf.probe", "", text, "Path of the eBPF program.", noProbe).silent(),
	old("engine.ebpf.buf_size_preset", "4", integer(1, 10), "Size of the buffers of the driver.", byPreset),
	old("engine.ebpf.drop_failed_exit", "false", boolean, "Drop failed system calls in the kernel.", "events of failed system calls are kept; write a condition on evt.failed"),
	old("engine.gvisor.config", "", text, "Configuration of gVisor.", noGvisor).silent(),
	old("engine.gvisor.root", "", text, "Root directory of gVisor.", noGvisor).silent(),
	old("metadata_download.max_mb", "100", integer(0, maxInt), "Megabytes of metadata from the API server.", noLookups),
	old("metadata_download.chunk_wait_us", "1000", integer(0, maxInt), "Pause between chunks of metadata.", noLookups),
	old("metadata_download.watch_freq_sec", "1", integer(0, maxInt), "Seconds between looks at the API server.", noLookups),
	old("container_engines.docker.enabled", "true", boolean, "Ask Docker.", byCgroup),
	old("container_engines.cri.enabled", "true", boolean, "Ask CRI runtimes.", byCgroup),
	old("container_engines.cri.sockets", "[/run/containerd/containerd.sock, /run/crio/crio.sock, /run/k3s/containerd/containerd.sock]", texts, "Sockets of CRI runtimes.", byCgroup).silent(),
	old("container_engines.cri.cri_timeout", "1000", integer(0, maxInt), "Milliseconds that a CRI runtime may take.", byCgroup).silent(),
	old("container_engines.cri.disable_async", "false", boolean, "Wait for CRI runtimes.", byCgroup),
	old("container_engines.podman.enabled", "true", boolean, "Ask Podman.", byCgroup),
	old("container_engines.lxc.enabled", "true", boolean, "Find LXC containers.", byCgroup),
	old("container_engines.libvirt_lxc.enabled", "true", boolean, "Find libvirt containers.", byCgroup),
	old("container_engines.bpm.enabled", "true", boolean, "Find BPM containers.", byCgroup),
	old("webserver.k8s_audit_endpoint", "", urlPath, "Path of the audit receiver of Falco before 0.32, on the port of the web server.",
		"audit events have a server of their own: write audit.listen and audit.path"),
}

// silent makes a key without effect one that is never warned of: its value differs from machine to machine in files
// that nobody changed.
func (k Key) silent() Key {
	k.set = func(*Config, *value) error { return nil }
	return k
}
