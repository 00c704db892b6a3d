"""Two tiny random OPTs, one of them laid out as opt-350m is: see README.md."""

import torch
from tokenizers import processors
from transformers import AutoModelForCausalLM, AutoTokenizer, OPTConfig, OPTForCausalLM

from tiny_models import VOCABULARY, byte_level_bpe, decoder_figures, empty, lora_plans, randomise
from training import set_up, versions, write_json

SPECIAL_TOKENS = ["<s>", "<pad>", "</s>", "<unk>"]


def config(**more):
    return OPTConfig(
        vocab_size=VOCABULARY, hidden_size=24, ffn_dim=40, num_hidden_layers=2, num_attention_heads=3, max_position_embeddings=64,
        init_std=0.4, dropout=0.0, pad_token_id=1, bos_token_id=2, eos_token_id=2, dtype="float32", **more,
    )


def finish(directory, model, kept):
    """The figures, computed with what was written."""

    def load():
        return AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager").eval()

    loaded = load().state_dict()
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in model.state_dict().items())
    tokenizer = AutoTokenizer.from_pretrained(directory)
    assert tokenizer("the")["input_ids"][0] == tokenizer.convert_tokens_to_ids("</s>"), "OPT puts </s> first"
    figures = decoder_figures(load, tokenizer, directory, kept, lora_plans("query_value", ["q_proj", "v_proj"]))
    figures["versions"] = versions("torch", "transformers", "peft", "tokenizers")
    write_json(directory / "figures.json", figures)


def make_opt_tiny():
    """As opt-125m was published: one .bin, whose names lack `model.` and whose lm_head.weight is the embedding's own storage."""
    directory = empty("opt_tiny")
    torch.manual_seed(27)
    model = randomise(OPTForCausalLM(config()), 28)
    model.config.architectures = ["OPTForCausalLM"]
    model.config.save_pretrained(directory)
    torch.save({name.removeprefix("model."): tensor for name, tensor in model.state_dict().items()}, directory / "pytorch_model.bin")
    byte_level_bpe(SPECIAL_TOKENS).model.save(str(directory))
    token = {"__type": "AddedToken", "lstrip": False, "normalized": True, "rstrip": False, "single_word": False}
    write_json(directory / "tokenizer_config.json", {
        "errors": "replace", "unk_token": token | {"content": "</s>"}, "bos_token": token | {"content": "</s>"},
        "eos_token": token | {"content": "</s>"}, "pad_token": token | {"content": "<pad>"}, "add_prefix_space": False,
        "add_bos_token": True, "tokenizer_class": "GPT2Tokenizer",
    })
    write_json(directory / "special_tokens_map.json", {
        "bos_token": "</s>", "eos_token": "</s>", "unk_token": "</s>", "pad_token": "<pad>",
    })
    finish(directory, model, ["model.decoder.embed_positions.weight", "model.decoder.layers.1.fc1.weight",
                              "model.decoder.layers.0.self_attn_layer_norm.bias"])


def make_opt_350m_tiny():
    """As opt-350m: an embedding narrower than the model with a projection on either side, norms behind the blocks, none at the end."""
    directory = empty("opt_350m_tiny")
    torch.manual_seed(13)
    model = randomise(OPTForCausalLM(config(word_embed_proj_dim=16, do_layer_norm_before=False)), 14)
    model.save_pretrained(directory)
    (directory / "generation_config.json").unlink(missing_ok=True)
    tokenizer = byte_level_bpe(SPECIAL_TOKENS)
    tokenizer.post_processor = processors.TemplateProcessing(single="</s> $A", special_tokens=[("</s>", 2)])
    tokenizer.save(str(directory / "tokenizer.json"))
    write_json(directory / "tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "</s>", "eos_token": "</s>", "pad_token": "<pad>", "model_max_length": 64,
    })
    finish(directory, model, ["model.decoder.project_in.weight", "model.decoder.project_out.weight",
                              "model.decoder.layers.1.final_layer_norm.weight"])


if __name__ == "__main__":
    set_up()
    make_opt_tiny()
    make_opt_350m_tiny()
