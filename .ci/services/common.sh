# Shared by the installers beside it: where things go, trying again, and saying what happens.
# shellcheck shell=bash

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/tracecheck-ci
mkdir -p "$cache"

say() { printf '[services] %s\n' "$*" >&2; }

# retry COMMAND...: registries fail now and then; three tries, 5 and 10 seconds apart.
retry() {
    local try
    for try in 1 2 3; do
        "$@" && return
        if [ "$try" = 3 ]; then break; fi
        say "failed, trying again in $((try * 5)) s: $*"
        sleep $((try * 5))
    done
    say "gave up after 3 tries: $*"
    return 1
}

# current FOLDER FILE...: whether FOLDER was installed from exactly these files.
current() { [ "$(cat "$1/installed-from" 2>/dev/null)" = "$(fingerprint "${@:2}")" ]; }

# publish NEW FOLDER FILE...: put what was made in NEW in FOLDER's place, once it is complete.
publish() {
    fingerprint "${@:3}" >"$1/installed-from"
    rm -rf "$2"
    mv "$1" "$2"
}

fingerprint() { cat "$@" | sha256sum | cut -d' ' -f1; }

# need PROGRAM WHAT_FOR
need() {
    command -v "$1" >/dev/null && return
    say "$1 was not found; it is needed $2: install it and run this again"
    return 1
}
