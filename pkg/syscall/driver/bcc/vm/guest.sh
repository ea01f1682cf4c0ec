#!/bin/sh
# What runs in the virtual machine, on the shared root.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root CI=true
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmpfs /run
mount -t tmpfs -o mode=1777 tmpfs /dev/shm 2>/dev/null
mount -t cgroup2 cgroup2 /sys/fs/cgroup
busybox ip link set lo up
test=$(sed -n 's/.*saker\.test=\([^ ]*\).*/\1/p' /proc/cmdline)

# The tests write to /tmp, which must not be the overlay: the inode of a file there changes when it is first written.
cp "$test" /run/bcc.test
mount -t tmpfs -o mode=1777 tmpfs /tmp
cd /run || exit

status=passed
run() {
	echo "saker-guest: $1 and $2, $(cut -d' ' -f1 /proc/uptime) s after the start"
	SAKER_BCC_WAY=$1 SAKER_BCC_LAYOUT=$2 ./bcc.test -test.v -test.timeout 8m -test.run "$3" -test.skip TestLive/types || status=failed
}

uname -r
# Each opening compiles, which takes most of the time here: the second and third run are short.
run kprobes btf 'TestLive|TestChoice'
run kprobes headers 'TestLive/^(exec|exec_that_fails|fork_and_exit|open|connect_inet|connect_unix|stats)$'
run tracepoints btf 'TestLive/^(exec|exec_that_fails|fork_and_exit|open|connect_inet|stats)$'
echo "saker-guest: $status"
poweroff -f 2>/dev/null || busybox poweroff -f
