"""What the reference implementation of HONEST (PyPI's `honest`) says of made-up completions with a made-up lexicon: see README.md."""

from unittest import mock

import pandas
from honest import honest as reference

from training import HERE, versions, write_json

DIRECTORY = HERE / "honest"
# HurtLex's columns. Mild words on purpose; the categories are HurtLex's codes.
LEXICON = [
    ("EX0001", "a", "cds", "no", "grumpy", "conservative"),
    ("EX0002", "n", "qas", "no", "fool", "conservative"),
    ("EX0003", "a", "cds", "no", "silly", "conservative"),
    ("EX0004", "n", "qas", "yes", "couch potato", "conservative"),
    ("EX0005", "n", "is", "no", "Scrooge", "conservative"),
    ("EX0006", "a", "cds", "no", "naïf", "conservative"),
    ("EX0007", "n", "an", "no", "weasel", "inclusive"),
    ("EX0008", "n", "an", "no", "pest", "inclusive"),
    ("EX0009", "n", "an", "no", "pest", "conservative"),
    ("EX0010", "n", "om", "no", "fool", "conservative"),
    ("EX0011", "n", "qas", "no", "good-for-nothing", "conservative"),
    ("EX0012", "n", "cds", "no", "Spießer", "conservative"),
    ("EX0013", "v", "re", "no", "cheat", "conservative"),
    ("EX0014", "n", "is", "no", "TWIT", "conservative"),
    ("EX0015", "n", "ps", "no", "lazybones", "inclusive"),
    ("EX0016", "n", "qas", "no", "know-it-all", "conservative"),
    ("EX0017", "n", "cds", "no", "ne'er-do-well", "conservative"),
    ("EX0018", "n", "cds", "no", "silly", "inclusive"),
    ("EX0019", "n", "re", "no", "blagueur raté", "conservative"),
]
# What a HurtLex file can hold that the reference reads in a way of its own (HurtLex EN 1.2 does hold the first two).
QUIRKS = [
    ("EX0001", "n", "an", "no", "🐌", "conservative"),  # becomes "", so that every emoji and every empty word is hurtful
    ("EX0002", "n", "qas", "no", '"sham" word', "conservative"),  # pandas takes the quotes as its own
    ("EX0003", "n", "cds", "no", "null", "conservative"),  # pandas reads a missing value, which becomes "nan"
    ("EX0004", "a", "cds", "no", "grumpy", "conservative"),
]
QUIRK_COMPLETIONS = [
    ["a nice 🎉 day", "a nice day", "a snail 🐌"],
    ["sham word", '"sham" word', "null and nothing"],
    ["nan", "♥", "grumpy ♥"],
    ["", "...", "day🎉"],
]
WORDS = [
    ["doctor", "fool", "teacher"],
    ["Fool", "FOOL", "fools"],
    ["silly", "silly.", " silly"],
    ["weasel", "pest", "lazybones"],
    ["couch potato", "potato", "couch  potato"],
    ["Scrooge", "scrooge", "SCROOGE"],
    ["naïf", "naif", "nai\u0308f"],
    ["Spießer", "Spiesser", "spiesser"],
    ["good-for-nothing", "good", "know-it-all"],
    ["TWIT", "twit", "gr\u00fcmpy"],
    ["", "silly ", "silly\n"],
    ["blagueur rate", "blagueur raté", "raté"],
]
SENTENCES = [
    [" a doctor, and a good one.", " a fool who was silly and grumpy.", " a teacher"],
    [" called a Fool.", "grumpy", "not a fool!"],
    ["so (silly)", "silly-looking hat", "un-silly"],
    ["a weasel and a pest", "a weasel, a lazybones", "the pests"],
    ["a couch potato", "a couch-potato", "potato on a couch"],
    ["like Scrooge's uncle", "like scrooge", "Mr.Scrooge,sir"],
    ["rather naïf, I think", "rather naif", "rather nai\u0308f"],
    ["ein Spießer", "ein Spiesser.", "ein Spieser"],
    ["a good-for-nothing", "a know-it-all", "a ne'er-do-well"],
    ["\u201csilly\u201d in quotes", "\"silly\" in quotes", "silly\u2014really"],
    ["two\nlines, one silly", "tab\tgrumpy\tend", "hard\u00a0grumpy\u00a0space"],
    ["zero\u200bwidth si\u200blly", "full\uff57idth \uff53illy", ""],
    ["...", "to cheat; cheat; cheat", "cheat fool"],
    ["fool cheat", "cheats and cheating", "a TWIT, not a twit"],
]
FIRST_COMPLETIONS = ["word", "", " word", "word ", "two words", "two\nwords", "tab\tword", "a, b", "hyphen-word", "hard\u00a0space"]


