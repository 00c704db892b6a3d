"""A tiny random GPT-2 as the first GPT-2 was published: weights in two .bin shards, vocab.json and merges.txt: see README.md."""

import json

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel

from tiny_models import VOCABULARY, byte_level_bpe, decoder_figures, empty, lora_plans, randomise
from training import set_up, versions, write_json


def write_shards(model, directory):
    """Names without `transformer.`, no lm_head.weight (it is tied), and the causal masks that old versions kept as buffers."""
    state = {name.removeprefix("transformer."): tensor for name, tensor in model.state_dict().items() if name != "lm_head.weight"}
    length = model.config.n_positions
    for layer in range(model.config.n_layer):
        state[f"h.{layer}.attn.bias"] = torch.tril(torch.ones(length, length, dtype=torch.bool)).view(1, 1, length, length)
        state[f"h.{layer}.attn.masked_bias"] = torch.tensor(-1e4)
    shards = {
        "pytorch_model-00001-of-00002.bin": {name: tensor for name, tensor in state.items() if not name.startswith(("h.1.", "ln_f."))},
        "pytorch_model-00002-of-00002.bin": {name: tensor for name, tensor in state.items() if name.startswith(("h.1.", "ln_f."))},
    }
    for file, shard in shards.items():
        torch.save({name: tensor.clone() for name, tensor in shard.items()}, directory / file)
    total = sum(tensor.numel() * tensor.element_size() for tensor in state.values())
    weight_map = {name: file for file, shard in shards.items() for name in shard}
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
    (directory / "pytorch_model.bin.index.json").write_text(json.dumps(index, indent=2) + "\n")


def main():
    directory = empty("gpt2_tiny")
    torch.manual_seed(11)
    config = GPT2Config(
        vocab_size=VOCABULARY, n_embd=24, n_layer=2, n_head=3, n_positions=64, initializer_range=0.2, bos_token_id=0, eos_token_id=0,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, architectures=["GPT2LMHeadModel"], dtype="float32",
    )
    model = randomise(GPT2LMHeadModel(config), 12)
    config.save_pretrained(directory)
    write_shards(model, directory)
    byte_level_bpe(["<|endoftext|>"]).model.save(str(directory))
    # the published file holds no more than this: GPT-2's own tokens are the tokenizer's defaults
    write_json(directory / "tokenizer_config.json", {"model_max_length": 64, "tokenizer_class": "GPT2Tokenizer"})

    def load():
        return AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager").eval()

    loaded = load().state_dict()
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in model.state_dict().items())
    tokenizer = AutoTokenizer.from_pretrained(directory)
    kept = ["transformer.wpe.weight", "transformer.h.1.attn.c_attn.weight", "transformer.h.0.ln_2.bias"]
    figures = decoder_figures(load, tokenizer, directory, kept, lora_plans("c_attn", ["c_attn"]))
    figures["versions"] = versions("torch", "transformers", "peft", "tokenizers")
    write_json(directory / "figures.json", figures)


if __name__ == "__main__":
    set_up()
    main()
