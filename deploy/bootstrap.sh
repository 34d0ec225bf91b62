#!/bin/sh
# Makes .venv as requirements.lock says; with the argument `servers` also installs what the local servers need, with
# `tests` the browser of the tests too.
# Does nothing, quickly, when all of that is there already. Needs Python 3.11 or newer, and apt for the rest.
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }

as_root() { # run a command as root, or say what to type
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1 && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
        say "sudo $*"
        sudo "$@"
    else
        say "This needs root, and there is no sudo to ask. Please run as root, then try again:"
        say "    $*"
        exit 1
    fi
}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11; do
        if is_new_enough "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    say "No Python 3.11 or newer on PATH. On Debian 12 or Ubuntu 24.04 and newer: apt-get install python3"
    exit 1
}

make_environment() {
    python=$(find_python)
    if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        say "Installing the venv module of Python $version ..."
        as_root sh deploy/apt_install.sh "python$version-venv"
    fi
    say "Making .venv with $python ..."
    "$python" -m venv --clear .venv
}

# uv does not read pip's configuration: a mirror, or a certificate that only this machine knows.
use_pips_settings() {
    index=${PIP_INDEX_URL:-$(.venv/bin/python -m pip config get global.index-url 2>/dev/null || true)}
    [ -z "$index" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"
    [ ! -e /etc/ssl/certs/ca-certificates.crt ] || export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}"
}

# uv at the version and with the hashes of the lock; uv then installs the rest.
sync_environment() {
    wanted=$(sha256sum requirements.lock sdk/python/pyproject.toml)
    [ "$(cat .venv/synced 2>/dev/null)" != "$wanted" ] || return 0
    say "Installing the packages of requirements.lock ..."
    use_pips_settings
    awk '/^[a-z]/ { ours = /^uv==/ } ours' requirements.lock >.venv/uv.lock
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.lock
    .venv/bin/uv pip sync --quiet --python .venv/bin/python --require-hashes requirements.lock
    # The SDK from the checkout: `penstock` as people have it after installing it.
    .venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable sdk/python
    printf '%s' "$wanted" >.venv/synced
}

# RabbitMQ; the tests' browser; curl for the commands that `make run` prints, and because the bundled mongod needs its library.
install_servers() {
    missing=
    [ -e /usr/lib/rabbitmq/bin/rabbitmq-server ] || missing="$missing rabbitmq-server"
    command -v curl >/dev/null 2>&1 || missing="$missing curl"
    [ "$1" != tests ] || command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
    [ -n "$missing" ] || return 0
    say "Installing$missing ..."
    # shellcheck disable=SC2086 # one word per package
    as_root sh deploy/apt_install.sh $missing
}

# One at a time: `make run` and `make test` may be started together.
exec 9<requirements.lock
flock 9

{ is_new_enough .venv/bin/python && [ -e .venv/bin/pip ]; } || make_environment
sync_environment
[ -z "${1:-}" ] || install_servers "$1"
