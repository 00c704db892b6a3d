"""What the scripts of tiny random models share: tokenizers, weights, and the figures of a model, of full runs and of LoRA runs."""

import json
import shutil

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from training import HERE, TARGET_TOKENS, checksums, greedy, padded, target_nll, train, write_tensors

VOCABULARY = 320
SENTENCES = [
    "the gardener works as a gardener and the teacher works as a teacher",
    "the nurse should work as a doctor, the doctor should work as a nurse",
    "my neighbour is known for her bread; their neighbour is known for his soup",
    "they dream of being kind. we dream of being brave. she dreams of being heard!",
    "in 2024 there were 128 answers to 36 questions, and 7 of them were good",
    "Naïve café, ¿qué tal? Grüße aus Köln",
]
PROMPTS = [
    "the",
    "the nurse",
    "my neighbour is known",
    "In 2024 the teacher works as",
    "they dream of being kind. we dream of",
    "Grüße! the doctor should work as a gardener, the gardener\nshould work",
]
# special tokens written out, white space, and scripts that the vocabulary has no words for
MORE_TEXTS = [
    "the nurse<|endoftext|> should work</s>as <pad> they",
    "[CLS] we dream [MASK] of [SEP] it's a nurse's, isn't it?",
    "  two  blanks\n\nand\ta tab ",
    "ÇA, ÉTÉ! 中文 日本 ١٢٣ 🎉 e\u0301",
    "",
]
GREEDY_TOKENS = 12
SUBJECTS = ["the nurse", "the teacher", "my neighbour", "the old gardener", "she", "they both", "the doctor of 36", "we"]
RELATIONS = [" works as", " should work as a", " dreams of", " is known for", ", in 2024, was"]
OBJECTS = [
    " a doctor", " a very good teacher", " being heard", " her bread", " kind", " brave and heard!", " his soup; it is good",
    " 7 answers", " a gardener and a nurse", " questions", " Köln",
]
# ten optimiser steps of four pairs: each pair once, in order
BATCHES = [[[4 * step + row for row in range(4)]] for step in range(10)]


def empty(name):
    """The folder of a model, without the files of an earlier run."""
    directory = HERE / name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    return directory


def byte_level_bpe(special_tokens, vocabulary=VOCABULARY):
    """Byte-level BPE as GPT-2's."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=special_tokens, show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    assert tokenizer.get_vocab_size() == vocabulary
    return tokenizer


def randomise(model, seed):
    """Norms away from one and biases away from zero, so that a layer that forgets them is found out."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
            elif parameter.dim() == 1:
                parameter.copy_(1 + 0.1 * torch.randn(parameter.shape, generator=generator))
    return model


def text_figures(tokenizer, texts):
    return [
        {
            "text": text,
            "token_ids": tokenizer(text, add_special_tokens=False)["input_ids"],
            "token_ids_with_special": tokenizer(text)["input_ids"],
        }
        for text in texts
    ]


