#!/bin/sh
# Boots Debian's kernel in QEMU (emulated, so that it works on any machine) with this machine's root as its own, read-only
# under an overlay, and runs the BCC driver's live tests in it by kprobes: with offsets from BTF, and from the headers.
#
#	sh pkg/syscall/driver/bcc/vm/run.sh
#
# It needs root and Debian on x86-64, and installs what is missing. The kernel is kept in the cache directory and not
# installed. It takes two to seven minutes, most of it for compiling in the emulated machine.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../../../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/saker/kernels
GO=${GO:-go}
# Modules of the initramfs: what it takes to mount the shared root. A kernel may have some of them built in.
modules='virtio virtio_ring virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci fscache netfs 9pnet 9pnet_virtio 9p overlay'
limit=${LIMIT:-900}

say() { echo "vm: $*"; }
die() {
	say "$*" >&2
	exit 1
}

[ "$(id -u)" = 0 ] || die "root is needed"
[ "$(uname -m)" = x86_64 ] || die "the kernel is fetched for x86-64 only"
command -v apt-get >/dev/null || die "Debian's packages are needed"

missing=''
for p in qemu-system-x86 seabios busybox-static cpio libbpfcc-dev gcc libc6-dev; do
	dpkg-query -W -f='${Status}' $p 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
kernel=$(apt-cache depends linux-image-amd64 2>/dev/null | sed -n 's/^ *Depends: linux-image-\(6[^ ]*-amd64\).*/\1/p' | head -n 1)
if [ -n "$missing" ] || [ -z "$kernel" ]; then
	apt-get -qq update
	kernel=$(apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: linux-image-\([0-9][^ ]*-amd64\).*/\1/p' | head -n 1)
	[ -n "$kernel" ] || die "apt knows no linux-image-amd64"
fi
[ -e "/lib/modules/$kernel/build" ] || missing="$missing linux-headers-$kernel"
if [ -n "$missing" ]; then
	say "installing$missing"
	# shellcheck disable=SC2086 # a list
	DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >/dev/null
fi

image=$cache/$kernel
if ! [ -e "$image/boot/vmlinuz-$kernel" ]; then
	say "fetching linux-image-$kernel"
	rm -rf "$image.new"
	mkdir -p "$image.new/deb"
	(cd "$image.new/deb" && apt-get -qq -o APT::Sandbox::User=root download "linux-image-$kernel")
	dpkg -x "$image.new"/deb/*.deb "$image.new"
	rm -rf "$image.new/deb" "$image"
	mv "$image.new" "$image"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
say "building the test program"
(cd "$root" && CGO_ENABLED=1 "$GO" test -c -tags bcc -o "$work/bcc.test" ./pkg/syscall/driver/bcc)

initrd=$work/initrd
mkdir -p "$initrd/bin" "$initrd/dev" "$initrd/proc" "$initrd/modules" "$initrd/lower" "$initrd/upper" "$initrd/root"
cp /bin/busybox "$initrd/bin/busybox"
cp "$here/init" "$initrd/init"
chmod +x "$initrd/init"
for m in $modules; do
	find "$image/lib/modules" -name "$m.ko" -exec cp {} "$initrd/modules/" \;
done
(cd "$initrd" && find . | cpio -o -H newc --quiet | gzip -1) >"$work/initrd.gz"

# boot runs the tests in the machine and leaves what it printed in $work/console. The guest's kernel ends itself when one
# of its CPUs makes no progress for a minute.
boot() {
	say "booting $kernel"
	start=$(date +%s)
	timeout "$limit" qemu-system-x86_64 -accel tcg,thread=multi,tb-size=512 -cpu max -smp 2 -m 3G \
		-nographic -no-reboot -nic none -kernel "$image/boot/vmlinuz-$kernel" -initrd "$work/initrd.gz" \
		-append "console=ttyS0 panic=-1 softlockup_panic=1 watchdog_thresh=30 quiet mitigations=off tsc=reliable random.trust_cpu=on saker.guest=$here/guest.sh saker.test=$work/bcc.test" \
		-fsdev local,id=root,path=/,security_model=none,readonly=on,multidevs=remap \
		-device virtio-9p-pci,fsdev=root,mount_tag=hostroot </dev/null | tr -d '\r\033' >"$work/console" || true
	say "$(($(date +%s) - start)) s"
}
boot
# An emulated machine with two CPUs can hang while its kernel changes its own code on both. That says nothing of the
# driver, so it is tried again, once.
if grep -q 'soft lockup' "$work/console" && ! grep -q '^ *--- FAIL' "$work/console"; then
	say "the emulated machine hung, once more"
	boot
fi
if ! grep -q '^saker-guest: passed$' "$work/console"; then
	cat "$work/console"
	die "the tests did not pass on $kernel"
fi
sed -n 's/^saker-guest: \(.*\), .* after the start$/vm: passed: \1/p' "$work/console"
