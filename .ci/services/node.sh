#!/usr/bin/env bash
# The OpenTelemetry SDK for Node with its exporters, as the lock file beside it pins them. Needs Node and npm.
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

wanted=("$here/node/package.json" "$here/node/package-lock.json" "$here/node.sh")
if current "$cache/node" "${wanted[@]}"; then
    say "node: installed"
    exit
fi
need node "to run the Node SDK's exporters"
need npm "to fetch the Node SDK's exporters"
say "node: fetching"
new=$(mktemp -d "$cache/node.XXXXXX")
trap 'rm -rf "$new"' EXIT
cp "$here/node/package.json" "$here/node/package-lock.json" "$new"
retry npm ci --prefix "$new" --cache "$cache/npm" --ignore-scripts --no-audit --no-fund --loglevel error </dev/null >&2
publish "$new" "$cache/node" "${wanted[@]}"
rm -rf "$cache/npm"
