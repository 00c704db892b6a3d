#!/usr/bin/env bash
# client.sh: builds what the browser loads into the site folder, and prints that folder.
#   pkg/rankscope.{js,wasm}  the pages compiled for the browser    pkg/rankscope.css  the style    and public/ as it is
# No cargo-leptos: three commands do it, and a fresh machine need not compile a build tool for half an hour.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/paths.sh"
. "$here/wasm_target.sh"
cd "$checkout"
profile=${RANKSCOPE_CLIENT_PROFILE:-client}
started=$(date +%s)

wasm_target
wasm_target_dir "$client_target"

bindgen_lock=$(cat "$here"/bindgen/Cargo.lock "$here"/bindgen/src/main.rs | sha256sum | cut -c1-12)
bindgen=$cache/bindgen/$bindgen_lock/rankscope-bindgen
if [ ! -x "$bindgen" ]; then
  say 'building wasm-bindgen, once (about 1 minute)'
  cargo build --quiet --locked --release --manifest-path "$here/bindgen/Cargo.toml" --target-dir "$cache/bindgen/target"
  mkdir -p "${bindgen%/*}"
  install "$cache/bindgen/target/release/rankscope-bindgen" "$bindgen.new.$$"
  mv "$bindgen.new.$$" "$bindgen"
  rm -rf "$cache/bindgen/target"
fi

say 'building the client (about 3 minutes the first time, seconds after a change)'
"${wasm_env[@]}" cargo build --locked -p rankscope-app --lib --no-default-features --features hydrate \
  --target wasm32-unknown-unknown --target-dir "$client_target" --profile "$profile"
folder=$profile
[ "$profile" != dev ] || folder=debug
wasm=$client_target/wasm32-unknown-unknown/$folder/rankscope_app.wasm

mkdir -p "$site/pkg"
exec 9>"$site/.lock"
flock 9
if ! cmp -s "$wasm" "$site/.compiled.wasm"; then
  work=$(mktemp -d "$site/.new.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  "$bindgen" "$wasm" "$work" rankscope
  rm -rf "$site/pkg/snippets"
  [ ! -d "$work/snippets" ] || mv "$work/snippets" "$site/pkg/snippets"
  mv "$work/rankscope_bg.wasm" "$site/pkg/rankscope.wasm"
  mv "$work/rankscope.js" "$site/pkg/rankscope.js"
  cp "$wasm" "$site/.compiled.wasm"
fi
cp style/main.css "$site/pkg/rankscope.css"
cp -r public/. "$site/"
node "$here/precompress.mjs" "$site"
say "client: $(($(stat -c %s "$site/pkg/rankscope.wasm") / 1024)) KiB of wasm in $site ($(seconds_since "$started") s)"
echo "$site"
