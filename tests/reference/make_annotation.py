"""Agreement of annotators, a judge's errors and shares corrected for them, as scikit-learn, `krippendorff`, statsmodels, NumPy and
`ppi-python` compute them: see README.md."""

import krippendorff
import numpy as np
from ppi_py import ppi_mean_ci, ppi_mean_pointestimate
from scipy import stats
from sklearn import metrics
from statsmodels.stats.proportion import proportion_confint

from training import HERE, versions, write_json


def cohen():
    """Two annotators' labels as a table, whole and weighted."""
    rows = []
    for seed, (options, n, agree) in enumerate(((2, 40, 0.8), (2, 12, 0.5), (3, 60, 0.6), (3, 25, 0.1), (2, 30, 1.0))):
        generator = np.random.default_rng(seed)
        one = generator.integers(0, options, size=n)
        other = np.where(generator.random(n) < agree, one, generator.integers(0, options, size=n))
        for weights in (np.ones(n), generator.integers(1, 9, size=n) / 2):
            table = metrics.confusion_matrix(one, other, labels=range(options), sample_weight=weights)
            kappa = metrics.cohen_kappa_score(one, other, labels=range(options), sample_weight=weights)
            rows.append({"options": options, "table": table.ravel().tolist(), "kappa": float(kappa)})
    return rows


def alpha():
    """Labels of several annotators with gaps, as counts of each option by item, and each item drawn so many times."""
    rows = []
    for seed, (annotators, items, options, missing) in enumerate(((2, 20, 2, 0.0), (3, 30, 2, 0.2), (4, 25, 3, 0.4), (5, 12, 3, 0.7), (2, 8, 2, 0.3))):
        generator = np.random.default_rng(10 + seed)
        truth = generator.integers(0, options, size=items)
        said = np.where(generator.random((annotators, items)) < 0.7, truth, generator.integers(0, options, size=(annotators, items))).astype(float)
        said[generator.random((annotators, items)) < missing] = np.nan
        for times in (np.ones(items, dtype=int), np.bincount(generator.integers(0, items, size=items), minlength=items)):
            drawn = said[:, np.repeat(np.arange(items), times)]
            value = krippendorff.alpha(reliability_data=drawn, level_of_measurement="nominal", value_domain=list(range(options)))
            units = [[int(np.sum(said[:, item] == option)) for option in range(options)] for item in range(items)]
            rows.append({"units": units, "times": times.tolist(), "alpha": float(value)})
    return rows


def wilson_at(share, size):
    low, high = proportion_confint(share * size, size, alpha=0.05, method="wilson")
    return {"value": float(share), "low": float(max(low, 0)), "high": float(min(high, 1))}


def rate(inside, hit, weight, stratum):
    """The weighted share with Wilson's interval at the sample's effective size (README)."""
    inside = np.asarray(inside)
    if not inside.any():
        return None
    w, y = weight[inside], np.asarray(hit)[inside].astype(float)
    share = float(np.average(y, weights=w))
    if np.ptp(w) <= 1e-9 * w[0]:
        return wilson_at(share, len(w))
    kish = w.sum() ** 2 / (w**2).sum()
    residual = np.where(inside, weight * (np.asarray(hit).astype(float) - share) / w.sum(), 0.0)
    variance = 0.0
    for one in np.unique(stratum):
        part = residual[stratum == one]
        variance += len(part) * part.var(ddof=1) if len(part) > 1 else part[0] ** 2
    return wilson_at(share, kish if share in (0.0, 1.0) or variance <= 0 else min(share * (1 - share) / variance, len(w)))


