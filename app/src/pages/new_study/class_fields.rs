//! The form's inputs that classification studies alone have.

use super::fields::{Control, DECIMAL, Section, WHOLE, field, only_with};

pub(super) const DATA: Section = Section {
    title: "Data",
    fields: &[
        field(
            "data.source",
            "data.source",
            "",
            "The labelled texts. “builtin” is the set of short reviews that comes with Rankscope; dataset:NAME is one of the page Datasets; or a path on this machine: a JSONL, CSV or parquet file, or a directory in the hub’s layout.",
            Control::Dataset,
        ),
        field(
            "data.train_limit",
            "data.train_limit",
            "examples",
            "Train on at most this many, groups and labels as in the whole. Empty: all.",
            WHOLE,
        ),
        field("data.test_limit", "data.test_limit", "examples", "Test on at most this many, likewise. Empty: all.", WHOLE),
        field(
            "data.label_names",
            "data.label_names",
            "",
            "The labels in the order of their numbers, separated by commas: negative, positive. Empty: as the set says.",
            Control::Text,
        ),
        field(
            "data.positive_label",
            "data.positive_label",
            "",
            "The label that F1, AUC, rates and margins take for positive. Empty: the last.",
            Control::Text,
        ),
    ],
    more: &[
        field("data.text_column", "data.text_column", "", "Empty: the first there is of text, sentence, review, content.", Control::Text),
        field("data.label_column", "data.label_column", "", "Empty: the first there is of label, labels, class.", Control::Text),
        field(
            "data.train_split",
            "data.train_split",
            "",
            "The split that is trained on. Empty: train, or all of a set in one piece.",
            Control::Text,
        ),
        field(
            "data.test_split",
            "data.test_split",
            "",
            "The split that is tested on. Empty: validation, else test, else test_share of the set.",
            Control::Text,
        ),
        field("data.test_path", "data.test_path", "", "A file of its own for the test examples, read like data.source.", Control::Text),
        field("data.test_share", "data.test_share", "of the set", "Kept back for testing where a set is in one piece.", DECIMAL),
        field("data.selection_seed", "data.selection_seed", "", "Which examples a limit or test_share takes.", WHOLE),
    ],
};

pub(super) const GROUPS: Section = Section {
    title: "Groups",
    fields: &[
        field(
            "groups.by",
            "groups.by",
            "",
            "What makes a group: whose accuracy is compared, and whose training examples are made few. The paper has the label.",
            Control::Select(&[("label", "its label"), ("column", "a column of the set"), ("terms", "words in the text")]),
        ),
        field(
            "groups.minority",
            "groups.minority",
            "",
            "The group that is made small, as women or negative. Empty: the one with the fewest training examples.",
            Control::Text,
        ),
        field(
            "groups.minority_fractions",
            "groups.minority_fractions",
            "of the minority",
            "Parts of the minority’s training examples that are kept, separated by commas; every arm is trained anew with each, and smaller parts lie within larger ones. The default, 1, 0.5, 0.25, 0.1, is ours: the paper’s text gives none.",
            Control::Text,
        ),
        only_with(
            field("groups.column", "groups.column", "", "The column whose values are the groups.", Control::Text),
            "groups.by",
            &["column"],
        ),
        only_with(
            field(
                "groups.terms",
                "groups.terms",
                "",
                "Each group’s words, with semicolons between groups: women: she, her; men: he, his. A text belongs to the first group of which a word occurs in it, letter case aside; where none does, to “other”.",
                Control::Area,
            ),
            "groups.by",
            &["terms"],
        ),
    ],
    more: &[],
};

pub(super) const CLASSIFIER: Section = Section {
    title: "Classifier",
    fields: &[
        field(
            "classifier.head",
            "classifier.head",
            "",
            "How a model says its label. Decoders such as GPT-2 can do both; encoders such as BERT need the classification head.",
            Control::Select(&[("answers", "answers with one of the options"), ("class_head", "classification head")]),
        ),
        only_with(
            field(
                "classifier.options",
                "classifier.options",
                "",
                "The answers in the order of the labels, separated by commas. Empty: the labels’ names.",
                Control::Text,
            ),
            "classifier.head",
            &["answers"],
        ),
        only_with(
            field(
                "classifier.max_new_tokens",
                "max_new_tokens",
                "tokens",
                "Written freely by the model and searched for the label, beside the options’ likelihood; 0: not asked to write. Empty: 6.",
                WHOLE,
            ),
            "classifier.head",
            &["answers"],
        ),
        only_with(
            field(
                "classifier.prompt",
                "classifier.prompt",
                "",
                "What is put to the model, with {text} and, if you like, {options}. Empty: ours.",
                Control::Area,
            ),
            "classifier.head",
            &["answers"],
        ),
    ],
    more: &[],
};
