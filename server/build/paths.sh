# shellcheck shell=bash
# Source me: where everything that is built or fetched lies. Nothing of it is ever in the checkout.

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/rankscope
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$cache/target}
# one client and one site a checkout, so that two checkouts never serve each other's pages
checkout_key=$(printf %s "$checkout" | sha256sum | cut -c1-8)
# shellcheck disable=SC2034 # for those who source this file
client_target=$CARGO_TARGET_DIR-client
# shellcheck disable=SC2034
site=${RANKSCOPE_SITE_DIR:-$cache/site/$checkout_key}
# shellcheck disable=SC2034
models=${RANKSCOPE_MODELS_DIR:-$cache/models}

# say TEXT: what is being done, set off from the output of the tools.
say() { printf '\033[1m== %s\033[0m\n' "$*" >&2; }

# seconds_since START: for lines that say how long a step took.
seconds_since() { echo $(($(date +%s) - $1)); }
