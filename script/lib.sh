# Shared by the scripts in this folder. Sourced with `set -euo pipefail` in force; leaves the shell in the repository's root.
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# What each compiler process may need, in MiB; decides how many run side by side.
memory_per_job=1200

# A line for the person who waits.
say() { printf '%s\n' "$*" >&2; }

fail() {
  say "error: $*"
  exit 1
}

parallel_jobs() {
  local by_memory
  by_memory=$(($(awk '/MemAvailable/ { print int($2 / 1024) }' /proc/meminfo) / memory_per_job))
  local cores
  cores=$(nproc)
  echo $((by_memory < 1 ? 1 : by_memory < cores ? by_memory : cores))
}

# build PRESET [TARGET...]: configures once, then builds the targets (all of them without).
build() {
  local preset=$1
  shift
  cmake --preset "$preset" >"build/$preset.configure.log" 2>&1 || {
    tail -n 20 "build/$preset.configure.log" >&2
    fail "cmake could not configure preset $preset (whole output: build/$preset.configure.log)."
  }
  ninja -C "build/$preset" -j "$(parallel_jobs)" "$@"
}
mkdir -p build
