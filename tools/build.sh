#!/bin/sh
# Configures and builds one build folder: build.sh FOLDER release|test [meson options]
set -eu
folder=$1
kind=$2
shift 2
case "$kind" in
release) options="--buildtype=debugoptimized -Db_lto=false" ;;
test) options="--buildtype=debug -Doptimization=1 -Db_sanitize=address,undefined -Db_lundef=false" ;;
*) echo "build.sh: kind is release or test" >&2; exit 2 ;;
esac
[ -f "$folder/build.ninja" ] || meson setup "$folder" $options "$@" >"$folder.log" 2>&1 || {
    cat "$folder.log" >&2
    exit 1
}
rm -f "$folder.log"
ninja -C "$folder" --quiet
