#!/usr/bin/env bash
# browser_tests.sh [ARGUMENTS OF PLAYWRIGHT]: the tests in end2end/ against the built program and client.
# Its packages are installed again only when their lock file has changed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/paths.sh"
cd "$checkout/end2end"
lock=$(sha256sum package-lock.json | cut -d' ' -f1)
if [ "$(cat node_modules/.installed 2>/dev/null)" != "$lock" ]; then
  PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund --loglevel=error
  echo "$lock" >node_modules/.installed
fi
node_modules/.bin/tsc --noEmit
# the program as `cargo test` builds it for its own tests: the same, and one build less
export RANKSCOPE_PROGRAM=${RANKSCOPE_PROGRAM:-$CARGO_TARGET_DIR/debug/rankscope-under-test} RANKSCOPE_SITE_DIR=$site
RANKSCOPE_DEFAULT_MODEL=${RANKSCOPE_DEFAULT_MODEL:-$("$here/model.sh")}
export RANKSCOPE_DEFAULT_MODEL
node_modules/.bin/playwright test "$@"
