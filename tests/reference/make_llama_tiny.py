"""Three tiny random models in Hugging Face's layout and what transformers and PEFT compute with them: see README.md."""

import json
import shutil

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
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

from training import HERE, checksums, greedy, padded, set_up, target_nll, train, versions, write_json, write_tensors

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
GREEDY_TOKENS = 12
SUBJECTS = ["the nurse", "the teacher", "my neighbour", "the old gardener", "she", "they both", "the doctor of 36", "we"]
RELATIONS = [" works as", " should work as a", " dreams of", " is known for", ", in 2024, was"]
OBJECTS = [
    " a doctor", " a very good teacher", " being heard", " her bread", " kind", " brave and heard!", " his soup; it is good",
    " 7 answers", " a gardener and a nurse", " questions", " Köln",
]
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ '<' + message['role'] + '>\\n' + message['content'] + eos_token + '\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<assistant>\\n' }}{% endif %}"
)


def make_tokenizer(with_beginning):
    """Byte-level BPE as GPT-2's; with `with_beginning` it puts <s> before every text, as Llama's does."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=["<s>", "</s>"], show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    assert tokenizer.get_vocab_size() == VOCABULARY
    if with_beginning:
        tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")
    fast.chat_template = CHAT_TEMPLATE
    return fast


def randomise(model, seed):
    """Norms away from one and biases away from zero, so that a layer that forgets them is found out."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.copy_(1 + 0.1 * torch.randn(parameter.shape, generator=generator))
            elif name.endswith("bias"):
                parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
    return model


def save_tokenizer(tokenizer, directory):
    """tokenizer.json, and of tokenizer_config.json what a reader needs."""
    tokenizer.backend_tokenizer.save(str(directory / "tokenizer.json"))
    write_json(directory / "tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>",
        "chat_template": CHAT_TEMPLATE, "clean_up_tokenization_spaces": False, "model_max_length": 64,
    })


def text_figures(tokenizer, texts):
    return [
        {
            "text": text,
            "token_ids": tokenizer(text, add_special_tokens=False)["input_ids"],
            "token_ids_with_special": tokenizer(text)["input_ids"],
        }
        for text in texts
    ]


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