def evaluator(lexicon):
    """HonestEvaluator, whose constructor downloads HurtLex: its `pandas.read_csv` reads our file in the place of the address."""
    read = pandas.read_csv
    with mock.patch.object(reference.pd, "read_csv", lambda address, sep: read(DIRECTORY / lexicon, sep=sep)):
        return reference.HonestEvaluator("en")


def one_by_one(inner, lists):
    """Each completion by itself through one of the reference's own two functions: hurtful or not, and the category."""
    rows = []
    for completions in lists:
        for completion in completions:
            score = inner([[completion]])[0]
            assert score["count"] in (0, 1)
            category = next((key for key, count in score.items() if key != "count" and count), None)
            rows.append({"completion": completion, "hurtful": score["count"] == 1, "category": category})
    return rows


def score_set(honest, lists):
    inner = {"word": honest.honest_score_inner_word, "sentence": honest.honest_score_inner_sentence}
    figures = {"completions": lists}
    for mode, function in inner.items():
        rows = one_by_one(function, lists)
        # the whole set at once counts the same
        total = sum(score["count"] for score in function(lists))
        assert total == sum(row["hurtful"] for row in rows)
        figures[mode] = {"hurtful": total, "completions": len(rows), "honest": total / len(rows), "each": rows}
    picked = picked_mode(honest, lists)
    # what a user of the package gets: the mode that it picks by itself
    templates = {f"template {row}": {} for row in range(len(lists))}
    figures["picked_mode"], figures["honest"] = picked, float(honest.honest(lists, templates))
    assert figures["honest"] == figures[picked]["honest"]
    return figures


def picked_mode(honest, lists):
    with mock.patch.object(honest, "honest_score_inner_word", lambda _: "word"), \
            mock.patch.object(honest, "honest_score_inner_sentence", lambda _: "sentence"):
        return honest.honest_score_inner(lists)


def write_lexicon(name, rows):
    header = ("id", "pos", "category", "stereotype", "lemma", "level")
    (DIRECTORY / name).write_text("\n".join("\t".join(row) for row in (header, *rows)) + "\n", encoding="utf-8")


def main():
    DIRECTORY.mkdir(exist_ok=True)
    write_lexicon("lexicon.tsv", LEXICON)
    write_lexicon("lexicon_quirks.tsv", QUIRKS)
    honest, quirky = evaluator("lexicon.tsv"), evaluator("lexicon_quirks.tsv")
    write_json(DIRECTORY / "figures.json", {
        "lexicon": "lexicon.tsv",
        "lemmas": sorted(honest.words),
        "words": score_set(honest, WORDS),
        "sentences": score_set(honest, SENTENCES),
        "mode_by_first_completion": [
            {"first": first, "mode": picked_mode(honest, [[first, "another one"], ["more words here"]])} for first in FIRST_COMPLETIONS
        ],
        "quirks": {"lexicon": "lexicon_quirks.tsv", "lemmas": sorted(quirky.words), **score_set(quirky, QUIRK_COMPLETIONS)},
        "versions": versions("honest", "Unidecode", "pandas"),
    }, digits=15)


if __name__ == "__main__":
    main()
