#!/usr/bin/env bash
# Apache Kafka from its Maven artifacts, as one folder of jars. Needs Java 17 or later and Maven.
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

pom=$here/kafka.pom.xml
if current "$cache/kafka" "$pom" "$here/kafka.sh"; then
    say "kafka: installed"
    exit
fi
need java "to run Apache Kafka"
need mvn "to fetch Apache Kafka"
say "kafka: fetching"
new=$(mktemp -d "$cache/kafka.XXXXXX")
trap 'rm -rf "$new"' EXIT
retry mvn --batch-mode --quiet --file "$pom" -Dmaven.repo.local="$cache/maven" \
    dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$new/libs" </dev/null >&2
publish "$new" "$cache/kafka" "$pom" "$here/kafka.sh"
rm -rf "$cache/maven"
