#!/bin/bash
# Debian's remunge drives Debian's munged, ours and a munged of no cost (munge_floor) in turn, on one machine in one run:
# rates, and CPU time of the daemon and of the client per credential.    tests/perf/munge.sh [BUILD] [SECONDS] [ROUNDS]
set -eu
build=$(realpath "${1:-build}") seconds=${2:-3} rounds=${3:-3} threads=8
ninja -C "$build" munged munge_floor > /dev/null
dir=$(mktemp -d /tmp/munge-perf.XXXXXX)
chmod 755 "$dir"
dd if=/dev/urandom of="$dir/key" bs=128 count=1 status=none
chmod 600 "$dir/key"
trap 'kill $(cat "$dir"/*.pid) 2>/dev/null; sleep 0.3; rm -rf "$dir"' EXIT

start() { # name binary argument...
    "${@:2}" 2> /dev/null &
    while ! [ -S "$dir/$1" ] || ! [ -s "$dir/$1.pid" ]; do sleep 0.05; done
}

guard() { # name binary
    start "$1" "$2" -F --key-file "$dir/key" --socket "$dir/$1" --pid-file "$dir/$1.pid" --seed-file "$dir/$1.seed" \
        --log-file "$dir/$1.log" --origin 127.0.0.1
}

# Nanoseconds on a CPU, of all threads: what /proc/PID/stat has is sampled by the tick.
daemon_ns() { awk '{ n += $1 } END { printf "%.0f", n }' "/proc/$(cat "$dir/$1.pid")"/task/*/schedstat; }

# Appends: rate, microseconds of CPU of the daemon and of the client per credential.
measure() { # name option
    local before after
    before=$(daemon_ns "$1")
    TIMEFORMAT='%U %S'
    { time /usr/bin/remunge -q -S "$dir/$1" -T $threads -D "$seconds" "$2" | head -1 > "$dir/rate"; } 2> "$dir/client"
    after=$(daemon_ns "$1")
    awk -v d=$((after - before)) -v s="$seconds" \
        '{ r = $1; getline; n = r * s; printf "%d %.1f %.1f\n", r, d / 1e3 / n, ($1 + $2) * 1e6 / n }' \
        "$dir/rate" "$dir/client" >> "$dir/$1$2.got"
}

median() { cut -d' ' -f"$2" "$1" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# Medians; the ratios are of neighbours in time, round by round, since other programs come and go on the machine.
report() { # what option name...
    local name
    for name in "${@:3}"; do
        paste -d' ' "$dir/debian$2.got" "$dir/$name$2.got" | awk '{ printf "%f %f\n", $4 / $1, $5 / $2 }' > "$dir/ratio"
        printf '%-14s %-7s %6d/s  daemon %5.1f us, client %5.1f us of CPU each  rate x %.2f, daemon CPU x %.2f\n' "$1" $name \
            $(for n in 1 2 3; do median "$dir/$name$2.got" $n; done) "$(median "$dir/ratio" 1)" "$(median "$dir/ratio" 2)"
    done
}

guard debian /usr/sbin/munged
guard ours "$build/munged"
start floor "$build/munge_floor" "$dir/floor" "$dir/floor.pid"
echo "$threads client threads, $rounds rounds of $seconds s each, median; $(nproc) CPUs, load $(cut -d' ' -f1 /proc/loadavg)"
for _ in $(seq "$rounds"); do
    for name in debian ours floor; do measure $name -e; done
    for name in debian ours; do measure $name -d; done
done
report encode -e debian ours floor
report encode+decode -d debian ours
