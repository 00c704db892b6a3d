#!/usr/bin/env bash
# wasm_kit.sh SYSROOT VERSION KIT: lays out Debian's rustc for wasm in the folder KIT, laid out as rustc expects.
# Packages are fetched and unpacked, never installed, so neither root nor a change of the machine's Rust is needed.
# A process of its own and not a function, since `set -e` does not hold in a function called from an `if`.
set -euo pipefail

sysroot=$1 version=$2 kit=$3
host=x86_64-unknown-linux-gnu
target=wasm32-unknown-unknown

[ "$(uname -m)" = x86_64 ] || { echo "wasm kit: made for x86_64, this is $(uname -m). Run: rustup target add $target" >&2; exit 1; }
mkdir -p "$(dirname "$kit")"
exec 9>"$kit.lock"
flock 9 # two builds at once: the second waits, then finds it complete
[ ! -e "$kit/complete" ] || exit 0
rm -rf "$kit" "$kit".work.*
work=$(mktemp -d "$kit.work.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"

# Ask apt, in a simulation, for what an installation would need here, libraries included; then only fetch that.
library=libstd-rust-web-$(cut -d. -f1,2 <<<"$version")
llvm=$(apt-cache depends "$library" | grep -om1 'libllvm[0-9]*')
mapfile -t packages < <(apt-get install --simulate --no-install-recommends --reinstall \
  rustc-web rust-web-src libstd-rust-web-dev "$library" "$llvm" "lld-${llvm#libllvm}" | awk '/^Inst/ {print $2}')
apt-get -qq -o APT::Sandbox::User=root download "${packages[@]}" >&2 # or it warns that its own user can't read our folder
mkdir unpacked
for package in *.deb; do
  case $package in
  rust-web-src_*) dpkg --fsys-tarfile "$package" | tar -x -C unpacked --wildcards './usr/src/rustc-*/library' ;; # the rest is large
  *) dpkg -x "$package" unpacked ;;
  esac
  rm "$package"
done

mkdir -p "$kit"/{bin,libexec,lib/rustlib/src/rust} "$kit/lib/rustlib/$host/bin"
find unpacked -path '*/x86_64-linux-gnu/*.so*' -exec cp -a -t "$kit/lib" {} +
mv "unpacked/usr/lib/rustlib/$host/lib" "$kit/lib/rustlib/$host/lib"
source=$kit/lib/rustlib/src/rust/library
mv unpacked/usr/src/rustc-*/library "$source"
for tool in rustc rustdoc; do
  mv "unpacked/usr/bin/$tool" "$kit/libexec/$tool"
  cat >"$kit/bin/$tool" <<WRAPPER
#!/bin/sh
LD_LIBRARY_PATH="$kit/lib\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}" exec "$kit/libexec/$tool" "\$@"
WRAPPER
  chmod 755 "$kit/bin/$tool"
done
lld=$sysroot/lib/rustlib/$host/bin/rust-lld # rustup brings a linker for wasm; a Rust from elsewhere may not
if [ -x "$lld" ]; then
  ln -s "$lld" "$kit/lib/rustlib/$host/bin/rust-lld"
else
  cp unpacked/usr/lib/llvm-*/bin/lld "$kit/lib/rustlib/$host/bin/rust-lld"
fi

# The standard library for wasm, in the way in which rustc's own build makes it. No path of this machine goes into it.
flags=(-Zforce-unstable-if-unmarked -Cembed-bitcode=yes
  "--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo" "--remap-path-prefix=$work/target=/target" "--remap-path-prefix=$kit/lib/rustlib/src/rust=/rustc/$version")
encoded_flags=$(printf '%s\x1f' "${flags[@]}")
cd "$source"
env RUSTC_BOOTSTRAP=1 "RUSTC=$kit/bin/rustc" RUSTC_WRAPPER= CARGO_BUILD_RUSTC_WRAPPER= __CARGO_DEFAULT_LIB_METADATA=rankscope \
  "CARGO_TARGET_DIR=$work/target" "CARGO_ENCODED_RUSTFLAGS=${encoded_flags%$'\x1f'}" \
  CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 CARGO_PROFILE_RELEASE_DEBUG=0 \
  cargo build --quiet --locked --release --target "$target" --manifest-path sysroot/Cargo.toml --features panic-unwind,backtrace >&2
mkdir -p "$kit/lib/rustlib/$target/lib"
cp "$work/target/$target"/release/deps/*.rlib "$kit/lib/rustlib/$target/lib/"
rm -rf "$kit/lib/rustlib/src"
# Written last, it says that all is there; what it holds names this very build of the standard library.
cat "$kit/lib/rustlib/$target"/lib/lib{core,std}-*.rlib | sha256sum | cut -c1-16 >"$work/id"
mv "$work/id" "$kit/complete"