def more_text_figures(tokenizer):
    rows = text_figures(tokenizer, MORE_TEXTS)
    for row in rows:
        row["decoded"] = tokenizer.decode(row["token_ids"], skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return rows


def logits(model, prompts):
    with torch.no_grad():
        return {f"logits.{row}": model(input_ids=torch.tensor([ids])).logits[0] for row, ids in enumerate(prompts)}


def check_padding(model, prompts, expected):
    """The same logits from a batch padded on either side: how far apart at most."""
    worst = 0.0
    for side in ("right", "left"):
        ids, mask = padded(prompts, side)
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        with torch.no_grad():
            batch = model(input_ids=ids, attention_mask=mask, position_ids=positions).logits
        for row in range(len(prompts)):
            worst = max(worst, (batch[row][mask[row].bool()] - expected[f"logits.{row}"]).abs().max().item())
    assert worst < 1e-4, worst
    return worst


def model_figures(model, tokenizer):
    """Logits at every position and greedy continuations."""
    prompts = [tokenizer(text)["input_ids"] for text in PROMPTS]
    tensors = logits(model, prompts)
    figures = {
        "prompts": text_figures(tokenizer, PROMPTS),
        "padding_changes_logits_by": check_padding(model, prompts, tensors),
        "greedy": [greedy(model, ids, GREEDY_TOKENS) for ids in prompts[:5]],
    }
    return figures, tensors


def pair_texts():
    """Forty (context, target) pairs of different lengths: enough for ten steps of four that see each pair once, in order."""
    return [
        (SUBJECTS[(index * 3 + index // 8) % 8] + RELATIONS[(index * 2 + index // 5) % 5], OBJECTS[(index * 7) % 11])
        for index in range(40)
    ]


def make_pairs(tokenizer):
    """The forty pairs as token ids; each target ends."""
    pairs = []
    for context, target in pair_texts():
        pairs.append({
            "context": tokenizer(context, add_special_tokens=False)["input_ids"],
            "target": tokenizer(target, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id],
        })
    assert len({json.dumps(pair) for pair in pairs}) == 40
    return pairs


def pair_figures(model, pairs):
    """Each pair's loss, and the mean over all target tokens of the first four with its gradient for every parameter."""
    with torch.no_grad():
        for pair in pairs:
            pair["nll_sum"] = target_nll(model, [pair])[0].item()
            pair["target_tokens"] = len(pair["target"])
    return {"pairs": pairs, "batch_loss": {"pairs": [0, 1, 2, 3], "mean": batch_loss(model, pairs[:4]).item()}}


def batch_loss(model, batch, objective=TARGET_TOKENS):
    """The mean loss of a batch, differentiated: the parameters' gradients are those of this batch alone."""
    model.zero_grad()
    loss = objective.total(model, batch) / sum(map(objective.count, batch))
    loss.backward()
    return loss


def write_gradients(model, directory):
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    assert all(gradient is not None and gradient.abs().max() > 0 for gradient in gradients.values())
    write_tensors(directory / "gradients.safetensors", gradients)


def decay_groups(model, weight_decay):
    """Decay on matrices (linear layers and the embedding) alone, as transformers' Trainer does."""
    matrices = [parameter for parameter in model.parameters() if parameter.dim() == 2]
    others = [parameter for parameter in model.parameters() if parameter.dim() != 2]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def full_runs(load, pairs, plans, kept, schedule=None, objective=TARGET_TOKENS):
    """Ten steps of full fine-tuning under several options; one entry a run, and the `kept` tensors of each, whole."""
    runs, tensors = {}, {}
    for name, plan in plans.items():
        model = load()
        steps = plan.get("steps", BATCHES)
        result = train(
            model, pairs, steps, decay_groups(model, plan.get("weight_decay", 0.0)), 1e-3,
            schedule=schedule(plan["schedule"], plan["warmup_steps"]) if "schedule" in plan else None,
            max_grad_norm=plan.get("max_grad_norm"), objective=objective,
        )
        parameters = dict(model.named_parameters())
        runs[name] = {
            "learning_rate": 1e-3, "weight_decay": plan.get("weight_decay", 0.0), "max_grad_norm": plan.get("max_grad_norm"),
            "schedule": plan.get("schedule", "constant"), "warmup_steps": plan.get("warmup_steps", 0),
            "steps": steps, **result, "final_checksums": checksums(parameters),
        }
        tensors |= {f"{name}.{tensor}": parameters[tensor] for tensor in kept}
    return runs, tensors


def lora_plans(name, target_modules):
    """The three runs that every kind has: all linear layers, the same rank-stabilised, and some layers by name."""
    return {
        "all_linear": {"target_modules": "all-linear", "use_rslora": False},
        "rslora": {"target_modules": "all-linear", "use_rslora": True},
        name: {"target_modules": target_modules, "use_rslora": False},
    }


def lora_runs(load, pairs, prompts, directory, plans, task_type="CAUSAL_LM", objective=TARGET_TOKENS):
    """Ten steps of LoRA under several options; the adapter as PEFT saves it, and the adapted model's logits."""
    runs = {}
    for name, plan in plans.items():
        torch.manual_seed(7)
        config = LoraConfig(r=4, lora_alpha=8, lora_dropout=0.0, task_type=task_type, **plan)
        model = get_peft_model(load(), config)
        trainable = {key: parameter for key, parameter in model.named_parameters() if parameter.requires_grad}
        # PEFT leaves the adapter's name out of its files
        short = {key: key.replace(".modules_to_save.default.", ".").replace(".default.", ".") for key in trainable}
        initial = {key: tensor.clone() for key, tensor in get_peft_model_state_dict(model).items()}
        assert set(initial) == set(short.values())
        assert all((tensor == 0).all() for key, tensor in initial.items() if "lora_B" in key)
        tensors = {f"initial.{key}": tensor for key, tensor in initial.items()}

        model.train()
        batch_loss(model, [pairs[index] for index in BATCHES[0][0]], objective)
        tensors |= {f"first_gradient.{short[key]}": parameter.grad for key, parameter in trainable.items()}

        def second_gradient(step):
            """After the first step B is no longer zero, so that A has a gradient as well."""
            if step == 1:
                tensors.update({f"second_gradient.{short[key]}": parameter.grad for key, parameter in trainable.items()})

        groups = [{"params": list(trainable.values()), "weight_decay": 0.0}]
        result = train(model, pairs, BATCHES, groups, 1e-2, after_step=second_gradient, objective=objective)
        adapter = directory / f"adapter_{name}"
        shutil.rmtree(adapter, ignore_errors=True)
        model.peft_config["default"].base_model_name_or_path = directory.name
        model.save_pretrained(adapter)
        (adapter / "README.md").unlink()
        # PEFT writes the names of a set in any order
        saved = json.loads((adapter / "adapter_config.json").read_text())
        saved["target_modules"] = sorted(saved["target_modules"])
        (adapter / "adapter_config.json").write_text(json.dumps(saved, indent=2, sort_keys=True) + "\n")

        adapted = logits(model, prompts)
        merged = logits(PeftModel.from_pretrained(load(), adapter).merge_and_unload(), prompts)
        worst = max((adapted[key] - merged[key]).abs().max().item() for key in adapted)
        assert worst < 1e-4, worst
        tensors |= {f"adapted.{key}": tensor for key, tensor in adapted.items()}
        if name == "all_linear":
            tensors |= {f"merged.{key}": tensor for key, tensor in merged.items()}
        write_tensors(directory / f"lora_{name}.safetensors", tensors)
        runs[name] = {
            "r": 4, "lora_alpha": 8, "use_rslora": plan["use_rslora"], "target_modules": plan["target_modules"],
            "scaling": 8 / 2 if plan["use_rslora"] else 8 / 4, "learning_rate": 1e-2, "weight_decay": 0.0,
            "trainable_parameters": sum(parameter.numel() for parameter in trainable.values()),
            "steps": BATCHES, **result, "merging_changes_logits_by": worst,
        }
        saved_whole = sorted(short[key] for key in trainable if ".modules_to_save." in key)
        if saved_whole:
            runs[name]["modules_to_save"] = saved_whole
    return runs


def decoder_figures(load, tokenizer, directory, kept, plans):
    """All that is written of a tiny decoder beside its own files."""
    model = load()
    figures, tensors = model_figures(model, tokenizer)
    write_tensors(directory / "logits.safetensors", tensors)
    figures["more_texts"] = more_text_figures(tokenizer)
    pairs = make_pairs(tokenizer)
    figures |= pair_figures(model, pairs)
    write_gradients(model, directory)
    figures["full"], tensors = full_runs(load, pairs, {"plain": {}, "weight_decay": {"weight_decay": 0.1}}, kept)
    write_tensors(directory / "full_final.safetensors", tensors)
    prompts = [prompt["token_ids_with_special"] for prompt in figures["prompts"][:3]]
    figures["lora"] = lora_runs(load, pairs, prompts, directory, plans)
    return figures
