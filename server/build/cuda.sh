#!/usr/bin/env bash
# cuda.sh [ARGUMENTS OF cargo build]: the program with CUDA, in a target folder of its own; prints where it is.
# cuda.sh test [ARGUMENTS OF cargo test]: the engine's tests on a GPU, which must be there.
# Neither a GPU nor a driver is needed to build or to start it; CUDA_COMPUTE_CAP names the least GPU that it is for (80: Ampere).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/paths.sh"
. "$here/cuda_toolkit.sh"
cd "$checkout"
started=$(date +%s)
target=$CARGO_TARGET_DIR-cuda

for tool in cc ar python3 flock; do
  command -v "$tool" >/dev/null || { echo "cuda: there is no $tool; as root: apt-get install build-essential python3-pip util-linux" >&2; exit 1; }
done
cuda_toolkit
header=$CUDA_HOME/include/cuda.h
[ -f "$header" ] || { echo "cuda: $header is missing; install the whole toolkit, or unset CUDA_HOME and one is fetched" >&2; exit 1; }
stand_in=$target/driver-$(cat "$header" "$here/cuda_driver.sh" | sha256sum | cut -c1-12)
[ -f "$stand_in/libcuda.so" ] || "$here/cuda_driver.sh" "$header" "$stand_in"

# without it, the one of the GPU that is here; kernels for 8.0 run on every later GPU too, and bf16 begins there
if [ -z "${CUDA_COMPUTE_CAP:-}" ]; then
  CUDA_COMPUTE_CAP=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | tr -d '. ' | sort -n | head -n1 || true)
  [[ $CUDA_COMPUTE_CAP =~ ^[0-9]+$ ]] || CUDA_COMPUTE_CAP=80
fi
export CUDA_COMPUTE_CAP CUDAFORGE_THREADS=${CUDAFORGE_THREADS:-2}

if [ "${1:-}" = test ]; then
  say "the engine's tests on a GPU"
  # in the environment, so that nothing but the tests is linked anew
  exec env RANKSCOPE_REQUIRE_GPU=1 "LIBRARY_PATH=$stand_in${LIBRARY_PATH:+:$LIBRARY_PATH}" "LD_LIBRARY_PATH=$cuda_libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" \
    cargo test --locked -p rankscope-engine --features cuda --target-dir "$target" --test candle_operations "${@:2}"
fi
say "building the program with CUDA for GPUs from compute capability $CUDA_COMPUTE_CAP on, into $target (about 25 minutes the first time on two cores, most of it candle's kernels)"
cargo rustc --locked -p rankscope --bin rankscope --features cuda --target-dir "$target" "$@" -- \
  -L "native=$stand_in" -C "link-arg=-Wl,-rpath,$cuda_libraries"
profile=debug
[[ " $* " != *' --release '* ]] || profile=release
program=$target/$profile/rankscope
"$program" --version >&2
say "the program with CUDA: $(($(stat -c %s "$program") / 1024 / 1024)) MB ($(seconds_since "$started") s); it takes CUDA's libraries from $cuda_libraries"
echo "$program"
