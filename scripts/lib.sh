# shellcheck shell=bash
# What the scripts have in common: where the project is, which Node it uses, and one way to run a step.
# To be sourced by a bash script that has `set -euo pipefail`.

ROOT=${BASH_SOURCE[0]%/*}
ROOT=$(cd -P -- "$ROOT/.." && pwd)
cd -- "$ROOT"

# The project's own tools go first: .node/bin is what scripts/setup fetched when the machine's Node is too old,
# build/bin is where it puts a link to a bpftool that Ubuntu hides from the PATH.
PATH=$ROOT/.node/bin:$ROOT/build/bin:$PATH:/usr/sbin:/sbin
export PATH
# Nobody wants to hear of a newer npm while a demo is being set up.
export NPM_CONFIG_UPDATE_NOTIFIER=false

SCRIPT=${0##*/}

# fail WHAT-WAS-BEING-DONE WHAT-FAILED WHAT-TO-DO
fail() {
  printf '%s: %s failed: %s\n  What to do: %s\n' "$SCRIPT" "$1" "$2" "$3" >&2
  exit 1
}

# microseconds, without starting a process (the separator of EPOCHREALTIME depends on the locale)
now_us() { NOW_US=${EPOCHREALTIME//[!0-9]/}; }

# seconds_since MICROSECONDS: sets SECONDS_SINCE to "12.3 s"
seconds_since() {
  now_us
  local ms=$(((NOW_US - $1) / 1000))
  printf -v SECONDS_SINCE '%d.%02d s' $((ms / 1000)) $((ms % 1000 / 10))
}

# step WHAT WHAT-TO-DO-WHEN-IT-FAILS COMMAND...
# Runs the command with its output in build/log/, and says in one line what was done and how long it took. When
# it fails, the end of its output is shown. Call it as a statement of its own, never in a condition: bash
# ignores `set -e` in there, and a function given as COMMAND would run on after an error.
step() {
  local what=$1 advice=$2 started code log
  shift 2
  now_us
  started=$NOW_US
  mkdir -p "$ROOT/build/log"
  log="$ROOT/build/log/$SCRIPT-${what//[^A-Za-z0-9]/-}.log"
  printf '%s: %s ... ' "$SCRIPT" "$what"
  set +e
  (
    set -e
    "$@"
  ) >"$log" 2>&1 </dev/null
  code=$?
  set -e
  seconds_since "$started"
  if ((code != 0)); then
    printf 'failed after %s\n' "$SECONDS_SINCE"
    printf -- '--- the end of %s\n' "${log#"$ROOT/"}" >&2
    tail -n 40 -- "$log" >&2
    printf -- '---\n' >&2
    fail "$what" "exit status $code" "$advice"
  fi
  printf '%s\n' "$SECONDS_SINCE"
}

# hold_lock NAME: one such script at a time in this tree; the kernel releases the lock when the script ends
hold_lock() {
  { mkdir -p "$ROOT/build" && : >>"$ROOT/build/$1.lock"; } ||
    fail "opening build/$1.lock" "it cannot be written, see above" "run as the user who owns this tree"
  exec {LOCK_FD}>"$ROOT/build/$1.lock"
  flock --nonblock "$LOCK_FD" && return
  printf '%s: waiting for another run in this tree to end\n' "$SCRIPT"
  flock --timeout 1800 "$LOCK_FD" ||
    fail "waiting for build/$1.lock" "another run has held it for 30 minutes" "see with 'fuser build/$1.lock' which process that is"
}

# node_version COMMAND: sets NODE_VERSION (without the v), empty when the command does not run
node_version() {
  # A missing node and one for another processor are both answers here, not errors.
  NODE_VERSION=$("$1" --version 2>/dev/null) || NODE_VERSION=
  NODE_VERSION=${NODE_VERSION#v}
}

# The floor of package.json's "engines": Node 22.18 runs TypeScript sources without a flag.
node_is_new_enough() {
  local major minor rest
  IFS=. read -r major minor rest <<<"$NODE_VERSION"
  [[ -n ${rest:-} ]] && ((major > 22 || (major == 22 && minor >= 18)))
}

# require_node: for scripts that do not install anything themselves
require_node() {
  node_version node
  node_is_new_enough ||
    fail "looking for Node 22.18 or newer" "${NODE_VERSION:-none} was found" "run ./scripts/setup, which fetches one into .node/"
  [[ -d $ROOT/node_modules/esbuild ]] ||
    fail "looking for the libraries" "node_modules/ is not there" "run ./scripts/setup"
}
