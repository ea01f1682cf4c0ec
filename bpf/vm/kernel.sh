#!/bin/sh
# kernel.sh SUITE: prints the path of the boot image of a Debian release's kernel, fetched into the cache first.
#
# The package comes from the mirror that this machine's apt uses, through an apt state of its own in the cache, so that
# nothing is installed and the machine's package lists stay as they are. The newest version is asked for once a week.
set -eu

suite=$1
cache=${XDG_CACHE_HOME:-$HOME/.cache}/saker/vm/$suite
mkdir -p "$cache/lists/partial" "$cache/archives/partial"
cd "$cache"

image() { ls -t boot/vmlinuz-* 2>/dev/null | head -n 1; }

if [ -n "$(image)" ] && [ -n "$(find stamp -mtime -7 2>/dev/null)" ]; then
	echo "$cache/$(image)"
	exit 0
fi

mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | sort -u | head -n 1)
[ -n "$mirror" ] || { echo "apt on this machine knows no mirror" >&2; exit 1; }
keys=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keys] $mirror $suite main" >sources.list
private() {
	command=$1
	shift
	"$command" -o Dir::Etc::sourcelist="$cache/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$cache/lists" \
		-o Dir::Cache="$cache" -o Dir::State::status=/dev/null -o APT::Sandbox::User=root \
		-o Acquire::Check-Valid-Until=false -o Acquire::Languages=none "$@"
}
private apt-get update >apt.log 2>&1 || {
	cat apt.log >&2
	[ -n "$(image)" ] || exit 1
	echo "$cache/$(image)" # offline: what is there will do
	exit 0
}
package=$(private apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
[ -n "$package" ] || { echo "no linux-image-cloud-amd64 in $suite" >&2; exit 1; }
private apt-get download "$package" >apt.log 2>&1 || { cat apt.log >&2; exit 1; }
rm -rf boot unpacked
dpkg -x "$package"_*.deb unpacked
mv unpacked/boot boot
rm -rf unpacked "$package"_*.deb
touch stamp
echo "$cache/$(image)"
