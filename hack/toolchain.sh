#!/bin/sh
# Prints the path of a Go command that is new enough to build this project.
#
# It takes the one on the machine when that will do. Otherwise, on Debian and as root, it installs Debian's Go and has
# that fetch the pinned toolchain as the Go module it is published as, checked against the checksum database.
set -eu

VERSION=1.26.8
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/saker/toolchain

new_enough() {
	have=$("$1" env GOVERSION 2>/dev/null) || return 1
	have=${have#go}
	[ "$(printf '%s\n1.26\n' "${have%% *}" | sort -V | head -n 1)" = 1.26 ]
}

machine=$(uname -m)
case $machine in
x86_64) arch=amd64 ;;
aarch64) arch=arm64 ;;
*) arch=$machine ;;
esac
module=golang.org/toolchain
release=v0.0.1-go$VERSION.linux-$arch
cached=$CACHE/pkg/mod/$module@$release/bin/go

for go in "$(command -v go || true)" /usr/local/go/bin/go "$cached"; do
	if [ -n "$go" ] && [ -x "$go" ] && new_enough "$go"; then
		echo "$go"
		exit 0
	fi
done

fetcher=$(command -v go || true)
if [ -z "$fetcher" ]; then
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		echo "Go 1.26 or newer is needed: install it, or run this as root on Debian" >&2
		exit 1
	fi
	echo "installing Debian's Go to fetch Go $VERSION" >&2
	apt-get update >/dev/null
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends golang-go ca-certificates >/dev/null
	fetcher=$(command -v go)
fi
echo "fetching Go $VERSION" >&2
mkdir -p "$CACHE"
(cd "$CACHE" && GOTOOLCHAIN=local GOFLAGS='' GOPATH=$CACHE "$fetcher" mod download "$module@$release") >&2
dir=$CACHE/pkg/mod/$module@$release
chmod -R u+w "$dir"
# A module carries no file modes.
chmod +x "$dir"/bin/* "$dir"/pkg/tool/*/*
echo "$cached"
