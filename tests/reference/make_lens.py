"""Logit lens, divergences of next-token distributions and distances of weights, of the tiny models: see README.md."""

import json
from copy import deepcopy

import numpy
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from training import HERE, set_up, versions, write_json

ADAPTED = ["llama_tiny", "gpt2_tiny", "opt_tiny", "opt_350m_tiny"]
MODELS = [*ADAPTED, "llama_tiny_untied", "qwen2_tiny"]
ADAPTER = "adapter_all_linear"
CHOSEN = 7


def load(name):
    """The published weights, which are f32 or narrower, computed with in f64."""
    return AutoModelForCausalLM.from_pretrained(HERE / name, dtype=torch.float32, attn_implementation="eager").eval()


def adapted(name):
    """In f64; so is the product of the adapter's factors."""
    return PeftModel.from_pretrained(load(name), HERE / name / ADAPTER).double().merge_and_unload().eval()


def moved(name):
    """A second full model: every matrix (linear layers, embedding, positions, unembedding), as the file has it, moved by a formula.

    W[i][j] + 0.02 sin(0.37 (i + 1) (j + 2)), computed in f64 and rounded to f32."""
    model = load(name)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                rows = numpy.arange(1, parameter.shape[0] + 1, dtype=numpy.float64)[:, None]
                columns = numpy.arange(2, parameter.shape[1] + 2, dtype=numpy.float64)[None, :]
                parameter.copy_((parameter.double() + torch.from_numpy(0.02 * numpy.sin(0.37 * rows * columns))).float())
    return model


def parts(model):
    """The layers, and what comes between the last of them and the logits."""
    inner = model.model if hasattr(model, "model") else model.transformer
    inner = getattr(inner, "decoder", inner)
    layers = inner.h if hasattr(inner, "h") else inner.layers
    norms = [getattr(inner, attribute, None) for attribute in ("norm", "ln_f", "final_layer_norm")]
    steps = [step for step in [*norms, getattr(inner, "project_out", None), model.lm_head] if step is not None]
    return layers, steps


def states_by_layer(model, ids):
    """What the first layer sees, and what each layer gives: `[positions, width]`; the logits as well."""
    layers, _ = parts(model)
    states = []

    def first(module, arguments, keywords):
        states.append(arguments[0] if arguments else keywords["hidden_states"])

    def after(module, arguments, output):
        states.append(output[0] if isinstance(output, tuple) else output)

    hooks = [layers[0].register_forward_pre_hook(first, with_kwargs=True)]
    hooks += [layer.register_forward_hook(after) for layer in layers]
    logits = model(input_ids=torch.tensor([ids])).logits[0]
    for hook in hooks:
        hook.remove()
    return [state.reshape(len(ids), -1) for state in states], logits


def lens_log_probabilities(model, ids):
    """By layer, `[positions, vocabulary]`; the last layer's are the model's own."""
    states, logits = states_by_layer(model, ids)
    _, steps = parts(model)
    rows = []
    for state in states:
        for step in steps:
            state = step(state)
        rows.append(state.log_softmax(-1))
    assert torch.allclose(rows[-1], logits.log_softmax(-1), atol=1e-12, rtol=0)
    assert len(rows) == model.config.num_hidden_layers + 1
    return rows


def kl(p, q):
    return (p.exp() * (p - q)).sum(-1)


def panel(rows, original):
    """Lists by layer, then by position."""
    top = [row.exp().topk(5, -1) for row in rows]
    return {
        "top_tokens": [each.indices.tolist() for each in top],
        "top_probabilities": [each.values.tolist() for each in top],
        "entropy": [(-(row.exp() * row).sum(-1)).tolist() for row in rows],
        "chosen": [row[:, CHOSEN].exp().tolist() for row in rows],
        "kl": [kl(before, row).tolist() for before, row in zip(original, rows)],
    }


def log_probabilities(model, ids):
    return model(input_ids=torch.tensor([ids])).logits[0].double().log_softmax(-1)


def divergences(p, q):
    middle = torch.logaddexp(p, q) - numpy.log(2)
    return {
        "kl": kl(p, q).tolist(), "reverse_kl": kl(q, p).tolist(),
        "jensen_shannon": (0.5 * kl(p, middle) + 0.5 * kl(q, middle)).tolist(),
    }


