#!/usr/bin/env bash
# cuda_driver.sh CUDA_H FOLDER: writes FOLDER/libcuda.so and FOLDER/libcuda_driver.a, which stand in for the driver's library when
# the program is linked.
#
# candle links libcuda.so.1, which comes with the driver: a program so linked does not even start on a machine without one, and can't be
# linked there. Here every function of the driver is a jump through a table that is filled when the program starts: with the
# driver's functions where it can be loaded, else with one that answers "no device". libcuda.so is a linker script that names the archive with them.
set -euo pipefail
header=$1 folder=$2

[ "$(uname -m)" = x86_64 ] || { echo "cuda: the driver's stand-in is for x86_64, this is $(uname -m)" >&2; exit 1; }
mapfile -t names < <(grep -oE '\bcu[A-Z][A-Za-z0-9_]*' "$header" | LC_ALL=C sort -u)
[ ${#names[@]} -gt 300 ] || { echo "cuda: $header names ${#names[@]} functions of the driver; the toolkit is not whole" >&2; exit 1; }
mkdir -p "$folder"
work=$(mktemp -d "$folder/.work.XXXXXX")
trap 'rm -rf "$work"' EXIT
{
  cat <<SOURCE
#include <dlfcn.h>
#define COUNT ${#names[@]}
enum { CUDA_ERROR_NO_DEVICE = 100 };
static int no_device(void) { return CUDA_ERROR_NO_DEVICE; }
__attribute__((visibility("hidden"))) void *rankscope_cuda_functions[COUNT];
static const char *const names[COUNT] = {
SOURCE
  printf '  "%s",\n' "${names[@]}"
  cat <<'SOURCE'
};
__attribute__((constructor)) static void find_driver(void) {
  void *driver = dlopen("libcuda.so.1", RTLD_NOW);
  for (int i = 0; i < COUNT; i++) {
    void *function = driver ? dlsym(driver, names[i]) : 0;
    rankscope_cuda_functions[i] = function ? function : (void *)no_device;
  }
}
SOURCE
  for index in "${!names[@]}"; do
    printf '__asm__(".text\\n.globl %s\\n.type %s, @function\\n%s: jmp *rankscope_cuda_functions+%d(%%rip)\\n");\n' \
      "${names[index]}" "${names[index]}" "${names[index]}" $((8 * index))
  done
} >"$work/cuda_driver.c"
"${CC:-cc}" -O2 -fPIC -c "$work/cuda_driver.c" -o "$work/cuda_driver.o"
ar rcs "$work/libcuda_driver.a" "$work/cuda_driver.o"
echo "INPUT($folder/libcuda_driver.a)" >"$work/libcuda.so"
mv "$work"/libcuda_driver.a "$work"/libcuda.so "$folder/"
