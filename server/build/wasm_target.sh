# shellcheck shell=bash
# Source me and call `wasm_target`: afterwards "${wasm_env[@]}" cargo build --target wasm32-unknown-unknown works.
#
# Three ways, the first that holds: the target is installed; rustup adds it (RUSTUP_AUTO_INSTALL=0 forbids that);
# or Debian's own compiler, unpacked into a folder in the cache, with the target's standard library built there once.

wasm_env=(env)
wasm_std=rustup        # names the standard library that the client is built on
wasm_least_rustc=1.90 # as in Cargo.toml

wasm_target() {
  local sysroot
  sysroot=$(rustc --print sysroot) || { echo 'client: there is no rustc. Install Rust: https://rustup.rs' >&2; return 1; }
  if compgen -G "$sysroot/lib/rustlib/wasm32-unknown-unknown/lib/libcore-*.rlib" >/dev/null; then return; fi
  if [ "${RUSTUP_AUTO_INSTALL:-1}" != 0 ] && command -v rustup >/dev/null; then
    say 'adding the wasm target with rustup (a few seconds)'
    if timeout 300 rustup target add wasm32-unknown-unknown; then return; fi
    echo 'client: rustup could not add it; trying the compiler that Debian packages' >&2
  fi
  wasm_target_from_debian "$sysroot"
}

wasm_target_from_debian() {
  local sysroot=$1 version kit tool
  for tool in apt-get apt-cache dpkg flock; do
    command -v "$tool" >/dev/null || { echo "client: no wasm target, and no $tool to take one from Debian. Run: rustup target add wasm32-unknown-unknown" >&2; return 1; }
  done
  # a fresh machine's package lists may be empty, or as old as its image
  if ! debian_suffices && [ "$(id -u)" = 0 ]; then apt-get -qq update >&2 || true; fi
  version=$(debian_candidate)
  debian_suffices || {
    echo "client: Debian's rust-web-src is ${version:-not in the package lists}, and we need $wasm_least_rustc. Run: apt-get update, or: rustup target add wasm32-unknown-unknown" >&2
    return 1
  }
  kit=${XDG_CACHE_HOME:-$HOME/.cache}/wasm-rust/$version
  if [ ! -e "$kit/complete" ]; then
    say "preparing Debian's Rust $version for wasm, once (138 MB to fetch, about 2 minutes)"
    bash "${BASH_SOURCE[0]%/*}/wasm_kit.sh" "$sysroot" "$version" "$kit" || { echo "client: Debian's compiler could not be prepared, see above" >&2; return 1; }
  fi
  wasm_env=(env "RUSTC=$kit/bin/rustc" "RUSTDOC=$kit/bin/rustdoc" RUSTC_WRAPPER= CARGO_BUILD_RUSTC_WRAPPER=)
  wasm_std=$(<"$kit/complete")
}

debian_candidate() { apt-cache policy rust-web-src 2>/dev/null | awk '/Candidate:/ && $2 != "(none)" {print $2}'; }

debian_suffices() { dpkg --compare-versions "$(debian_candidate || true)" ge "$wasm_least_rustc"; }

# wasm_target_dir DIR: cargo does not see that the standard library is another one (it ends in E0463), so start afresh.
wasm_target_dir() {
  [ "$(cat "$1/.wasm-std" 2>/dev/null)" = "$wasm_std" ] || rm -rf "$1"
  mkdir -p "$1"
  echo "$wasm_std" >"$1/.wasm-std"
}
