#!/usr/bin/env bash
# lint.sh: clippy over everything, then over the pages as the browser gets them; a warning is an error.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/paths.sh"
cd "$checkout"
cargo clippy --locked --workspace --all-targets -- -D warnings
cargo clippy --locked -p rankscope-app --no-default-features --features hydrate -- -D warnings