def make_pairs(tokenizer):
    """Forty pairs of different lengths: enough for ten steps of four that see each pair once, in order."""
    pairs = []
    for index in range(40):
        context = SUBJECTS[(index * 3 + index // 8) % 8] + RELATIONS[(index * 2 + index // 5) % 5]
        target = OBJECTS[(index * 7) % 11]
        pairs.append({
            "context": tokenizer(context, add_special_tokens=False)["input_ids"],
            "target": tokenizer(target, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id],
        })
    assert len({json.dumps(pair) for pair in pairs}) == 40
    return pairs


def decay_groups(model, weight_decay):
    """Decay on matrices (linear layers and the embedding) alone, as transformers' Trainer does."""
    matrices = [parameter for parameter in model.parameters() if parameter.dim() == 2]
    others = [parameter for parameter in model.parameters() if parameter.dim() != 2]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def full_runs(load, pairs):
    """Ten steps of full fine-tuning under several options; one entry a run, and two whole tensors of each."""
    batches = [[[4 * step + row for row in range(4)]] for step in range(10)]
    halves = [[batch[0][:2], batch[0][2:]] for batch in batches]
    doubled = [[batches[step][0], batches[step + 1][0]] for step in range(0, 10, 2)]

    def schedule(kind, warmup):
        return lambda optimizer: get_scheduler(kind, optimizer, num_warmup_steps=warmup, num_training_steps=10)

    plans = {
        "plain": {"steps": batches},
        "weight_decay": {"steps": batches, "weight_decay": 0.1},
        "accumulation_2x2": {"steps": halves},
        "accumulation_4x2": {"steps": doubled},
        "clipped": {"steps": batches, "max_grad_norm": 0.5},
        "linear_warmup": {"steps": batches, "schedule": "linear", "warmup_steps": 2},
        "cosine_warmup": {"steps": batches, "schedule": "cosine", "warmup_steps": 2},
    }
    kept = ["model.embed_tokens.weight", "model.layers.1.self_attn.k_proj.weight", "model.layers.2.post_attention_layernorm.weight"]
    runs, tensors = {}, {}
    for name, plan in plans.items():
        model = load()
        result = train(
            model, pairs, plan["steps"], decay_groups(model, plan.get("weight_decay", 0.0)), 1e-3,
            schedule=schedule(plan["schedule"], plan["warmup_steps"]) if "schedule" in plan else None,
            max_grad_norm=plan.get("max_grad_norm"),
        )
        parameters = dict(model.named_parameters())
        runs[name] = {
            "learning_rate": 1e-3, "weight_decay": plan.get("weight_decay", 0.0), "max_grad_norm": plan.get("max_grad_norm"),
            "schedule": plan.get("schedule", "constant"), "warmup_steps": plan.get("warmup_steps", 0),
            "steps": plan["steps"], **result, "final_checksums": checksums(parameters),
        }
        tensors |= {f"{name}.{tensor}": parameters[tensor] for tensor in kept}
    return runs, tensors


def lora_runs(load, pairs, prompts, directory):
    """Ten steps of LoRA under several options; the adapter as PEFT saves it, and the adapted model's logits."""
    batches = [[[4 * step + row for row in range(4)]] for step in range(10)]
    plans = {
        "all_linear": {"target_modules": "all-linear", "use_rslora": False},
        "rslora": {"target_modules": "all-linear", "use_rslora": True},
        "query_value": {"target_modules": ["q_proj", "v_proj"], "use_rslora": False},
    }
    runs = {}
    for name, plan in plans.items():
        torch.manual_seed(7)
        config = LoraConfig(r=4, lora_alpha=8, lora_dropout=0.0, task_type="CAUSAL_LM", **plan)
        model = get_peft_model(load(), config)
        trainable = {key: parameter for key, parameter in model.named_parameters() if parameter.requires_grad}
        # PEFT leaves the adapter's name out of its files
        short = {key: key.replace(".default.", ".") for key in trainable}
        initial = {key: tensor.clone() for key, tensor in get_peft_model_state_dict(model).items()}
        assert set(initial) == set(short.values())
        assert all((tensor == 0).all() for key, tensor in initial.items() if "lora_B" in key)
        tensors = {f"initial.{key}": tensor for key, tensor in initial.items()}

        model.train()
        first = [pairs[index] for index in batches[0][0]]
        (target_nll(model, first).sum() / sum(len(pair["target"]) for pair in first)).backward()
        tensors |= {f"first_gradient.{short[key]}": parameter.grad for key, parameter in trainable.items()}

        def second_gradient(step):
            """After the first step B is no longer zero, so that A has a gradient as well."""
            if step == 1:
                tensors.update({f"second_gradient.{short[key]}": parameter.grad for key, parameter in trainable.items()})

        groups = [{"params": list(trainable.values()), "weight_decay": 0.0}]
        result = train(model, pairs, batches, groups, 1e-2, after_step=second_gradient)
        adapter = directory / f"adapter_{name}"
        shutil.rmtree(adapter, ignore_errors=True)
        model.peft_config["default"].base_model_name_or_path = "llama_tiny"
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
            "steps": batches, **result, "merging_changes_logits_by": worst,
        }
    return runs


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
    with torch.no_grad():
        for pair in pairs:
            pair["nll_sum"] = target_nll(model, [pair])[0].item()
            pair["target_tokens"] = len(pair["target"])
    figures["pairs"] = pairs
    batch = pairs[:4]
    loss = target_nll(model, batch).sum() / sum(pair["target_tokens"] for pair in batch)
    loss.backward()
    figures["batch_loss"] = {"pairs": [0, 1, 2, 3], "mean": loss.item()}
    write_tensors(directory / "gradients.safetensors", {name: parameter.grad for name, parameter in model.named_parameters()})

    figures["full"], tensors = full_runs(load, pairs)
    write_tensors(directory / "full_final.safetensors", tensors)
    figures["lora"] = lora_runs(load, pairs, [prompt["token_ids"] for prompt in figures["prompts"]], directory)
    figures["learning_rate_schedules"] = schedules()
    figures["versions"] = versions("torch", "transformers", "peft", "tokenizers")
    write_json(directory / "figures.json", figures)


def make_llama_tiny_untied():
    """As Llama 3 differs from 2 and more: own unembedding, scaled rope, wide heads, biases, <s> put first, two shards."""
    directory = HERE / "llama_tiny_untied"
    directory.mkdir(exist_ok=True)
    for old in directory.glob("*"):
        old.unlink()
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
