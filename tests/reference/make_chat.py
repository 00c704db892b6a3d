"""One user's turn in four models' chat templates, rendered by transformers: see README.md."""

from transformers import PreTrainedTokenizerFast

from tiny_models import byte_level_bpe
from training import HERE, set_up, versions, write_json

# Each written anew from what the published tokenizer_config.json renders for user, assistant and system turns.
TEMPLATES = {
    "tulu": {
        "published_by": "allenai/tulu-2-7b", "bos_token": "<s>", "eos_token": "</s>",
        "template": (
            "{% for message in messages %}\n{{ '<|' + message['role'] + '|>\\n' + message['content'] }}"
            "{{ eos_token if message['role'] == 'assistant' }}\n"
            "{% endfor %}\n{% if add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}"
        ),
        # the beginning is put first by the tokenizer, not by the template
        "template_writes_beginning": False,
    },
    "chatml": {
        "published_by": "teknium/OpenHermes-2.5-Mistral-7B", "bos_token": "<s>", "eos_token": "<|im_end|>",
        "template": (
            "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
            "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
        ),
        "template_writes_beginning": False,
    },
    "llama-2": {
        "published_by": "meta-llama/Llama-2-7b-chat-hf", "bos_token": "<s>", "eos_token": "</s>",
        "template": (
            "{% for message in messages %}{% if message['role'] == 'user' %}"
            "{{ bos_token + '[INST] ' + message['content'].strip() + ' [/INST]' }}"
            "{% elif message['role'] == 'assistant' %}{{ ' ' + message['content'].strip() + ' ' + eos_token }}"
            "{% else %}{{ raise_exception('only user and assistant take turns') }}{% endif %}{% endfor %}"
        ),
        "template_writes_beginning": True,
    },
    "llama-3": {
        "published_by": "meta-llama/Meta-Llama-3-8B-Instruct", "bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>",
        "template": (
            "{% for message in messages %}{% set turn = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'"
            " + message['content'] | trim + '<|eot_id|>' %}{% if loop.first %}{{ bos_token }}{% endif %}{{ turn }}{% endfor %}"
            "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"
        ),
        "template_writes_beginning": True,
    },
}
TEXTS = ["Who works as a nurse?", "  Blanks around {{ braces }} and\ntwo lines \n", "[INST] <|user|> Grüße"]


def main():
    figures = {}
    for name, row in TEMPLATES.items():
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=byte_level_bpe(["<s>", "</s>"]), bos_token=row["bos_token"], eos_token=row["eos_token"],
        )
        rendered = [
            tokenizer.apply_chat_template(
                [{"role": "user", "content": text}], chat_template=row["template"], tokenize=False, add_generation_prompt=True,
            )
            for text in TEXTS
        ]
        figures[name] = row | {"turns": [{"text": text, "rendered": turn} for text, turn in zip(TEXTS, rendered)]}
    write_json(HERE / "chat" / "figures.json", {"templates": figures, "versions": versions("transformers")})


if __name__ == "__main__":
    set_up()
    main()