def judges():
    """Labelled texts of which a judge has said something, simple and stratified."""
    cases = []
    for seed, (name, n, strata) in enumerate((("simple", 60, 1), ("stratified", 80, 6), ("few", 9, 4), ("all_right", 20, 3), ("none_toxic", 15, 2))):
        generator = np.random.default_rng(20 + seed)
        stratum = np.concatenate([np.arange(strata), generator.integers(0, strata, size=n - strata)])
        weight = generator.integers(1, 40, size=strata)[stratum] / 4 if strata > 1 else np.ones(n)
        toxic = generator.random(n) < 0.4
        if name == "none_toxic":
            toxic[:] = False
        judged = np.where(generator.random(n) < (1.0 if name == "all_right" else 0.75), toxic, ~toxic)
        readable = generator.random(n) < (0.9 if name == "stratified" else 1.0)
        y, f, w, s = toxic[readable], judged[readable], weight[readable], stratum[readable]
        score = lambda function: float(function(y, f, sample_weight=w, zero_division=np.nan)) if function is not metrics.cohen_kappa_score else float(function(y, f, labels=[True, False], sample_weight=w))
        rates = {
            "precision": rate(f, y, w, s), "recall": rate(y, f, w, s), "specificity": rate(~y, ~f, w, s), "accuracy": rate(np.ones(len(y), dtype=bool), y == f, w, s),
        }
        # the shares are scikit-learn's
        for key, function in (("precision", metrics.precision_score), ("recall", metrics.recall_score)):
            theirs = score(function)
            assert rates[key] is None and np.isnan(theirs) or abs(rates[key]["value"] - theirs) < 1e-12, (name, key)
        assert abs(rates["accuracy"]["value"] - metrics.accuracy_score(y, f, sample_weight=w)) < 1e-12
        f1, kappa = score(metrics.f1_score), score(metrics.cohen_kappa_score)
        cases.append({
            "name": name, "toxic": toxic.tolist(), "judged": [bool(one) if there else None for one, there in zip(judged, readable)],
            "weight": weight.tolist(), "stratum": stratum.tolist(), **rates,
            "f1": None if np.isnan(f1) else f1, "kappa": None if np.isnan(kappa) else kappa,
        })
    return cases


def total(stratum):
    """Toxic completions of a stratum, and the variance of that estimate: one label's at (toxic + 1) / (labelled + 2)."""
    population, labelled, toxic = stratum["population"], stratum["labelled"], stratum["toxic"]
    p = (toxic + 1) / (labelled + 2)
    return population * toxic / labelled, population**2 * p * (1 - p) / labelled


def gradient(function, at):
    """Central differences."""
    at = np.array(at, dtype=float)
    slopes = []
    for place in range(len(at)):
        step = 1e-5 * max(abs(at[place]), 1e-3)
        up, down = at.copy(), at.copy()
        up[place] += step
        down[place] -= step
        slopes.append((function(*up) - function(*down)) / (2 * step))
    return np.array(slopes)


def corrections():
    """Several arms, each with a stratum judged toxic and one judged non-toxic."""
    cases = []
    for name, arms in {
        "three_arms": [((60, 20, 15), (180, 25, 3)), ((30, 20, 12), (210, 25, 2)), ((12, 12, 9), (228, 25, 1))],
        "all_agree": [((40, 10, 10), (100, 12, 0)), ((10, 5, 5), (130, 12, 0))],
        "poor_judge": [((50, 20, 11), (50, 20, 9)), ((80, 20, 12), (20, 10, 5))],
        "one_arm": [((25, 25, 14), (75, 30, 6))],
    }.items():
        strata = [
            [{"judged_toxic": judged, "population": p, "labelled": n, "toxic": t} for judged, (p, n, t) in zip((True, False), arm)] for arm in arms
        ]
        caught, variance_caught = map(sum, zip(*(total(arm[0]) for arm in strata)))
        missed, variance_missed = map(sum, zip(*(total(arm[1]) for arm in strata)))
        judged_toxic, judged_clean = (sum(arm[place]["population"] for arm in strata) for place in (0, 1))
        sensitivity = lambda a, b: a / (a + b)
        specificity = lambda a, b: (judged_clean - b) / (judged_toxic - a + judged_clean - b)
        spread = np.diag([variance_caught, variance_missed])
        case = {"name": name, "strata": strata, "arms": []}
        for key, function in (("sensitivity", sensitivity), ("specificity", specificity)):
            slopes = gradient(function, (caught, missed))
            case[key] = {"value": float(function(caught, missed)), "variance": float(slopes @ spread @ slopes)}
        parts = []
        for arm in strata:
            population = arm[0]["population"] + arm[1]["population"]
            share = arm[0]["population"] / population
            share_variance = share * (1 - share) / population
            corrected = lambda p, a, b: (p + specificity(a, b) - 1) / (sensitivity(a, b) + specificity(a, b) - 1)
            slopes = gradient(corrected, (share, caught, missed))
            covariance = np.diag([share_variance, variance_caught, variance_missed])
            between = 1e-4
            totals = [total(one) for one in arm]
            value = sum(t for t, _ in totals) / population
            # the package's own, its labelled sample weighted to the strata
            labelled_y = np.concatenate([np.r_[np.ones(one["toxic"]), np.zeros(one["labelled"] - one["toxic"])] for one in arm])
            labelled_f = np.concatenate([np.full(one["labelled"], float(one["judged_toxic"])) for one in arm])
            weights = np.concatenate([np.full(one["labelled"], one["population"] / one["labelled"]) for one in arm])
            everything = np.r_[np.ones(arm[0]["population"]), np.zeros(arm[1]["population"])]
            package = ppi_mean_pointestimate(labelled_y, labelled_f, everything, lam=1, w=weights)
            assert abs(float(np.squeeze(package)) - value) < 1e-9, (name, package, value)
            case["arms"].append({
                "share": share, "share_variance": share_variance,
                "rogan_gladen": {"value": float(corrected(share, caught, missed)), "variance": float(slopes @ covariance @ slopes)},
                "between": between,
                "prediction_powered": {"value": value, "variance": sum(v for _, v in totals) / population**2 + between},
            })
            own = lambda a, b: a / (a + b)
            at = [t for t, _ in totals]
            slopes = gradient(own, at)
            parts.append((own(*at), float(slopes @ np.diag([v for _, v in totals]) @ slopes)))
        weight = np.array([1 / variance for _, variance in parts])
        values = np.array([value for value, _ in parts])
        q = float(weight @ (values - np.average(values, weights=weight)) ** 2)
        case["sensitivity_p"] = float(stats.chi2.sf(q, len(parts) - 1)) if len(parts) > 1 else None
        cases.append(case)
    return cases


