//go:build bcc

package bcc

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// A member is a place in a kernel structure that the C text reads as OFF_<name>.
type member struct {
	name string
	// paths are the spellings of the member through the kernel's history, newest first, as struct.member[.member].
	paths []string
	// optional members depend on the kernel's configuration; the C text does without them.
	optional bool
	// hidden members are in no header that a kernel installs, only in BTF.
	hidden bool
}

var members = []member{
	{name: "task_pid", paths: []string{"task_struct.pid"}},
	{name: "task_tgid", paths: []string{"task_struct.tgid"}},
	{name: "task_real_parent", paths: []string{"task_struct.real_parent"}},
	{name: "task_thread_pid", paths: []string{"task_struct.thread_pid"}},
	{name: "task_mm", paths: []string{"task_struct.mm"}},
	{name: "task_cred", paths: []string{"task_struct.cred"}},
	{name: "task_signal", paths: []string{"task_struct.signal"}},
	{name: "task_sighand", paths: []string{"task_struct.sighand"}},
	{name: "task_files", paths: []string{"task_struct.files"}},
	{name: "task_fs", paths: []string{"task_struct.fs"}},
	{name: "task_comm", paths: []string{"task_struct.comm"}},
	{name: "task_maj_flt", paths: []string{"task_struct.maj_flt"}},
	{name: "task_min_flt", paths: []string{"task_struct.min_flt"}},
	{name: "task_exit_code", paths: []string{"task_struct.exit_code"}},
	{name: "task_loginuid", paths: []string{"task_struct.loginuid"}, optional: true},
	{name: "task_cgroups", paths: []string{"task_struct.cgroups"}, optional: true},
	{name: "pid_level", paths: []string{"pid.level"}},
	{name: "pid_numbers", paths: []string{"pid.numbers"}},
	{name: "signal_pids", paths: []string{"signal_struct.pids"}},
	{name: "signal_rlim", paths: []string{"signal_struct.rlim"}},
	{name: "signal_tty", paths: []string{"signal_struct.tty"}},
	{name: "tty_driver", paths: []string{"tty_struct.driver"}},
	{name: "tty_index", paths: []string{"tty_struct.index"}},
	{name: "tty_driver_major", paths: []string{"tty_driver.major"}},
	{name: "tty_driver_minor_start", paths: []string{"tty_driver.minor_start"}},
	{name: "mm_total_vm", paths: []string{"mm_struct.total_vm"}},
	{name: "mm_exe_file", paths: []string{"mm_struct.exe_file"}},
	{name: "mm_arg_start", paths: []string{"mm_struct.arg_start"}},
	{name: "mm_arg_end", paths: []string{"mm_struct.arg_end"}},
	{name: "mm_env_start", paths: []string{"mm_struct.env_start"}},
	{name: "mm_env_end", paths: []string{"mm_struct.env_end"}},
	{name: "cred_euid", paths: []string{"cred.euid"}},
	{name: "cred_egid", paths: []string{"cred.egid"}},
	{name: "cred_cap_inheritable", paths: []string{"cred.cap_inheritable"}},
	{name: "cred_cap_permitted", paths: []string{"cred.cap_permitted"}},
	{name: "cred_cap_effective", paths: []string{"cred.cap_effective"}},
	{name: "bprm_filename", paths: []string{"linux_binprm.filename"}},
	{name: "files_fdt", paths: []string{"files_struct.fdt"}},
	{name: "fdtable_fd", paths: []string{"fdtable.fd"}},
	{name: "fdtable_max_fds", paths: []string{"fdtable.max_fds"}},
	{name: "file_inode", paths: []string{"file.f_inode"}},
	{name: "file_mode", paths: []string{"file.f_mode"}},
	{name: "file_path", paths: []string{"file.f_path"}},
	{name: "file_private", paths: []string{"file.private_data"}},
	{name: "inode_ino", paths: []string{"inode.i_ino"}},
	{name: "inode_sb", paths: []string{"inode.i_sb"}},
	{name: "inode_ctime_sec", paths: []string{"inode.i_ctime_sec", "inode.__i_ctime.tv_sec", "inode.i_ctime.tv_sec"}},
	{name: "inode_ctime_nsec", paths: []string{"inode.i_ctime_nsec", "inode.__i_ctime.tv_nsec", "inode.i_ctime.tv_nsec"}},
	{name: "inode_mtime_sec", paths: []string{"inode.i_mtime_sec", "inode.__i_mtime.tv_sec", "inode.i_mtime.tv_sec"}},
	{name: "inode_mtime_nsec", paths: []string{"inode.i_mtime_nsec", "inode.__i_mtime.tv_nsec", "inode.i_mtime.tv_nsec"}},
	{name: "sb_dev", paths: []string{"super_block.s_dev"}},
	{name: "socket_sk", paths: []string{"socket.sk"}},
	{name: "sock_family", paths: []string{"sock_common.skc_family"}},
	{name: "sock_num", paths: []string{"sock_common.skc_num"}},
	{name: "sock_dport", paths: []string{"sock_common.skc_dport"}},
	{name: "sock_rcv_saddr", paths: []string{"sock_common.skc_rcv_saddr"}},
	{name: "sock_daddr", paths: []string{"sock_common.skc_daddr"}},
	{name: "sock_v6_rcv_saddr", paths: []string{"sock_common.skc_v6_rcv_saddr"}, optional: true},
	{name: "sock_v6_daddr", paths: []string{"sock_common.skc_v6_daddr"}, optional: true},
	{name: "unix_peer", paths: []string{"unix_sock.peer"}, optional: true},
	{name: "fs_root", paths: []string{"fs_struct.root"}},
	{name: "fs_pwd", paths: []string{"fs_struct.pwd"}},
	{name: "path_dentry", paths: []string{"path.dentry"}},
	{name: "path_mnt", paths: []string{"path.mnt"}},
	{name: "dentry_parent", paths: []string{"dentry.d_parent"}},
	{name: "dentry_name", paths: []string{"dentry.d_name.name"}},
	{name: "mount_mnt", paths: []string{"mount.mnt"}, hidden: true},
	{name: "mount_root", paths: []string{"mount.mnt.mnt_root"}, hidden: true},
	{name: "mount_parent", paths: []string{"mount.mnt_parent"}, hidden: true},
	{name: "mount_mountpoint", paths: []string{"mount.mnt_mountpoint"}, hidden: true},
	{name: "css_set_dfl_cgrp", paths: []string{"css_set.dfl_cgrp"}, optional: true},
	{name: "css_cgroup", paths: []string{"cgroup_subsys_state.cgroup"}, optional: true},
	{name: "cgroup_kn", paths: []string{"cgroup.kn"}, optional: true},
	{name: "kernfs_name", paths: []string{"kernfs_node.name"}, optional: true},
	{name: "kernfs_parent", paths: []string{"kernfs_node.__parent", "kernfs_node.parent"}, optional: true},
}

