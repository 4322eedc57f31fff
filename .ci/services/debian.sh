#!/usr/bin/env bash
# RabbitMQ, PostgreSQL and Chromium from Debian's packages. Only the programs are wanted: nothing is left running.
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

packages=()
command -v /usr/lib/rabbitmq/bin/rabbitmq-server >/dev/null || packages+=(rabbitmq-server)
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || packages+=(postgresql)
command -v chromium >/dev/null || packages+=(chromium)
if [ ${#packages[@]} = 0 ]; then
    say "rabbitmq, postgresql, chromium: installed"
    exit
fi
need apt-get "to install ${packages[*]}"
as_root=()
if [ "$(id -u)" != 0 ]; then
    need sudo "to install ${packages[*]}"
    as_root=(sudo)
fi

# Debian asks this file whether an installed service may start. The tests start their own, on ports of their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    trap '"${as_root[@]}" rm -f $policy' EXIT
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
    "${as_root[@]}" chmod +x $policy
fi

say "installing ${packages[*]}"
mkdir -p "$cache/debian/partial"
export DEBIAN_FRONTEND=noninteractive
# Another installation may be going on at the same time: wait for its lock.
apt=("${as_root[@]}" apt-get --quiet --quiet --yes -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
apt+=(-o "Dir::Cache::archives=$cache/debian" -o APT::Sandbox::User=root)
retry "${apt[@]}" update </dev/null >&2
retry "${apt[@]}" install --no-install-recommends "${packages[@]}" </dev/null >&2
