"""Trains one cell of a finished classification study again, with transformers (and PEFT for a LoRA cell), on the same examples.

    python classify_in_transformers.py STUDY_DIRECTORY CELL MODEL_DIRECTORY [--seed N]

STUDY_DIRECTORY is a study with a class head, CELL one of its cells (full-s0-m1, lora-r8-s0-m0.1), MODEL_DIRECTORY its base
model. The recipe, the training examples (data/train.jsonl by data/subsets) and the test examples (data/test.jsonl) are the
study's; the order of the examples and the new head are transformers' own, so figures agree as two seeds do, not to the digit.
Prints accuracy over all and by group, and the same of the study's own cell.
"""

import argparse
import json
import pathlib
import time
import tomllib

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, get_scheduler


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def accuracies(right, test):
    by_group = {}
    for is_right, text in zip(right, test):
        by_group.setdefault(text["group"], []).append(is_right)
    shares = {"all": right} | by_group
    return {name: round(100 * sum(values) / len(values), 2) for name, values in shares.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=pathlib.Path)
    parser.add_argument("cell")
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=0, help="of the new head and the order of the examples")
    options = parser.parse_args()

    recipe = tomllib.loads((options.study / "recipe.toml").read_text())
    arm, rest = options.cell.rsplit("-s", 1)
    subset = json.loads((options.study / "data/subsets" / f"s{rest}.json").read_text())
    train = lines(options.study / "data/train.jsonl")
    train = [train[index] for index in subset["ids"]]
    test = lines(options.study / "data/test.jsonl")
    labels = json.loads((options.study / "data/chosen.json").read_text())["labels"]
    training = recipe["training"]
    spec = next(s for s in recipe["arms"] if (s["kind"] == "full") == (arm == "full") and f"lora-r{s.get('lora_r')}" in (arm, "lora-rNone"))

    torch.manual_seed(options.seed)
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    model = AutoModelForSequenceClassification.from_pretrained(
        options.model, num_labels=len(labels), hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
    )
    if spec["kind"] == "lora":
        from peft import LoraConfig, get_peft_model

        r, lora = spec["lora_r"], recipe["lora"]
        alpha = lora["alpha"] * r if lora["alpha_policy"] == "multiple_of_r" else lora["alpha"]
        config = LoraConfig(
            task_type="SEQ_CLS", r=r, lora_alpha=alpha, use_rslora=lora["alpha_policy"] == "rank_stabilised",
            lora_dropout=lora["lora_dropout"], target_modules=["query", "key", "value", "dense"], modules_to_save=["classifier"],
        )
        model = get_peft_model(model, config)
    parameters = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    bare = [p for name, p in parameters if p.ndim < 2]
    matrices = [p for name, p in parameters if p.ndim >= 2]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": spec.get("weight_decay", 0.0)}, {"params": bare, "weight_decay": 0.0}],
        lr=spec["learning_rate"], betas=(training["adam_beta1"], training["adam_beta2"]), eps=training["adam_epsilon"],
    )
    size = training["per_device_train_batch_size"] * training["gradient_accumulation_steps"]
    steps = -(-len(train) // size) * training["num_train_epochs"]
    scheduler = get_scheduler(training["lr_scheduler_type"], optimizer, int(steps * training["warmup_ratio"]), steps)

    def batch(texts):
        return tokenizer([t["text"] for t in texts], truncation=True, max_length=training["max_length"], padding=True, return_tensors="pt")

    began = time.time()
    model.train()
    for _ in range(training["num_train_epochs"]):
        order = torch.randperm(len(train)).tolist()
        for start in range(0, len(train), size):
            chosen = [train[index] for index in order[start : start + size]]
            loss = model(**batch(chosen), labels=torch.tensor([t["label"] for t in chosen])).loss
            loss.backward()
            if training["max_grad_norm"] > 0:
                torch.nn.utils.clip_grad_norm_([p for _, p in parameters], training["max_grad_norm"])
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
    seconds = time.time() - began
    model.eval()
    right = []
    with torch.no_grad():
        for start in range(0, len(test), 64):
            chosen = test[start : start + 64]
            predicted = model(**batch(chosen)).logits.argmax(-1).tolist()
            right.extend(int(p == t["label"]) for p, t in zip(predicted, chosen))
    print(f"{options.cell}: {len(train)} examples, {steps} steps, {seconds:.0f} s in transformers")
    print("transformers:", json.dumps(accuracies(right, test)))
    ours = lines(options.study / "cells" / options.cell / "predictions.jsonl")
    predicted = [max(range(len(labels)), key=lambda label: p["log_probabilities"][label]) for p in ours]
    print("rankscope:   ", json.dumps(accuracies([int(p == t["label"]) for p, t in zip(predicted, test)], test)))


if __name__ == "__main__":
    main()
