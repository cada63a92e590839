#!/bin/bash
# Debian's remunge drives Debian's munged and ours in turn, on one machine in one run; prints rates, CPU time of the
# daemon per credential, and the ratios.    tests/perf/munge.sh [BUILD] [SECONDS] [ROUNDS]
set -eu
build=$(realpath "${1:-build}") seconds=${2:-3} rounds=${3:-3} threads=8
dir=$(mktemp -d /tmp/munge-perf.XXXXXX)
chmod 755 "$dir"
dd if=/dev/urandom of="$dir/key" bs=128 count=1 status=none
chmod 600 "$dir/key"
trap 'kill $(cat "$dir"/*.pid) 2>/dev/null; sleep 0.3; rm -rf "$dir"' EXIT

start() { # name binary
    "$2" -F --key-file "$dir/key" --socket "$dir/$1" --pid-file "$dir/$1.pid" --seed-file "$dir/$1.seed" \
        --log-file "$dir/$1.log" --origin 127.0.0.1 2>/dev/null &
    while ! [ -S "$dir/$1" ] || ! [ -s "$dir/$1.pid" ]; do sleep 0.05; done
}

ticks() { awk '{ print $14 + $15 }' "/proc/$(cat "$dir/$1.pid")/stat"; }

# Rate and microseconds of daemon CPU per credential.
measure() { # name options
    local name=$1 before after rate
    shift
    before=$(ticks "$name")
    rate=$(/usr/bin/remunge -q -S "$dir/$name" -T $threads -D "$seconds" "$@" | head -1)
    after=$(ticks "$name")
    echo "$rate" | awk -v t=$((after - before)) -v s="$seconds" -v hz="$(getconf CLK_TCK)" \
        '{ printf "%d %.1f\n", $1, t / hz * 1e6 / ($1 * s) }'
}

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

start debian /usr/sbin/munged
start ours "$build/munged"
echo "$threads client threads, $rounds rounds of $seconds s each, median; $(nproc) CPUs, load $(cut -d' ' -f1 /proc/loadavg)"
for what in "-e encode" "-d encode+decode"; do
    set -- $what
    for _ in $(seq "$rounds"); do
        for name in debian ours; do measure $name "$1" >> "$dir/$name$1"; done
    done
    for name in debian ours; do
        cut -d' ' -f1 "$dir/$name$1" | median > "$dir/rate.$name"
        cut -d' ' -f2 "$dir/$name$1" | median > "$dir/cpu.$name"
    done
    paste -d' ' "$dir"/rate.{debian,ours} "$dir"/cpu.{debian,ours} | awk -v what="$2" '{
        printf "%-14s debian %6d/s %5.1f us CPU each   ours %6d/s %5.1f us CPU each   rate x %.2f, CPU x %.2f\n",
            what, $1, $3, $2, $4, $2 / $1, $4 / $3 }'
done
