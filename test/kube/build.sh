#!/bin/sh
# Builds kube-apiserver and etcd from the modules of go.mod and prints the directory that holds them. They are kept in
# the user's cache, by what they are made of; the first build takes about five minutes on two cores. GO is the Go command.
set -eu
cd "$(dirname "$0")"
GO=${GO:-go}
export CGO_ENABLED=0 GOFLAGS=

version=$($GO list -m -f '{{.Version}}' k8s.io/kubernetes)
made_of=$({ cat go.mod go.sum build.sh; $GO env GOVERSION GOARCH; } | sha256sum | cut -c 1-12)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/saker/kube
dir=$cache/$version-$made_of
if [ ! -x "$dir/etcd" ]; then
	echo "building kube-apiserver $version and etcd" >&2
	mkdir -p "$cache"
	new=$(mktemp -d "$cache/new.XXXXXX")
	trap 'rm -rf "$new"' EXIT
	$GO build -p 2 -trimpath -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$version" \
		-o "$new/kube-apiserver" k8s.io/kubernetes/cmd/kube-apiserver >&2
	$GO build -p 2 -trimpath -ldflags '-s -w' -o "$new/etcd" go.etcd.io/etcd/server/v3 >&2
	# Two builds at once make the same: the one that comes late is thrown away.
	mv -T "$new" "$dir" 2>/dev/null || [ -x "$dir/etcd" ]
fi
echo "$dir"
