"""What the scripts share: the loss on target tokens, the training loop that the figures come from, and how files are written."""

import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Callable, NamedTuple

import torch
import transformers
from safetensors.torch import save_file

HERE = Path(__file__).parent


def set_up():
    """One thread, so that every sum runs in the same order each time."""
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(0)


def versions(*packages):
    return {"python": platform.python_version()} | {package: version(package) for package in packages}


def write_json(path, value, digits=9):
    """Numbers with nine significant digits, which name every f32, or more; lists of numbers on one line."""
    path.parent.mkdir(parents=True, exist_ok=True)

    def shorten(item):
        if isinstance(item, float):
            return float(f"{item:.{digits}g}")
        if isinstance(item, dict):
            return {key: shorten(inner) for key, inner in item.items()}
        if isinstance(item, (list, tuple)):
            return [shorten(inner) for inner in item]
        return item

    def lines(item, indent):
        inner = indent + "  "
        flat = json.dumps(item, ensure_ascii=False)
        if not isinstance(item, (dict, list)) or not item or len(flat) <= 110:
            return flat
        if isinstance(item, list) and not any(isinstance(entry, (dict, list, str)) for entry in item):
            return flat
        if isinstance(item, dict):
            rows = [f"{inner}{json.dumps(key)}: {lines(entry, inner)}" for key, entry in item.items()]
            return "{\n" + ",\n".join(rows) + f"\n{indent}}}"
        rows = [inner + lines(entry, inner) for entry in item]
        return "[\n" + ",\n".join(rows) + f"\n{indent}]"

    path.write_text(lines(shorten(value), "") + "\n", encoding="utf-8")


def write_tensors(path, tensors):
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.detach().to(torch.float32).contiguous().clone() for name, tensor in tensors.items()}, path)


def padded(sequences, side="right", fill=0):
    """Token ids and attention mask of a batch, padded on one side."""
    width = max(map(len, sequences))
    ids, mask = [], []
    for sequence in sequences:
        gap = [fill] * (width - len(sequence))
        ids.append(sequence + gap if side == "right" else gap + sequence)
        ones, zeros = [1] * len(sequence), [0] * len(gap)
        mask.append(ones + zeros if side == "right" else zeros + ones)
    return torch.tensor(ids), torch.tensor(mask)


def target_nll(model, pairs):
    """Sum over target tokens of -log p(token | all before it), one a pair, of a right-padded batch."""
    ids, mask = padded([pair["context"] + pair["target"] for pair in pairs])
    log_probabilities = model(input_ids=ids, attention_mask=mask).logits.log_softmax(-1)
    sums = []
    for row, pair in enumerate(pairs):
        start, end = len(pair["context"]), len(pair["context"]) + len(pair["target"])
        # the logits at position t speak of the token at t + 1
        predicted = log_probabilities[row, start - 1 : end - 1]
        sums.append(-predicted.gather(-1, ids[row, start:end, None]).sum())
    return torch.stack(sums)


class Objective(NamedTuple):
    """The sum of a batch's losses, and how many losses an example has."""

    total: Callable
    count: Callable


TARGET_TOKENS = Objective(lambda model, pairs: target_nll(model, pairs).sum(), lambda pair: len(pair["target"]))


def train(
    model, pairs, steps, parameter_groups, learning_rate,
    schedule=None, max_grad_norm=None, after_step=None, objective=TARGET_TOKENS,
):
    """One optimiser step for each entry of `steps`, an entry being a list of micro-batches of indices into `pairs`.

    The loss of a step is the sum over all losses (target tokens, say) of all its micro-batches, divided by their number.
    Returns losses (before the step), gradient norms (before clipping) and learning rates.
    """
    model.train()
    optimizer = torch.optim.AdamW(parameter_groups, lr=learning_rate, betas=(0.9, 0.999), eps=1e-8)
    scheduler = schedule(optimizer) if schedule else None
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    losses, norms, rates = [], [], []
    for step, micro_batches in enumerate(steps):
        optimizer.zero_grad()
        count = sum(objective.count(pairs[index]) for batch in micro_batches for index in batch)
        loss = 0.0
        for batch in micro_batches:
            share = objective.total(model, [pairs[index] for index in batch]) / count
            share.backward()
            loss += share.item()
        norms.append(torch.nn.utils.clip_grad_norm_(parameters, max_grad_norm or float("inf")).item())
        losses.append(loss)
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if scheduler:
            scheduler.step()
        if after_step:
            after_step(step)
    model.eval()
    return {"losses": losses, "gradient_norms": norms, "learning_rates": rates}


def checksums(tensors):
    """Sum and sum of absolute values of each tensor, in f64."""
    return {
        name: {"sum": tensor.detach().double().sum().item(), "abs_sum": tensor.detach().double().abs().sum().item()}
        for name, tensor in tensors.items()
    }


def greedy(model, prompt, new_tokens):
    """Greedy continuation without an end, and the smallest distance between the best and the second-best logit."""
    ids, margins = list(prompt), []
    with torch.no_grad():
        for _ in range(new_tokens):
            best = model(input_ids=torch.tensor([ids])).logits[0, -1].topk(2)
            ids.append(best.indices[0].item())
            margins.append((best.values[0] - best.values[1]).item())
    generated = model.generate(
        torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        max_new_tokens=new_tokens, do_sample=False, eos_token_id=None, pad_token_id=0,
    )[0].tolist()
    assert generated == ids, "transformers' generate and step by step differ"
    return {"prompt": list(prompt), "new_tokens": ids[len(prompt):], "smallest_margin": min(margins)}
