#!/bin/sh
# gofmt, go vet and golangci-lint with the settings of .golangci.yml; GO is the Go command.
set -eu
cd "$(dirname "$0")/.."
GO=${GO:-go}
LINTER=github.com/golangci/golangci-lint/v2/cmd/golangci-lint
LINTER_VERSION=v2.15.0

unformatted=$(gofmt -l cmd pkg rules test)
if [ -n "$unformatted" ]; then
	echo "not formatted with gofmt:"
	echo "$unformatted"
	exit 1
fi
# Files have an upper limit; generated ones are exempt.
find cmd pkg rules bpf test -name '*.go' -o -name '*.c' -o -name '*.h' | while read -r f; do
	lines=$(wc -l <"$f")
	[ "$lines" -le 500 ] || grep -q 'DO NOT EDIT' "$f" || echo "$f has $lines lines, 500 are allowed"
done >/tmp/saker-lint.$$ 2>&1
if [ -s /tmp/saker-lint.$$ ]; then
	cat /tmp/saker-lint.$$
	rm -f /tmp/saker-lint.$$
	exit 1
fi
rm -f /tmp/saker-lint.$$

$GO vet ./...
# Who writes rules may do it on another system than that of the nodes.
for os in darwin freebsd; do CGO_ENABLED=0 GOOS=$os GOARCH=arm64 $GO build -o /dev/null ./cmd/saker; done
bin=${XDG_CACHE_HOME:-$HOME/.cache}/saker/bin/golangci-lint-$LINTER_VERSION
if [ ! -x "$bin" ]; then
	echo "building golangci-lint $LINTER_VERSION"
	dir=$(mktemp -d)
	CGO_ENABLED=0 GOBIN=$dir $GO install "$LINTER@$LINTER_VERSION"
	mkdir -p "$(dirname "$bin")"
	mv "$dir/golangci-lint" "$bin"
	rmdir "$dir"
fi
"$bin" run ./...

echo "rules: saker fmt, lint and test"
$GO run ./cmd/saker fmt --check rules examples/rules
$GO run ./cmd/saker lint rules
$GO run ./cmd/saker test rules/tests
