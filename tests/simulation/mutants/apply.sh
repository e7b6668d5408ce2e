#!/bin/sh
# apply.sh SOURCE_DIR PATCH OUTPUT_DIR FILE...: copies the files and changes them as the patch says. Fails when it does not fit.
set -eu
source=$1 patch=$2 output=$3
shift 3
rm -rf "$output/src" "$output/tests"
for file in "$@"; do
  mkdir -p "$output/$(dirname "$file")"
  cp "$source/$file" "$output/$file"
done
patch --directory="$output" --strip=1 --no-backup-if-mismatch --quiet <"$patch"
