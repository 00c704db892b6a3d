"""Fairness and quality of classifications as scikit-learn, fairlearn and NumPy compute them: see README.md."""

import math

import numpy as np
from fairlearn import metrics as fair
from sklearn import metrics
from sklearn.calibration import calibration_curve

from training import HERE, versions, write_json

EXAMPLES = 60
BINS = 10
MARGIN_BINS = 20


def cases():
    """Predictions with ties in the scores; the groups differ, or are the label, or one of them lacks a label."""
    for seed, (name, options, groups) in enumerate((
        ("two_options_two_groups", 2, 2), ("two_options_three_groups", 2, 3), ("three_options_two_groups", 3, 2),
        ("three_options_three_groups", 3, 3), ("group_is_label", 2, 2), ("empty_class_in_a_group", 2, 2), ("one_label_only", 2, 2),
    )):
        generator = np.random.default_rng(seed)
        group = np.concatenate([np.arange(groups), generator.integers(0, groups, size=EXAMPLES - groups)])
        label = generator.integers(0, options, size=EXAMPLES)
        if name == "group_is_label":
            label = group.copy()
        if name == "empty_class_in_a_group":
            label[group == 0] = 0
        if name == "one_label_only":
            label[:] = 1
        # leans towards the label, more so in the higher groups
        counts = generator.integers(0, 9, size=(EXAMPLES, options))
        counts[np.arange(EXAMPLES), label] += 2 + group
        counts[counts.sum(axis=1) == 0, 0] = 1
        # twentieths for two options, so that scores tie and meet the bins' edges; one wholly sure example of each kind
        if options == 2:
            positive = np.round(20 * counts[:, 1] / counts.sum(axis=1)) / 20
            positive[:2] = [1.0, 0.0]
            probability = np.stack([1 - positive, positive], axis=1)
        else:
            probability = counts / counts.sum(axis=1, keepdims=True)
        # the answer is not always the likeliest option: a decoder's generated text need not be
        predicted = probability.argmax(axis=1)
        predicted[5] = (predicted[5] + 1) % options
        draws = [np.bincount(generator.integers(0, EXAMPLES, size=EXAMPLES), minlength=EXAMPLES) for _ in range(3)]
        if name == "two_options_three_groups":
            # a resample that has lost a group
            draws.append(np.where(group == 2, 0, 1))
        yield {
            "name": name, "options": options, "groups": groups, "label": label, "predicted": predicted, "group": group,
            "probability": probability, "weights": [np.ones(EXAMPLES, dtype=int), *draws, np.zeros(EXAMPLES, dtype=int)],
        }


def figures(case, weights):
    """Of the sample in which each example stands as often as it was drawn."""
    places = np.repeat(np.arange(EXAMPLES), weights)
    options, groups = case["options"], case["groups"]
    label, predicted, group = case["label"][places], case["predicted"][places], case["group"][places]
    probability = case["probability"][places]
    everyone = list(range(options))
    if not len(places):
        return {"n": 0}
    parts = [np.flatnonzero(group == one) for one in range(groups)]
    present = all(len(part) for part in parts)
    accuracies = [float(metrics.accuracy_score(label[part], predicted[part])) if len(part) else None for part in parts]
    out = {
        "n": len(places),
        "accuracy": float(metrics.accuracy_score(label, predicted)),
        "accuracy_by_group": accuracies,
        "confusion_by_group": [
            metrics.confusion_matrix(label[part], predicted[part], labels=everyone).ravel().tolist() if len(part) else [0] * options**2 for part in parts
        ],
        "f1": [nan_to_none(value) for value in metrics.f1_score(label, predicted, labels=everyone, average=None, zero_division=np.nan)],
        "macro_f1": float(metrics.f1_score(label, predicted, average="macro")),
    }
    if present:
        frame = fair.MetricFrame(metrics=metrics.accuracy_score, y_true=label, y_pred=predicted, sensitive_features=group)
        out |= {"accuracy_gap": float(frame.difference()), "worst_group_error": float(1 - frame.group_min())}
    out["positive"] = [one_against_rest(label, predicted, group, probability[:, option], option, parts, present) for option in everyone]
    if options > 2 and all(0 < (label == option).sum() for option in everyone):
        out["macro_roc_auc"] = float(metrics.roc_auc_score(label, probability, multi_class="ovr", average="macro", labels=everyone))
    confidence, correct = probability[np.arange(len(places)), predicted], predicted == label
    accuracy_of_bin, confidence_of_bin = calibration_curve(correct, confidence, n_bins=BINS, strategy="uniform")
    out |= {
        "expected_calibration_error": expected_calibration_error(confidence, correct),
        "reliability": {"confidence": confidence_of_bin.tolist(), "accuracy": accuracy_of_bin.tolist()},
    }
    return out


def one_against_rest(label, predicted, group, score, option, parts, present):
    """With one option as the positive one. fairlearn takes an undefined rate for 0; `odds_defined` says whether one was."""
    positive, called = (label == option).astype(int), (predicted == option).astype(int)
    rate = lambda chosen: nan_to_none(float(called[chosen].mean()) if chosen.any() else math.nan)
    out = {
        "prediction_rate": float(fair.selection_rate(positive, called)),
        "true_positive_rate": rate(positive == 1), "false_positive_rate": rate(positive == 0),
        "roc_auc": float(metrics.roc_auc_score(positive, score)) if 0 < positive.sum() < len(positive) else None,
    }
    if present:
        out |= {
            "demographic_parity_difference": float(fair.demographic_parity_difference(positive, called, sensitive_features=group)),
            "equalized_odds_difference": float(fair.equalized_odds_difference(positive, called, sensitive_features=group)),
            "odds_defined": all(0 < positive[part].sum() < len(part) for part in parts),
        }
    return out


def expected_calibration_error(confidence, correct):
    """The plain definition, which none of the packages has: the bins' shares of the sample times their distance from the diagonal."""
    edges = np.linspace(0.0, 1.0, BINS + 1)
    error = 0.0
    for place in range(BINS):
        inside = (confidence > edges[place]) & (confidence <= edges[place + 1])
        if place == 0:
            inside |= confidence == 0.0
        if inside.any():
            error += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    return float(error)


def margins(case):
    """Probability of the decision of what is called option 1, in common bins."""
    edges = np.linspace(1 / case["options"], 1.0, MARGIN_BINS + 1)
    chosen = case["probability"][case["predicted"] == 1, 1]
    inside = chosen[(chosen >= edges[0]) & (chosen <= 1.0)]
    counts, _ = np.histogram(inside, bins=edges)
    return {"edges": edges.tolist(), "counts": counts.tolist(), "outside": int(len(chosen) - len(inside))}


def nan_to_none(value):
    return None if math.isnan(value) else float(value)


def main():
    write_json(HERE / "fairness" / "figures.json", {
        "cases": {
            case["name"]: {
                "options": case["options"], "groups": case["groups"],
                **{key: case[key].tolist() for key in ("label", "predicted", "group")},
                "probability": case["probability"].ravel().tolist(),
                "margins": margins(case),
                "samples": [{"weights": weights.tolist(), **figures(case, weights)} for weights in case["weights"]],
            }
            for case in cases()
        },
        "versions": versions("numpy", "scikit-learn", "fairlearn"),
    }, digits=17)


if __name__ == "__main__":
    main()
