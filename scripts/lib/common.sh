# Shared by the scripts beside this folder; sourced, never run.
# shellcheck shell=bash disable=SC2034 # the variables are for scripts that source this
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# What the one process is linked with, and what all of it is.
SOUK_PACKAGES=(libsqlite3-dev libargon2-dev zlib1g-dev)
BUILD_PACKAGES=("${SOUK_PACKAGES[@]}" libpq-dev libhiredis-dev librdkafka-dev librabbitmq-dev)
SERVER_PACKAGES=(postgresql redis-server rabbitmq-server openssl)

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
die() {
    printf 'error: %s\n' "$1" >&2
    exit "${2:-1}"
}

# Prints the comment block at the top of the calling script: that is its help.
help() { sed -n '2,/^$/{s/^# \{0,1\}//;p}' "$0"; }

# install_packages NAME…: installs the Debian packages that are missing.
install_packages() {
    local missing=() name
    for name in "$@"; do
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || die "these packages are missing and there is no apt-get: ${missing[*]}"
    local sudo=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || die "these packages are missing and only root can install them: ${missing[*]}"
        sudo=(sudo)
    fi
    say "installing ${missing[*]}"
    "${sudo[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# python_packages: installs the pinned packages of tests and linters into .build/venv, unless they are there.
python_packages() {
    local venv=$ROOT/.build/venv files=("$ROOT/cmd/souk/tests/requirements.txt" "$ROOT/scripts/lib/lint/requirements.txt")
    ! cat "${files[@]}" | cmp -s - "$venv/requirements.txt" || return 0
    install_packages python3 python3-venv
    say "installing the Python packages of tests and linters"
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "${files[@]/#/--requirement=}"
    cat "${files[@]}" >"$venv/requirements.txt"
}

need_swift() {
    command -v swift >/dev/null || die "swift isn't on the PATH; Souk needs a Swift 6.3 toolchain (https://swift.org/install)"
}

# build CONFIGURATION PRODUCT…: builds them and prints the paths of the executables, a line each.
build() {
    local configuration=$1 product folder
    shift
    need_swift
    cd "$ROOT"
    if [ -d .build/checkouts ]; then
        say "building $* ($configuration)"
    else
        say "building $* ($configuration) for the first time: about 5 to 8 minutes on two cores, more for a release"
    fi
    # One by one: without a product everything is built, and that includes the protobuf compiler, which nothing needs.
    for product in "$@"; do swift build --configuration "$configuration" --product "$product" >&2; done
    folder=$(swift build --configuration "$configuration" --show-bin-path)
    printf "$folder/%s\n" "$@"
}

# random_secret FILE: writes a password that nobody has seen, unless the file is there already.
random_secret() {
    [ -s "$1" ] || (umask 077 && head -c 18 /dev/urandom | base64 | tr '+/' '-_' >"$1")
}

# wait_ready URL PID SECONDS: until the server answers, its process ends, or the time is up.
wait_ready() {
    local until=$((SECONDS + $3))
    while ! curl -fsS -o /dev/null --max-time 2 "$1/readyz" 2>/dev/null; do
        kill -0 "$2" 2>/dev/null || return 1
        [ $SECONDS -lt $until ] || return 1
        sleep 0.1
    done
}
