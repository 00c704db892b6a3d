#!/usr/bin/env bash
# run.sh [ARGUMENTS OF serve]: what is missing is fetched and built, then the pages are served.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/paths.sh"
"$here/steps.sh" run-requirements model client server
say 'serving; the address is below, Ctrl-C ends it'
exec "$CARGO_TARGET_DIR/debug/rankscope" serve --site-dir "$site" "$@"