// headers declare every structure of the table that is not hidden.
const headers = `
#include <linux/binfmts.h>
#include <linux/cgroup-defs.h>
#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/fdtable.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/kernfs.h>
#include <linux/mm_types.h>
#include <linux/net.h>
#include <linux/path.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/tty.h>
#include <linux/tty_driver.h>
#include <net/af_unix.h>
#include <net/sock.h>
`

var errNoMember = errors.New("no such member")

// offsetsFromBTF gives the compiler flags for a kernel that describes itself.
func offsetsFromBTF(spec *btf.Spec) ([]string, error) {
	var flags []string
	for _, m := range members {
		at, err := m.find(spec)
		switch {
		case err == nil:
			flags = append(flags, fmt.Sprintf("-DOFF_%s=%dull", m.name, at))
		case !m.optional && !m.hidden:
			return nil, fmt.Errorf("find %s in the kernel's BTF: %w", m.paths[0], err)
		}
	}
	var upid *btf.Struct
	if err := spec.TypeByName("upid", &upid); err != nil {
		return nil, fmt.Errorf("find upid in the kernel's BTF: %w", err)
	}
	flags = append(flags, fmt.Sprintf("-DSIZE_upid=%dull", upid.Size))
	return append(flags, memoryCgroupFromBTF(spec)...), nil
}

// memoryCgroupFromBTF locates the memory controller's state in css_set.subsys, whose order is the kernel's configuration.
func memoryCgroupFromBTF(spec *btf.Spec) []string {
	var ids *btf.Enum
	if spec.TypeByName("cgroup_subsys_id", &ids) != nil {
		return nil
	}
	base, err := member{paths: []string{"css_set.subsys"}}.find(spec)
	if err != nil {
		return nil
	}
	i := slices.IndexFunc(ids.Values, func(v btf.EnumValue) bool { return v.Name == "memory_cgrp_id" })
	if i < 0 {
		return nil
	}
	return []string{fmt.Sprintf("-DOFF_css_set_memory=%dull", uint64(base)+8*ids.Values[i].Value)}
}

func (m member) find(spec *btf.Spec) (uint32, error) {
	for _, path := range m.paths {
		name, rest, _ := strings.Cut(path, ".")
		var s *btf.Struct
		if err := spec.TypeByName(name, &s); err != nil {
			return 0, err
		}
		if at, ok := offset(s, strings.Split(rest, ".")); ok {
			return at, nil
		}
	}
	return 0, errNoMember
}

// offset follows a path of member names, through anonymous structures and unions too.
func offset(t btf.Type, path []string) (uint32, bool) {
	if len(path) == 0 {
		return 0, true
	}
	var fields []btf.Member
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Struct:
		fields = t.Members
	case *btf.Union:
		fields = t.Members
	}
	for _, f := range fields {
		rest := path
		switch f.Name {
		case path[0]:
			rest = path[1:]
		case "":
		default:
			continue
		}
		if at, ok := offset(f.Type, rest); ok {
			return f.Offset.Bytes() + at, true
		}
	}
	return 0, false
}

// offsetsFromHeaders gives the compiler flags for a kernel without BTF whose own headers are installed. Such kernels are
// old, so of several spellings the oldest is taken; one that is wrong fails to compile.
func offsetsFromHeaders() []string {
	var flags []string
	for _, m := range members {
		if m.hidden {
			continue
		}
		name, rest, _ := strings.Cut(m.paths[len(m.paths)-1], ".")
		flags = append(flags, fmt.Sprintf("-DOFF_%s=offsetof(struct %s,%s)", m.name, name, rest))
	}
	return append(flags, "-DSIZE_upid=sizeof(struct upid)",
		"-DOFF_css_set_memory=(offsetof(struct css_set,subsys)+sizeof(void*)*memory_cgrp_id)")
}