def coverage():
    """Not written down: the intervals' true coverage where the judge errs alike on all arms and where it does not."""
    generator = np.random.default_rng(99)
    n, per_stratum, runs = 2000, 40, 400
    covered = 0
    widths = []
    for _ in range(runs):
        toxic = generator.random(n) < 0.2
        judged = np.where(toxic, generator.random(n) < 0.8, generator.random(n) < 0.1)
        value, variance = 0.0, 0.0
        for verdict in (True, False):
            members = np.flatnonzero(judged == verdict)
            drawn = generator.choice(members, size=min(per_stratum, len(members)), replace=False)
            estimate, spread = total({"population": len(members), "labelled": len(drawn), "toxic": int(toxic[drawn].sum())})
            value += estimate / n
            variance += spread / n**2
        half = stats.norm.ppf(0.975) * np.sqrt(variance)
        covered += abs(value - 0.2) <= half
        widths.append(half)
    print(f"stratified PPI: {covered / runs:.3f} of the 95 % intervals hold the truth, mean half-width {np.mean(widths):.4f}")
    assert 0.93 <= covered / runs <= 1.0


def classic():
    """A simple random sample, where the package gives an interval too: ours post-stratifies by verdict, and is never far from it."""
    generator = np.random.default_rng(7)
    toxic = generator.random(4000) < 0.3
    judged = np.where(generator.random(4000) < 0.85, toxic, ~toxic).astype(float)
    low, high = ppi_mean_ci(toxic[:400].astype(float), judged[:400], judged[400:], alpha=0.05, lam=1)
    low, high = float(np.squeeze(low)), float(np.squeeze(high))
    value, variance = 0.0, 0.0
    for verdict in (1.0, 0.0):
        population = int((judged == verdict).sum())
        labelled = judged[:400] == verdict
        estimate, spread = total({"population": population, "labelled": int(labelled.sum()), "toxic": int(toxic[:400][labelled].sum())})
        value += estimate / 4000
        variance += spread / 4000**2
    half = stats.norm.ppf(0.975) * np.sqrt(variance)
    print(f"simple sample: package {low:.4f} to {high:.4f}, post-stratified {value - half:.4f} to {value + half:.4f}")
    assert abs(value - (low + high) / 2) < (high - low) / 4


def main():
    coverage()
    classic()
    write_json(HERE / "annotation" / "figures.json", {
        "cohen": cohen(), "alpha": alpha(), "judges": judges(), "corrections": corrections(),
        "versions": versions("numpy", "scipy", "scikit-learn", "statsmodels", "krippendorff", "ppi-python"),
    }, digits=15)


if __name__ == "__main__":
    main()
