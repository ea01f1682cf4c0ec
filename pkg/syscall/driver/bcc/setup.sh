#!/bin/sh
# Gets a machine ready to build and run the BCC driver: a C compiler, libbpfcc-dev, and kernel headers where libbcc looks
# for them. What is there already is left as it is. Packages are installed only as root on Debian or a kin of it.
set -eu

say() { echo "bcc: $*"; }
die() {
	say "$*" >&2
	exit 1
}

updated=false
# install PACKAGE... when they are missing.
install() {
	missing=''
	for p in "$@"; do
		dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
	done
	[ -n "$missing" ] || return 0
	[ "$(id -u)" = 0 ] || die "root is needed to install$missing"
	refresh
	say "installing$missing"
	# shellcheck disable=SC2086 # a list
	DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >/dev/null || die "cannot install$missing"
}

refresh() {
	[ $updated = false ] || return 0
	apt-get -qq update || die "apt-get update failed"
	updated=true
}

# link NAME gives the running kernel the headers of another one. They are good enough for the driver on a kernel with
# BTF: it takes no structure of the kernel from them.
link() {
	to=$(readlink -f "$2/$1") || true
	[ -e "$modules/$1" ] && return 0
	[ -e "${to:-/nonexistent}" ] || die "$2/$1 leads nowhere"
	mkdir -p "$modules"
	ln -sfn "$to" "$modules/$1"
	say "$modules/$1 -> $to"
}

release=$(uname -r)
modules=/lib/modules/$release

if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
	install gcc libc6-dev libbpfcc-dev
elif ! [ -e /usr/include/bcc/libbpf.h ]; then
	die "install a C compiler and the development files of libbcc (libbpfcc-dev, bcc-devel)"
fi

if [ -e "$modules/build" ] && [ -e "$modules/source" ]; then
	say "kernel headers: $(readlink -f "$modules/build")"
	exit 0
fi
command -v apt-get >/dev/null || die "install the headers of kernel $release"
[ "$(id -u)" = 0 ] || die "root is needed to install the headers of kernel $release"
refresh
if apt-cache show "linux-headers-$release" >/dev/null 2>&1; then
	install "linux-headers-$release"
else
	say "there is no package linux-headers-$release; taking those of the distribution's kernel"
	install "linux-headers-$(dpkg --print-architecture)"
fi
if [ -e "$modules/build" ] && [ -e "$modules/source" ]; then
	exit 0
fi
newest=$(find /lib/modules -mindepth 2 -maxdepth 2 -name build ! -path "$modules/*" | sort -V | tail -n 1)
newest=${newest%/build}
[ -n "$newest" ] || die "no kernel headers under /lib/modules"
link build "$newest"
if [ -e "$newest/source" ]; then
	link source "$newest"
else
	ln -sfn build "$modules/source"
fi