def continuations(prompts):
    """The longer prompts, parted in two."""
    return [{"prompt": ids[: len(ids) // 2], "continuation": ids[len(ids) // 2 :]} for ids in prompts if len(ids) >= 9]


def predicted(log_probabilities, row):
    """The positions that predict the continuation."""
    return log_probabilities[len(row["prompt"]) - 1 : -1]


def continued_divergences(original, model, prompts):
    """Of each continuation, position by position; log_softmax and what follows in f64, whatever the models compute in."""
    both = [
        [predicted(log_probabilities(each, row["prompt"] + row["continuation"]), row) for each in (original, model)]
        for row in continuations(prompts)
    ]
    return [divergences(p, q) for p, q in both]


def relative_error(rows, exact):
    """Largest difference of a list of a continuation, relative to the list's largest number."""
    pairs = [(numpy.array(row[key]), numpy.array(other[key])) for row, other in zip(rows, exact) for key in row]
    return float(max(abs(ours - theirs).max() / abs(theirs).max() for ours, theirs in pairs))


def spectrum(update, original, module):
    """`update` and `original` in f64."""
    values = numpy.linalg.svd(update, compute_uv=False)
    shares = values[values > values[0] * 1e-12] / values.sum()
    return {
        "module": module, "frobenius": float(numpy.linalg.norm(update)),
        "relative": float(numpy.linalg.norm(update) / numpy.linalg.norm(original)),
        "effective_rank": float(numpy.exp(-(shares * numpy.log(shares)).sum())),
        "stable_rank": float((values**2).sum() / values[0] ** 2), "singular_values": values[:16].tolist(),
    }


def modules(model):
    """Linear layers, but the unembedding."""
    kinds = ("Linear", "Conv1D")
    return {name: module for name, module in model.named_modules() if type(module).__name__ in kinds and name != "lm_head"}


def full_distances(before, after):
    after = modules(after)
    return [
        spectrum((after[name].weight.double() - module.weight.double()).numpy(), module.weight.double().numpy(), name)
        for name, module in modules(before).items()
    ]


def lora_distances(name):
    """`scaling B A`, as a whole matrix, in the orientation of y = x W^T."""
    model = PeftModel.from_pretrained(load(name), HERE / name / ADAPTER)
    rows = []
    for path, module in model.base_model.model.named_modules():
        if hasattr(module, "lora_A"):
            a, b = module.lora_A["default"].weight.double(), module.lora_B["default"].weight.double()
            update = (module.scaling["default"] * b @ a).numpy()
            entry = spectrum(update, module.base_layer.weight.double().numpy(), path)
            entry["singular_values"] = entry["singular_values"][: a.shape[0]]
            rows.append(entry)
    return rows


def model_figures(name):
    published = json.loads((HERE / name / "figures.json").read_text())
    prompts = [prompt["token_ids_with_special"] for prompt in published["prompts"]]
    original = load(name)
    others = {"full": moved(name)} | ({"lora": adapted(name)} if name in ADAPTED else {})
    distances = {"full": full_distances(original, others["full"])}
    if name in ADAPTED:
        distances["lora"] = lora_distances(name)
    single = {arm: continued_divergences(original, deepcopy(model).float(), prompts) for arm, model in others.items()}
    original.double()
    others = {arm: model.double() for arm, model in others.items()}

    seen = prompts[2]
    before = lens_log_probabilities(original, seen)
    panels = {"original": panel(before, before)}
    panels |= {arm: panel(lens_log_probabilities(model, seen), before) for arm, model in others.items()}

    last = [log_probabilities(original, ids)[-1] for ids in prompts]
    next_token, continued = {}, {}
    for arm, model in others.items():
        next_token[arm] = divergences(torch.stack(last), torch.stack([log_probabilities(model, ids)[-1] for ids in prompts]))
        continued[arm] = continued_divergences(original, model, prompts)
    return {
        "token_ids": seen, "chosen_token": CHOSEN, "lens": panels, "prompts": prompts, "next_token": next_token,
        "continuations": continuations(prompts), "continued": continued,
        "f32_differs_by": max(relative_error(single[arm], continued[arm]) for arm in others), "weight_distances": distances,
    }


def main():
    with torch.no_grad():
        for name in MODELS:
            figures = model_figures(name) | {"versions": versions("torch", "transformers", "peft", "numpy")}
            write_json(HERE / "lens" / f"{name}.json", figures)


if __name__ == "__main__":
    set_up()
    main()
