package cgroup

import "testing"

const (
	id  = "f19b07350de53034ca307120e815948e6983247d31b12997972dc7fc87255de5"
	uid = "0f90f31c-ebdc-4c8c-a8a8-2b6f4d6c1d2e"
)

func TestFind(t *testing.T) {
	tests := []struct {
		name   string
		groups string
		want   Container
	}{
		{"no groups", "", Container{}},
		{"host, version 1", "cpuset=/\x00cpu=/user.slice\x00memory=/user.slice/user-0.slice/session-1.scope\x00", Container{}},
		{"host, version 2", "=/system.slice/sshd.service\x00", Container{}},
		{"docker, cgroupfs", "cpuset=/docker/" + id + "\x00cpu=/docker/" + id + "\x00", Container{ID: id, Runtime: "docker"}},
		{"docker, one hierarchy left at the root", "cpuset=/\x00cpuacct=/docker/" + id + "\x00", Container{ID: id, Runtime: "docker"}},
		{"docker, systemd", "=/system.slice/docker-" + id + ".scope\x00", Container{ID: id, Runtime: "docker"}},
		{"docker, group of its own below", "=/docker/" + id + "/init.scope\x00", Container{ID: id, Runtime: "docker"}},
		{"runc", "cpuset=/" + id + "\x00", Container{ID: id}},
		{"kubernetes, cgroupfs", "memory=/kubepods/burstable/pod" + uid + "/" + id + "\x00", Container{ID: id, PodUID: uid}},
		{"containerd, systemd", "=/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod0f90f31c_ebdc_4c8c_a8a8_2b6f4d6c1d2e.slice/cri-containerd-" + id + ".scope\x00",
			Container{ID: id, Runtime: "containerd", PodUID: uid}},
		{"containerd, colon syntax", "cpu=/system.slice/containerd.service/kubepods-burstable-pod0f90f31c_ebdc_4c8c_a8a8_2b6f4d6c1d2e.slice:cri-containerd:" + id + "\x00",
			Container{ID: id, Runtime: "containerd", PodUID: uid}},
		{"cri-o", "=/kubepods.slice/kubepods-pod0f90f31c_ebdc_4c8c_a8a8_2b6f4d6c1d2e.slice/crio-" + id + ".scope\x00", Container{ID: id, Runtime: "cri-o", PodUID: uid}},
		{"cri-o monitor", "=/machine.slice/crio-conmon-" + id + ".scope\x00", Container{}},
		{"podman, systemd", "=/machine.slice/libpod-" + id + ".scope\x00", Container{ID: id, Runtime: "podman"}},
		{"podman, container directory", "=/machine.slice/libpod-" + id + ".scope/container\x00", Container{ID: id, Runtime: "podman"}},
		{"podman, cgroupfs", "pids=/libpod_parent/libpod-" + id + "\x00", Container{ID: id, Runtime: "podman"}},
		{"static pod", "=/kubepods/burstable/pod0f90f31cebdc4c8ca8a82b6f4d6c1d2e/" + id + "\x00", Container{ID: id, PodUID: "0f90f31cebdc4c8ca8a82b6f4d6c1d2e"}},
		{"upper case is no id", "=/docker/F19B07350DE53034CA307120E815948E6983247D31B12997972DC7FC87255DE5\x00", Container{}},
		{"no separator", "garbage\x00\x00=\x00", Container{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := Find(test.groups); got != test.want {
				t.Errorf("got %+v\nwant %+v", got, test.want)
			}
		})
	}
}

func TestShort(t *testing.T) {
	if got := (Container{ID: id}).Short(); got != "f19b07350de5" {
		t.Errorf("got %s", got)
	}
	if got := (Container{}).Short(); got != "" {
		t.Errorf("got %q", got)
	}
}

func FuzzFind(f *testing.F) {
	f.Add("cpuset=/docker/" + id + "\x00")
	f.Add("=/a:b:c/::" + id)
	f.Fuzz(func(t *testing.T, groups string) {
		c := Find(groups)
		if c.ID == "" && c != (Container{}) {
			t.Errorf("something of no container: %+v", c)
		}
	})
}
