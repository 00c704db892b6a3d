#!/usr/bin/env bash
# requirements.sh run|test: what must be on the machine. As root on a Debian it installs what is missing, otherwise it
# says the one line to type. (CHROMIUM names another browser for the tests.)
set -euo pipefail
what=${1:-run}
packages=()
problems=()

need() { command -v "$1" >/dev/null || packages+=("$2"); }

# version_at_least LEAST FOUND
version_at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n1)" = "$1" ]; }

if ! command -v cargo >/dev/null; then
  problems+=('Rust is missing: https://rustup.rs (or put ~/.cargo/bin on the PATH)')
else
  rust=$(rustc --version | cut -d' ' -f2)
  version_at_least 1.90 "$rust" || problems+=("Rust is $rust, and 1.90 is needed: rustup update stable")
fi
need cc build-essential # SQLite is C
need python3 python3
command -v python3 >/dev/null && python3 -m pip --version >/dev/null 2>&1 || packages+=(python3-pip)
need node nodejs
need npm npm
need flock util-linux
if [ "$what" = test ] && [ ! -x "${CHROMIUM:-/usr/bin/chromium}" ]; then
  if [ -n "${CHROMIUM:-}" ]; then problems+=("CHROMIUM=$CHROMIUM is not a program"); else packages+=(chromium); fi
fi

if [ ${#packages[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing ${packages[*]}" >&2
    apt-get -qq update >&2 || true
    DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends -y "${packages[@]}" </dev/null >&2 ||
      problems+=("apt-get could not install ${packages[*]}")
  else
    problems+=("missing: ${packages[*]}. Run: sudo apt-get install ${packages[*]}")
  fi
fi
if command -v node >/dev/null; then
  node=$(node --version | tr -d v)
  version_at_least 18.17 "$node" || problems+=("Node is $node, and 18.17 is needed: https://nodejs.org")
fi
# the build's own folders, the model and a study: about 8 GB
free=$(df --output=avail -k "${XDG_CACHE_HOME:-$HOME}" 2>/dev/null | tail -n1 || echo 99999999)
[ "$free" -gt 8000000 ] || echo "note: $((free / 1024 / 1024)) GB are free where ${XDG_CACHE_HOME:-$HOME} lies; a first build takes about 8" >&2

if [ ${#problems[@]} -gt 0 ]; then
  printf 'requirements: %s\n' "${problems[@]}" >&2
  exit 1
fi
