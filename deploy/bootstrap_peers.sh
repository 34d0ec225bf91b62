#!/bin/sh
# Makes .bench, the environment of the task queues that `make bench` measures beside ours, as their lock says.
set -eu
cd "$(dirname "$0")/.."

lock=tests/bench/peers/requirements.lock
exec 9<"$lock"
flock 9

wanted=$(sha256sum "$lock")
[ "$(cat .bench/synced 2>/dev/null)" != "$wanted" ] || exit 0
printf '%s\n' "Installing the task queues to compare with ..." >&2
.venv/bin/python -m venv --clear .bench
.bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock" || {
    # Without them ours is measured alone, rather than beside half of them.
    rm -rf .bench
    printf '%s\n' "The task queues to compare with cannot be had from the package registry." >&2
    exit 1
}
printf '%s' "$wanted" >.bench/synced
