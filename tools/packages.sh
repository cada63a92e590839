#!/bin/sh
# Installs the Debian packages that a purpose needs and that are missing: packages.sh build|test|perf
# Asks for sudo when not root; says plainly what is missing when it cannot.
set -eu

build="gcc meson ninja-build pkg-config libc6-dev libssl-dev nettle-dev liburing-dev libsqlite3-dev libmariadb-dev zlib1g-dev
libbz2-dev libcmocka-dev libjansson-dev libpmix-dev python3 python3-pytest"
# What tests run us against; without them these tests are skipped.
beside="munge libmunge-dev mariadb-server mpich libmpich-dev openmpi-bin libopenmpi-dev user-mode-linux busybox-static"
perf="slurmctld slurmd slurmdbd slurm-client libslurm-dev munge mariadb-server"

missing() {
    for p in "$@"; do
        state=$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null || true)
        [ "$state" = installed ] || printf ' %s' "$p"
    done
}

purpose=${1:-build}
also=
case "$purpose" in
build) need=$(missing $build) ;;
test) need=$(missing $build) also=$(missing $beside) ;;
perf) need=$(missing $build $perf) ;;
*) echo "usage: packages.sh build|test|perf" >&2; exit 2 ;;
esac
[ -n "$need$also" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    sudo=
elif command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    sudo=sudo
elif [ -z "$need" ]; then
    echo "Tests that need these Debian packages are skipped:$also" >&2
    exit 0
else
    echo "These Debian packages are missing:$need" >&2
    echo "Install them as root and come back:  apt-get install$need" >&2
    exit 1
fi
echo "Installing:$need$also"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -q >/dev/null
policy=/usr/sbin/policy-rc.d # Debian's daemons are only compared with: installing must not start them
if [ "$purpose" != build ] && [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | $sudo install -m 755 /dev/stdin $policy
    trap '$sudo rm -f $policy' EXIT
fi
[ -z "$need" ] || $sudo apt-get install -q -y --no-install-recommends $need >/dev/null
[ -z "$also" ] || $sudo apt-get install -q -y --no-install-recommends $also >/dev/null ||
    echo "Tests that need these Debian packages are skipped:$also" >&2
