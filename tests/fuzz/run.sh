#!/bin/sh
# Searches for inputs that break a fuzz target: tests/fuzz/run.sh TARGET SECONDS
# What it finds lies in the current directory as crash-*; add it to tests/fuzz/corpus/TARGET once fixed.
set -eu
[ $# -eq 2 ] || { echo "usage: $0 TARGET SECONDS" >&2; exit 2; }
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$root/build-fuzz

# Linking with -fsanitize=fuzzer would bring a second main; replay.c calls this driver where it is there.
driver=$(clang -print-runtime-dir)/libclang_rt.fuzzer_no_main-$(uname -m).a

[ -f "$build/build.ninja" ] || CC=clang meson setup "$build" "$root" -Dwerror=false \
    -Db_sanitize=address,undefined -Db_lundef=false -Dc_args=-fsanitize=fuzzer-no-link \
    -Dc_link_args="-Wl,-u,LLVMFuzzerRunDriver $driver -lstdc++ -lm"
ninja -C "$build" -j2 "replay_$1"

found=$(mktemp -d)
trap 'rm -r "$found"' EXIT
"$build/replay_$1" -max_total_time="$2" -max_len=65536 "$found" "$root/tests/fuzz/corpus/$1"
