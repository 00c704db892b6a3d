"""A tiny random BERT with a classification head over three labels: see README.md."""

from collections import Counter

import torch
from tokenizers import normalizers, pre_tokenizers
from transformers import AutoModelForSequenceClassification, AutoTokenizer, BertConfig, BertForSequenceClassification

from tiny_models import (
    PROMPTS,
    SENTENCES,
    batch_loss,
    empty,
    full_runs,
    logits,
    lora_plans,
    lora_runs,
    more_text_figures,
    pair_texts,
    randomise,
    text_figures,
    write_gradients,
)
from training import Objective, padded, set_up, versions, write_json, write_tensors

LABELS = 3


def write_vocabulary(directory):
    """A WordPiece vocabulary, one token a line as BERT's vocab.txt: characters, some whole words and some ends of words.

    Made by hand, since the trainer of `tokenizers` orders what is equally frequent anew in each run.
    """
    normalizer, splitter = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()
    words = Counter(word for text in SENTENCES for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text)))
    characters = sorted({character for word in words for character in word})
    endings = Counter(f"##{word[-length:]}" for word in words for length in (2, 3) if len(word) > length)
    vocabulary = [
        "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters, *(f"##{character}" for character in characters),
        *sorted(word for word, count in words.items() if count > 1 and len(word) > 1),
        *sorted(ending for ending, count in endings.items() if count > 1),
    ]
    (directory / "vocab.txt").write_text("".join(f"{token}\n" for token in vocabulary), encoding="utf-8")
    write_json(directory / "tokenizer_config.json", {"do_lower_case": True, "model_max_length": 64, "tokenizer_class": "BertTokenizer"})
    return len(vocabulary)


def label_nll(model, examples):
    """-log p(label | text), one a text."""
    ids, mask = padded([example["token_ids"] for example in examples], fill=model.config.pad_token_id)
    log_probabilities = model(input_ids=ids, attention_mask=mask).logits.log_softmax(-1)
    return -log_probabilities.gather(-1, torch.tensor([[example["label"]] for example in examples]))[:, 0]


CLASSES = Objective(lambda model, examples: label_nll(model, examples).sum(), lambda example: 1)


def make_examples(tokenizer, model):
    """The forty texts of the decoders' pairs, with a label that goes by their words and not by their place."""
    examples = []
    for context, target in pair_texts():
        text = context + target
        label = 0 if "nurse" in text or "doctor" in text else 1 if text.startswith(("the", "my")) else 2
        examples.append({"text": text, "token_ids": tokenizer(text)["input_ids"], "label": label})
    assert {example["label"] for example in examples} == set(range(LABELS))
    with torch.no_grad():
        for example in examples:
            example["nll"] = label_nll(model, [example])[0].item()
    return examples


def check_padding(model, prompts, expected):
    """The same logits from a batch padded on either side: how far apart at most."""
    worst = 0.0
    for side in ("right", "left"):
        ids, mask = padded(prompts, side)
        with torch.no_grad():
            hidden = model.bert(input_ids=ids, attention_mask=mask, position_ids=(mask.cumsum(-1) - 1).clamp(min=0)).last_hidden_state
            # transformers pools the first column, which is padding on the left: [CLS] is the first token that is none
            first = hidden[torch.arange(len(prompts)), mask.argmax(-1)]
            batch = model.classifier(model.bert.pooler(first[:, None]))
        for row in range(len(prompts)):
            worst = max(worst, (batch[row] - expected[f"logits.{row}"]).abs().max().item())
    assert worst < 1e-6, worst
    return worst


def main():
    directory = empty("bert_tiny")
    torch.manual_seed(17)
    config = BertConfig(
        vocab_size=write_vocabulary(directory), hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=3,
        max_position_embeddings=64, type_vocab_size=2, initializer_range=0.2, num_labels=LABELS,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, dtype="float32",
    )
    randomise(BertForSequenceClassification(config), 18).save_pretrained(directory)

    def load():
        return AutoModelForSequenceClassification.from_pretrained(
            directory, dtype=torch.float32, attn_implementation="eager",
        ).eval()

    tokenizer, model = AutoTokenizer.from_pretrained(directory), load()
    prompts = [tokenizer(text)["input_ids"] for text in PROMPTS]
    tensors = logits(model, prompts)
    write_tensors(directory / "logits.safetensors", tensors)
    examples = make_examples(tokenizer, model)
    loss = batch_loss(model, examples[:4], CLASSES)
    write_gradients(model, directory)
    kept = ["bert.embeddings.position_embeddings.weight", "bert.encoder.layer.1.attention.self.query.weight", "classifier.bias"]
    full, finals = full_runs(load, examples, {"plain": {}, "weight_decay": {"weight_decay": 0.1}}, kept, objective=CLASSES)
    write_tensors(directory / "full_final.safetensors", finals)
    plans = lora_plans("query_value", ["query", "value"])
    write_json(directory / "figures.json", {
        "prompts": text_figures(tokenizer, PROMPTS),
        "more_texts": more_text_figures(tokenizer),
        "padding_changes_logits_by": check_padding(model, prompts, tensors),
        "examples": examples,
        "batch_loss": {"examples": [0, 1, 2, 3], "mean": loss.item()},
        "full": full,
        "lora": lora_runs(load, examples, prompts, directory, plans, "SEQ_CLS", CLASSES),
        "versions": versions("torch", "transformers", "peft", "tokenizers"),
    })


if __name__ == "__main__":
    set_up()
    main()
