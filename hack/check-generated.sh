#!/bin/sh
# Fails when something generated that is committed differs from what its sources give. GO is the Go command.
set -eu
cd "$(dirname "$0")/.."
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -z | tar cf - --null -T - | tar xf - -C "$copy"
sh "$copy/hack/generate.sh"
status=0
git ls-files -z | xargs -0 -n 1 | while IFS= read -r f; do
	cmp -s "$f" "$copy/$f" || echo "$f"
done >"$copy.list"
if [ -s "$copy.list" ]; then
	echo "these files differ from what make generate makes:"
	cat "$copy.list"
	status=1
fi
rm -f "$copy.list"
exit $status
