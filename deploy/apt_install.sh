#!/bin/sh
# Installs Debian packages, as root, without leaving a system service running or enabled.
set -eu

policy=/usr/sbin/policy-rc.d
kept=$policy.before-penstock
units="rabbitmq-server.service epmd.service epmd.socket"

# invoke-rc.d(8): a policy-rc.d that exits 101 keeps packages from starting their services.
restore() {
    rm -f "$policy"
    [ ! -e "$kept" ] || mv "$kept" "$policy"
}
[ -e "$kept" ] || [ ! -e "$policy" ] || mv "$policy" "$kept"
trap restore EXIT
trap 'exit 1' HUP INT TERM
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"

# What was there before, enabled or not, is not ours to change.
known=
for unit in $units; do
    if [ -e "/lib/systemd/system/$unit" ]; then known="$known $unit"; fi
done

export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "$@" >/dev/null

# Not started is not enough: the packages enable their services for the next boot.
for unit in $units; do
    case " $known " in *" $unit "*) continue ;; esac
    [ -e "/lib/systemd/system/$unit" ] || continue
    if command -v systemctl >/dev/null 2>&1; then systemctl disable --quiet "$unit" 2>/dev/null || true; fi
    name=${unit%.service}
    if [ -e "/etc/init.d/$name" ]; then update-rc.d "$name" disable >/dev/null 2>&1 || true; fi
done
