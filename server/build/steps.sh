#!/usr/bin/env bash
# steps.sh STEP…: does the steps one after another, and says before each what it is and how long is left.
# A step that was done here before is reckoned with the seconds that it took last time, else with those of a first
# time on two cores. Stops at the first that fails, names it, and exits with its code.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/paths.sh"
cd "$checkout"
# settings of the caller's own server are none of the tests'
unset RANKSCOPE_ADDRESS RANKSCOPE_CONFIG RANKSCOPE_DATA_DIR RANKSCOPE_DEVICE RANKSCOPE_JOBS RANKSCOPE_MEMORY_LIMIT
taken=$cache/steps
mkdir -p "$taken"

#    step           first time, s   what it is                                    the command
table() {
  cat <<TABLE
run-requirements|  20|checking what the build needs                        |server/build/requirements.sh run
test-requirements| 60|checking what the build and the tests need           |server/build/requirements.sh test
model           |  30|the default model (SmolLM2-135M-Instruct, 93 MB)     |server/build/model.sh
client          | 480|the pages, for the browser                           |server/build/client.sh
server          | 600|the program                                          |cargo build --locked -p rankscope
format          |   5|the format of the sources                            |cargo fmt --all --check
lint            | 300|clippy, warnings refused                             |server/build/lint.sh
rust-tests-build| 900|the program and its tests, built                     |cargo test --locked --workspace --no-run
rust-tests      | 300|unit and integration tests                           |env RANKSCOPE_REQUIRE_MODEL=1 cargo test --locked --workspace
api-fuzz        | 150|the API, by Schemathesis                             |server/build/api_fuzz.sh
browser-tests   | 420|the pages in a real browser                          |server/build/browser_tests.sh
TABLE
}
field() { table | awk -F'|' -v step="$1" -v column="$2" '{name = $1; gsub(/ /, "", name)} name == step {gsub(/^ +| +$/, "", $column); print $column}'; }
expected() { if [ -s "$taken/$1" ]; then cat "$taken/$1"; else field "$1" 2; fi; }
in_words() { if [ "$1" -lt 90 ]; then echo "$1 s"; else echo "$((($1 + 30) / 60)) min"; fi; }

steps=("$@")
number=0
for step in "${steps[@]}"; do
  command=$(field "$step" 4)
  [ -n "$command" ] || { echo "steps: there is no step '$step'" >&2; exit 2; }
  left=0
  for later in "${steps[@]:number}"; do left=$((left + $(expected "$later"))); done
  number=$((number + 1))
  say "[$number/${#steps[@]}] $(field "$step" 3): about $(in_words "$(expected "$step")")$([ $number -eq ${#steps[@]} ] || echo ", $(in_words $left) to go in all")"
  started=$(date +%s)
  code=0
  # shellcheck disable=SC2086 # the table's commands are words
  $command >&2 </dev/null || code=$?
  if [ $code -ne 0 ]; then
    say "FAILED: $step ($(field "$step" 3)), exit code $code, after $(seconds_since "$started") s. Again, alone: $command"
    exit "$code"
  fi
  seconds_since "$started" >"$taken/$step"
done
