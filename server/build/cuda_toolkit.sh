# shellcheck shell=bash
# Source me and call `cuda_toolkit`: afterwards CUDA_HOME, CUDA_PATH, NVCC and PATH name a toolkit, and cuda_libraries its libraries' folder.
#
# Two ways, the first that holds: a toolkit is installed (CUDA_HOME, CUDA_PATH, or nvcc on the PATH); or NVIDIA's Python packages, pinned
# and checked in cuda_toolkit.txt, are laid out in the cache as a toolkit is.

cuda_toolkit() {
  local home=${CUDA_HOME:-${CUDA_PATH:-}} nvcc
  if [ -n "$home" ] && [ ! -x "$home/bin/nvcc" ]; then
    echo "cuda: CUDA_HOME=$home has no bin/nvcc. Name a toolkit's folder, or unset it and one is fetched" >&2
    return 1
  fi
  if [ -z "$home" ] && nvcc=$(command -v nvcc); then
    home=$(dirname "$(dirname "$(readlink -f "$nvcc")")")
  fi
  if [ -z "$home" ]; then
    cuda_toolkit_from_packages || return 1
    home=$cuda_fetched
  else
    say "the CUDA toolkit in $home"
  fi
  export CUDA_HOME=$home CUDA_PATH=$home NVCC=$home/bin/nvcc PATH=$home/bin:$PATH
  local folder
  for folder in lib64 targets/x86_64-linux/lib lib/x86_64-linux-gnu lib; do
    # shellcheck disable=SC2034 # for those who source this file
    if compgen -G "$home/$folder/libcublas.so*" >/dev/null; then cuda_libraries=$home/$folder && return; fi
  done
  echo "cuda: there is no libcublas.so in $home. Install the whole toolkit (cuBLAS, cuRAND, NVRTC), or unset CUDA_HOME and one is fetched" >&2
  return 1
}

cuda_toolkit_from_packages() {
  local list=$checkout/server/build/cuda_toolkit.txt kit work library file
  [ "$(uname -sm)" = 'Linux x86_64' ] || { echo "cuda: packages are known for x86_64 Linux alone, this is $(uname -sm). Install NVIDIA's CUDA toolkit, and set CUDA_HOME" >&2; return 1; }
  kit=$cache/cuda/$(sha256sum "$list" | cut -c1-12)
  cuda_fetched=$kit/nvidia/cu13
  mkdir -p "$cache/cuda"
  exec 8>"$kit.lock"
  flock 8 # two builds at once: the second waits, then finds it complete
  if [ -e "$kit/complete" ]; then
    exec 8>&- # or what is started later would hold the lock as long as it runs
    return
  fi
  say "fetching NVIDIA's CUDA 13.0 toolkit, once (675 MB, 1.2 GB unpacked; about 2 minutes), into $kit"
  rm -rf "$kit" "$kit".work.*
  work=$(mktemp -d "$kit.work.XXXXXX")
  python3 -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-deps --only-binary :all: --require-hashes \
    --target "$work" --requirement "$list" >&2 ||
    { echo "cuda: pip could not fetch what $list names. Is there a network, and are 3 GB free in $cache?" >&2; rm -rf "$work"; return 1; }
  # a wheel has no links: the names without a version, which one links by, are made here
  ln -s lib "$work/nvidia/cu13/lib64"
  for library in cublas cublasLt cudart curand nvrtc; do
    file=$(compgen -G "$work/nvidia/cu13/lib/lib$library.so.*" | head -n1)
    ln -s "$(basename "$file")" "$work/nvidia/cu13/lib/lib$library.so"
  done
  touch "$work/complete"
  mv "$work" "$kit"
  exec 8>&-
}
