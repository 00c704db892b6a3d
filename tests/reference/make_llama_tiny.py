"""Three tiny random models in Hugging Face's layout and what transformers and PEFT compute with them: see README.md."""

import json

import torch
from safetensors.torch import load_file
from tokenizers import processors
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    get_scheduler,
)

from tiny_models import (
    BATCHES,
    VOCABULARY,
    byte_level_bpe,
    empty,
    full_runs,
    lora_plans,
    lora_runs,
    make_pairs,
    model_figures,
    pair_figures,
    randomise,
    write_gradients,
)
from training import HERE, set_up, versions, write_json, write_tensors

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ '<' + message['role'] + '>\\n' + message['content'] + eos_token + '\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<assistant>\\n' }}{% endif %}"
)


def make_tokenizer(with_beginning):
    """Byte-level BPE as GPT-2's; with `with_beginning` it puts <s> before every text, as Llama's does."""
    tokenizer = byte_level_bpe(["<s>", "</s>"])
    if with_beginning:
        tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")
    fast.chat_template = CHAT_TEMPLATE
    return fast


def save_tokenizer(tokenizer, directory):
    """tokenizer.json, and of tokenizer_config.json what a reader needs."""
    tokenizer.backend_tokenizer.save(str(directory / "tokenizer.json"))
    write_json(directory / "tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>",
        "chat_template": CHAT_TEMPLATE, "clean_up_tokenization_spaces": False, "model_max_length": 64,
    })


def full_plans():
    """Ten steps of full fine-tuning under several options."""
    return {
        "plain": {},
        "weight_decay": {"weight_decay": 0.1},
        "accumulation_2x2": {"steps": [[batch[0][:2], batch[0][2:]] for batch in BATCHES]},
        "accumulation_4x2": {"steps": [[BATCHES[step][0], BATCHES[step + 1][0]] for step in range(0, 10, 2)]},
        "clipped": {"max_grad_norm": 0.5},
        "linear_warmup": {"schedule": "linear", "warmup_steps": 2},
        "cosine_warmup": {"schedule": "cosine", "warmup_steps": 2},
    }


def schedule(kind, warmup):
    return lambda optimizer: get_scheduler(kind, optimizer, num_warmup_steps=warmup, num_training_steps=10)


def schedules():
    """transformers' learning rate multipliers, one an optimiser step; warmup steps are ceil(ratio x steps)."""
    rows = []
    for kind in ("constant", "linear", "cosine"):
        for steps, warmup in ((1, 0), (10, 0), (10, 2), (7, 3), (5, 1)):
            parameter = torch.nn.Parameter(torch.zeros(1))
            optimizer = torch.optim.SGD([parameter], lr=1.0)
            scheduler = get_scheduler(kind, optimizer, num_warmup_steps=warmup, num_training_steps=steps)
            multipliers = []
            for _ in range(steps):
                multipliers.append(optimizer.param_groups[0]["lr"])
                optimizer.step()
                scheduler.step()
            rows.append({"schedule": kind, "steps": steps, "warmup_steps": warmup, "multipliers": multipliers})
    return rows


def make_llama_tiny():
    directory = HERE / "llama_tiny"
    tokenizer = make_tokenizer(with_beginning=False)
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, rms_norm_eps=1e-5, initializer_range=0.2, tie_word_embeddings=True,
        bos_token_id=0, eos_token_id=1, rope_parameters={"rope_type": "default", "rope_theta": 10000.0}, dtype="float32",
    )
    randomise(LlamaForCausalLM(config), 2).save_pretrained(directory)
    (directory / "generation_config.json").unlink(missing_ok=True)
    save_tokenizer(tokenizer, directory)
    tokenizer = AutoTokenizer.from_pretrained(directory)

    def load():
        return AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager").eval()

    model = load()
    figures, tensors = model_figures(model, tokenizer)
    write_tensors(directory / "logits.safetensors", tensors)
    messages = [{"role": "user", "content": "Who works as a gardener?"}]
    figures["chat"] = {
        "content": messages[0]["content"],
        "rendered": tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True),
    }

    pairs = make_pairs(tokenizer)
    figures |= pair_figures(model, pairs)
    write_gradients(model, directory)
    kept = ["model.embed_tokens.weight", "model.layers.1.self_attn.k_proj.weight", "model.layers.2.post_attention_layernorm.weight"]
    figures["full"], tensors = full_runs(load, pairs, full_plans(), kept, schedule)
    write_tensors(directory / "full_final.safetensors", tensors)
    prompts = [prompt["token_ids"] for prompt in figures["prompts"]]
    figures["lora"] = lora_runs(load, pairs, prompts, directory, lora_plans("query_value", ["q_proj", "v_proj"]))
    figures["learning_rate_schedules"] = schedules()
    figures["versions"] = versions("torch", "transformers", "peft", "tokenizers")
    write_json(directory / "figures.json", figures)


