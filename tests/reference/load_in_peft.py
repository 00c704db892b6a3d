"""Loads an adapter that Rankscope wrote into PEFT and compares logits: load_in_peft.py MODEL ADAPTER [MODEL ADAPTER ...].

MODEL is a model's directory, ADAPTER the adapter's with `logits.safetensors` beside its two files: `tokens.I`, the ids of one
sequence, and `logits.I`, what Rankscope computed for it with the adapter; and with `merged`, the whole model with the adapter in its
weights, which transformers alone must open and compute the same with. `cargo run -p rankscope-engine --example adapter_for_peft`
writes such directories. Fails where they differ by 1e-4 of the largest logit or more.
"""

import json
import sys
from pathlib import Path

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from tiny_models import MORE_TEXTS, PROMPTS
from training import set_up


def worst_difference(model, ours):
    """The largest difference over all sequences, relative to the largest logit."""
    worst = 0.0
    for name in (name for name in ours if name.startswith("tokens.")):
        expected = ours["logits." + name.removeprefix("tokens.")]
        with torch.no_grad():
            theirs = model(input_ids=ours[name].long()[None]).logits[0]
        worst = max(worst, ((expected.reshape(theirs.shape) - theirs).abs().max() / theirs.abs().max()).item())
    return worst


def compare(directory, adapter):
    task = json.loads((adapter / "adapter_config.json").read_text())["task_type"]
    kind = {"CAUSAL_LM": AutoModelForCausalLM, "SEQ_CLS": AutoModelForSequenceClassification}[task]

    def load(source):
        return kind.from_pretrained(source, dtype=torch.float32, attn_implementation="eager").eval()

    ours = load_file(adapter / "logits.safetensors")
    unadapted = worst_difference(load(directory), ours)
    adapted = worst_difference(PeftModel.from_pretrained(load(directory), adapter).eval(), ours)
    merged = worst_difference(load(adapter / "merged"), ours)
    tokenizers = AutoTokenizer.from_pretrained(directory), AutoTokenizer.from_pretrained(adapter / "merged")
    texts = PROMPTS + MORE_TEXTS
    same_tokens = all(tokenizers[0](text)["input_ids"] == tokenizers[1](text)["input_ids"] for text in texts)
    # an adapter that changes nothing would agree whatever is in its files
    good = max(adapted, merged) < 1e-4 and unadapted > 1e-2 and same_tokens
    print(
        f"{'same' if good else 'DIFFERENT'}: {directory.name} ({task}): logits differ by {adapted:.1e}, merged {merged:.1e}, without the adapter "
        f"{unadapted:.1e}; the merged model's tokens are {'the same' if same_tokens else 'DIFFERENT'}"
    )
    return good


def main(arguments):
    if not arguments or len(arguments) % 2:
        sys.exit(__doc__)
    good = [compare(Path(model), Path(adapter)) for model, adapter in zip(arguments[::2], arguments[1::2])]
    sys.exit(not all(good))


if __name__ == "__main__":
    set_up()
    main(sys.argv[1:])
