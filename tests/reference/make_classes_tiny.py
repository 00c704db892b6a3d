"""Classification with the tiny decoders: a class head on their last token, and options scored by their likelihood: see README.md."""

import shutil

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from make_bert_tiny import CLASSES, LABELS, make_examples
from tiny_models import PROMPTS, batch_loss, empty, full_runs, logits, lora_runs, text_figures, write_gradients
from training import HERE, padded, set_up, versions, write_json, write_tensors

LABEL_NAMES = ["work", "people", "other"]
assert len(LABEL_NAMES) == LABELS
# of the decoder that each is made of: its tokenizer's files, the token that fills a batch up and no text ends with, and tensors
# kept whole after ten steps
CLASSIFIERS = {
    "gpt2_tiny": (["vocab.json", "merges.txt", "tokenizer_config.json"], 0, ["transformer.wpe.weight", "transformer.ln_f.bias", "score.weight"]),
    "opt_350m_tiny": (
        ["tokenizer.json", "tokenizer_config.json"], 1,
        ["model.decoder.project_in.weight", "model.decoder.project_out.weight", "score.weight"],
    ),
    "llama_tiny": (
        ["tokenizer.json", "tokenizer_config.json"], 0,
        ["model.layers.1.self_attn.k_proj.weight", "model.norm.weight", "score.weight"],
    ),
}
# (model, adapter of its folder or none)
SCORED = [
    ("llama_tiny", None), ("llama_tiny", "all_linear"), ("llama_tiny_untied", None), ("qwen2_tiny", None), ("gpt2_tiny", None),
    ("gpt2_tiny", "all_linear"), ("opt_tiny", None), ("opt_350m_tiny", None), ("opt_350m_tiny", "all_linear"),
]
# a first part in common, one the beginning of another, and nothing in common
OPTIONS = [" a doctor", " a nurse", " a", " a doctor of kind", " Köln", " her", " questions"]


def check_padding(model, prompts, expected):
    """The same logits from a batch padded on either side: how far apart at most. transformers finds the last token that is no padding."""
    worst = 0.0
    for side in ("right", "left"):
        ids, mask = padded(prompts, side, model.config.pad_token_id)
        with torch.no_grad():
            batch = model(input_ids=ids, attention_mask=mask, position_ids=(mask.cumsum(-1) - 1).clamp(min=0)).logits
        for row in range(len(prompts)):
            worst = max(worst, (batch[row] - expected[f"logits.{row}"]).abs().max().item())
    assert worst < 1e-5, worst
    return worst


def make_classifier(base, tokenizer_files, padding, kept):
    """The decoder of folder `base` with a new head, as transformers makes and saves it."""
    directory = empty(f"{base}_classes")
    torch.manual_seed(31)
    AutoModelForSequenceClassification.from_pretrained(
        HERE / base, dtype=torch.float32, num_labels=LABELS, pad_token_id=padding,
        id2label=dict(enumerate(LABEL_NAMES)), label2id={name: label for label, name in enumerate(LABEL_NAMES)},
    ).save_pretrained(directory)
    for file in tokenizer_files:
        shutil.copyfile(HERE / base / file, directory / file)

    def load():
        return AutoModelForSequenceClassification.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager").eval()

    tokenizer, model = AutoTokenizer.from_pretrained(directory), load()
    prompts = [tokenizer(text)["input_ids"] for text in PROMPTS]
    tensors = logits(model, prompts)
    write_tensors(directory / "logits.safetensors", tensors)
    examples = make_examples(tokenizer, model)
    loss = batch_loss(model, examples[:4], CLASSES)
    write_gradients(model, directory)
    full, finals = full_runs(load, examples, {"plain": {}, "weight_decay": {"weight_decay": 0.1}}, kept, objective=CLASSES)
    write_tensors(directory / "full_final.safetensors", finals)
    plans = {"all_linear": {"target_modules": "all-linear", "use_rslora": False}}
    write_json(directory / "figures.json", {
        "label_names": LABEL_NAMES,
        "prompts": text_figures(tokenizer, PROMPTS),
        "padding_changes_logits_by": check_padding(model, prompts, tensors),
        "examples": examples,
        "batch_loss": {"examples": [0, 1, 2, 3], "mean": loss.item()},
        "full": full,
        "lora": lora_runs(load, examples, prompts, directory, plans, "SEQ_CLS", CLASSES),
        "versions": versions("torch", "transformers", "peft", "tokenizers"),
    })


def log_likelihood(model, context, option):
    """Sum of log p of the option's tokens behind the context, nats."""
    with torch.no_grad():
        log_probabilities = model(input_ids=torch.tensor([context + option])).logits[0].double().log_softmax(-1)
    return sum(log_probabilities[len(context) - 1 + index, token].item() for index, token in enumerate(option))


def score_options(name, adapter):
    """Every option behind every prompt, each in a pass of its own."""
    tokenizer = AutoTokenizer.from_pretrained(HERE / name)
    model = AutoModelForCausalLM.from_pretrained(HERE / name, dtype=torch.float32, attn_implementation="eager").eval()
    if adapter:
        model = PeftModel.from_pretrained(model, HERE / name / f"adapter_{adapter}").eval()
    options = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in OPTIONS]
    # a single token of the vocabulary beside those of several
    options += [[42], [300]]
    contexts = [tokenizer(text)["input_ids"] for text in PROMPTS]
    return {
        "model": name, "adapter": adapter, "options": options,
        "contexts": [
            {"token_ids": context, "log_likelihoods": [log_likelihood(model, context, option) for option in options]}
            for context in contexts
        ],
    }


def main():
    for base, (tokenizer_files, padding, kept) in CLASSIFIERS.items():
        make_classifier(base, tokenizer_files, padding, kept)
    write_json(empty("options") / "figures.json", {
        "texts": OPTIONS,
        "scored": [score_options(name, adapter) for name, adapter in SCORED],
        "versions": versions("torch", "transformers", "peft", "tokenizers"),
    })


if __name__ == "__main__":
    set_up()
    main()
