#!/bin/sh
# run.sh KERNEL PROGRAM [ARGUMENT...]: boots the kernel in an emulated machine that has busybox and the static program
# and nothing else, runs the program there and ends with its exit code. No KVM, no modules, no disk, no network but lo.
set -eu

kernel=$1
program=$2
shift 2

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/tree/bin" "$root/tree/dev" "$root/tree/proc" "$root/tree/sys" "$root/tree/tmp" "$root/tree/etc"
cp "$(command -v busybox)" "$root/tree/bin/busybox"
for applet in sh cat sleep true mount poweroff ip mkdir; do
	ln -s busybox "$root/tree/bin/$applet"
done
cp "$program" "$root/tree/program"
cat >"$root/tree/init" <<'I'
#!/bin/sh
export PATH=/bin HOME=/tmp CI=true
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
mkdir -p /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ip link set lo up
I
echo "cd /tmp; /program $*; echo \"program ended with \$?\"; poweroff -f" >>"$root/tree/init"
chmod +x "$root/tree/init"
(cd "$root/tree" && find . | cpio -o -H newc --quiet | gzip -1) >"$root/initrd"

# One thread for both CPUs: with two, QEMU hangs now and then in code that the kernel patches when a tracepoint is
# switched on.
# SLUB uses cmpxchg16b, whose flags QEMU 7.2 gets wrong now and then (a crash in kmalloc): the machine does not offer it.
timeout "${VM_TIMEOUT:-600}" qemu-system-x86_64 -accel tcg,thread=single -cpu max,-cx16 -smp 2 -m 1536 -nographic -no-reboot -nic none \
	-kernel "$kernel" -initrd "$root/initrd" \
	-append "console=ttyS0 panic=-1 quiet mitigations=off tsc=reliable random.trust_cpu=on" \
	</dev/null 2>&1 | tr -d '\r' | tee "$root/log"
code=$(sed -n 's/.*program ended with \([0-9]*\)$/\1/p' "$root/log" | tail -n 1)
if [ -z "$code" ]; then
	echo "the machine ended before the program did"
	exit 1
fi
exit "$code"
