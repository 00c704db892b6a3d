"""Loads an adapter that Rankscope wrote into PEFT and compares logits: load_in_peft.py MODEL ADAPTER [MODEL ADAPTER ...].

MODEL is a model's directory, ADAPTER the adapter's with `logits.safetensors` beside its two files: `tokens.I`, the ids of one
sequence, and `logits.I`, what Rankscope computed for it with the adapter. `cargo run -p rankscope-engine --example adapter_for_peft`
writes such directories. Fails where they differ by 1e-4 of the largest logit or more.
"""

import json
import sys
from pathlib import Path

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

from training import set_up


def compare(directory, adapter):
    """The largest difference over all sequences, relative to the largest logit."""
    task = json.loads((adapter / "adapter_config.json").read_text())["task_type"]
    kind = {"CAUSAL_LM": AutoModelForCausalLM, "SEQ_CLS": AutoModelForSequenceClassification}[task]
    base = kind.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager").eval()
    model = PeftModel.from_pretrained(base, adapter).eval()
    ours = load_file(adapter / "logits.safetensors")
    worst, effect = 0.0, 0.0
    for name, tokens in ours.items():
        if not name.startswith("tokens."):
            continue
        expected = ours["logits." + name.removeprefix("tokens.")]
        with torch.no_grad():
            theirs = model(input_ids=tokens.long()[None]).logits[0]
            with model.disable_adapter():
                unadapted = model(input_ids=tokens.long()[None]).logits[0]
        scale = theirs.abs().max()
        worst = max(worst, ((expected.reshape(theirs.shape) - theirs).abs().max() / scale).item())
        effect = max(effect, ((unadapted - theirs).abs().max() / scale).item())
    return task, worst, effect


def main(arguments):
    if not arguments or len(arguments) % 2:
        sys.exit(__doc__)
    failed = False
    for model, adapter in zip(arguments[::2], arguments[1::2]):
        task, worst, effect = compare(Path(model), Path(adapter))
        # an adapter that changes nothing would agree whatever is in its files
        good = worst < 1e-4 and effect > 1e-2
        failed |= not good
        print(f"{'same' if good else 'DIFFERENT'}: {Path(model).name} ({task}): logits differ by {worst:.1e}, the adapter moves them by {effect:.1e}")
    sys.exit(failed)


if __name__ == "__main__":
    set_up()
    main(sys.argv[1:])