def make_llama_tiny_untied():
    """As Llama 3 differs from 2 and more: own unembedding, scaled rope, wide heads, biases, <s> put first, two shards."""
    directory = empty("llama_tiny_untied")
    tokenizer = make_tokenizer(with_beginning=True)
    rope = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=1, head_dim=16, max_position_embeddings=512, rms_norm_eps=1e-6, initializer_range=0.2,
        tie_word_embeddings=False, attention_bias=True, bos_token_id=0, eos_token_id=1,
        rope_parameters=rope | {"rope_theta": 5000.0}, dtype="float32",
    )
    model = randomise(LlamaForCausalLM(config), 4)
    model.save_pretrained(directory, max_shard_size="60KB")
    (directory / "generation_config.json").unlink(missing_ok=True)
    assert (directory / "model.safetensors.index.json").exists()
    # the names that nearly every published model has; transformers 5 writes rope_parameters and reads both
    written = json.loads((directory / "config.json").read_text())
    del written["rope_parameters"]
    written |= {"rope_theta": 5000.0, "rope_scaling": rope, "torch_dtype": written.pop("dtype")}
    (directory / "config.json").write_text(json.dumps(written, indent=2, sort_keys=True) + "\n")
    save_tokenizer(tokenizer, directory)
    tokenizer = AutoTokenizer.from_pretrained(directory)
    loaded = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        ids = torch.tensor([list(range(2, 50))])
        assert torch.equal(loaded.model.rotary_emb.inv_freq, model.model.rotary_emb.inv_freq)
        assert torch.allclose(loaded(input_ids=ids).logits, model.eval()(input_ids=ids).logits, atol=1e-5)
    figures, tensors = model_figures(loaded, tokenizer)
    # longer than a rope period that is scaled
    figures["long_prompt"] = {"token_ids": ids[0].tolist(), "logits": "logits.long"}
    with torch.no_grad():
        tensors["logits.long"] = loaded(input_ids=ids).logits[0]
    figures["rope_inverse_frequencies"] = loaded.model.rotary_emb.inv_freq.tolist()
    figures["versions"] = versions("torch", "transformers", "tokenizers")
    write_tensors(directory / "logits.safetensors", tensors)
    write_json(directory / "figures.json", figures)


def make_qwen2_tiny():
    """Qwen2: biases on q, k and v alone; stored in bf16, computed in f32."""
    directory = HERE / "qwen2_tiny"
    tokenizer = make_tokenizer(with_beginning=False)
    torch.manual_seed(5)
    config = Qwen2Config(
        vocab_size=VOCABULARY, hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, rms_norm_eps=1e-6, initializer_range=0.2, tie_word_embeddings=True,
        bos_token_id=0, eos_token_id=1, rope_parameters={"rope_type": "default", "rope_theta": 1000000.0}, dtype="bfloat16",
    )
    randomise(Qwen2ForCausalLM(config), 6).to(torch.bfloat16).save_pretrained(directory)
    (directory / "generation_config.json").unlink(missing_ok=True)
    save_tokenizer(tokenizer, directory)
    tokenizer = AutoTokenizer.from_pretrained(directory)
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager").eval()
    stored = load_file(directory / "model.safetensors")
    assert all(tensor.dtype == torch.bfloat16 for tensor in stored.values())
    figures, tensors = model_figures(model, tokenizer)
    figures["versions"] = versions("torch", "transformers", "tokenizers")
    write_tensors(directory / "logits.safetensors", tensors)
    write_json(directory / "figures.json", figures)


if __name__ == "__main__":
    set_up()
    make_llama_tiny()
    make_llama_tiny_untied()
    make_qwen2_tiny()
