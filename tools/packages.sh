#!/bin/sh
# Installs the Debian packages that a purpose needs and that are missing: packages.sh build|perf
# Asks for sudo when not root; says plainly what is missing when it cannot.
set -eu

build="gcc meson ninja-build pkg-config libc6-dev libssl-dev nettle-dev liburing-dev libsqlite3-dev libmariadb-dev zlib1g-dev
libbz2-dev libcmocka-dev libjansson-dev libpmix-dev python3 python3-pytest"
perf="$build slurmctld slurmd slurmdbd slurm-client libslurm-dev munge mariadb-server"

set -- "${1:-build}"
case "$1" in
build) wanted=$build ;;
perf) wanted=$perf ;;
*) echo "usage: packages.sh build|perf" >&2; exit 2 ;;
esac

missing=
for p in $wanted; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $p"
done
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ]; then
    sudo=
elif command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    sudo=sudo
else
    echo "These Debian packages are missing:$missing" >&2
    echo "Install them as root and come back:  apt-get install$missing" >&2
    exit 1
fi
echo "Installing:$missing"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -q >/dev/null
policy=/usr/sbin/policy-rc.d # Debian's daemons are only measured: installing must not start them
if [ "$1" = perf ] && [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | $sudo install -m 755 /dev/stdin $policy
    trap '$sudo rm -f $policy' EXIT
fi
$sudo apt-get install -q -y --no-install-recommends $missing >/dev/null
