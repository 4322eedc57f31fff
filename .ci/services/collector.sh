#!/usr/bin/env bash
# The OpenTelemetry Collector that collector.yaml describes, and its load generator, built from their Go modules.
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

version=v0.161.0
definition=$here/collector.yaml
if current "$cache/collector" "$definition" "$here/collector.sh"; then
    say "collector: installed"
    exit
fi
need go "to build the OpenTelemetry Collector"
say "collector: building, which takes some minutes"
new=$(mktemp -d "$cache/collector.XXXXXX")
trap 'rm -rf "$new"' EXIT

# Modules and objects of an attempt that failed are there for the next one, and go once they are of no more use.
export GOMODCACHE=$cache/go/modules GOCACHE=$cache/go/objects GOFLAGS="-buildvcs=false -modcacherw" CGO_ENABLED=0
mkdir -p "$cache/go"
cd "$cache/go"
retry go run "go.opentelemetry.io/collector/cmd/builder@$version" --config "$definition" --ldflags "-s -w" </dev/null >&2
GOBIN=$new retry go install -ldflags "-s -w" \
    "github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen@$version" </dev/null >&2
mv build/otelcol-tracecheck "$new"
publish "$new" "$cache/collector" "$definition" "$here/collector.sh"
rm -rf "$cache/go"
