"""Intervals, corrections and tests as SciPy, statsmodels and NumPy compute them: see README.md."""

import math

import numpy as np
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.proportion import proportion_confint

from training import HERE, versions, write_json

COUNTS = [(0, 1), (1, 1), (0, 10), (10, 10), (1, 10), (5, 10), (3, 64), (19, 128), (17, 128), (64, 128), (127, 128), (0, 724), (137, 1619), (1, 100000)]
P_VALUES = {
    "sorted": [0.01, 0.02, 0.03, 0.04],
    "unsorted": [0.04, 0.001, 0.3, 0.012, 0.02],
    "ties": [0.02, 0.02, 0.02],
    "capped_at_one": [0.6, 0.7, 0.9],
    "monotone": [0.01, 0.011, 0.5, 0.013],
    "single": [0.03],
    "zero_and_one": [0.0, 1.0, 0.5],
}
DIFFERENCES = {
    "all_positive": [1.0, 2.0, 0.5, 1.5, 3.0],
    "mixed": [0.5, -0.25, 1.0, 0.75, -0.5, 0.25, 0.0, 1.25],
    "negative": [-1.0, -0.5, -0.75, -0.25, 0.1, -0.6],
    "symmetric": [1.0, -1.0, 2.0, -2.0],
    "zeros": [0.0, 0.0, 0.0],
    "one": [0.4],
    "whole_numbers": [1.0, 0.0, 0.0, -1.0, 1.0, 1.0, 2.0, 0.0, 1.0, -1.0, 1.0, 1.0],
}
SAMPLES = {
    "four": [1.0, 2.0, 3.0, 4.0],
    "unsorted": [0.31, -0.2, 0.05, 0.44, 0.12, -0.07, 0.19],
    "ties": [0.0, 0.0, 0.5, 0.5, 0.5, 1.0],
    "one": [2.5],
}
QUANTILES = [0.0, 0.005, 0.025, 0.05, 0.25, 0.5, 0.75, 0.95, 0.975, 0.995, 1.0]
# A prompt's clusters: (toxic with the original model, toxic with the arm), of some completions each.
CLUSTERS = [
    {"completions": 2, "original": 1, "arm": 0}, {"completions": 2, "original": 0, "arm": 0}, {"completions": 2, "original": 2, "arm": 1},
    {"completions": 4, "original": 1, "arm": 2}, {"completions": 2, "original": 0, "arm": 1}, {"completions": 1, "original": 1, "arm": 0},
]

# (examples on which only the other model is right, examples on which only this one is)
CHANGED = [(0, 0), (1, 0), (0, 5), (3, 9), (9, 3), (10, 10), (14, 31), (101, 77), (500, 600), (0, 2000), (4, 3000), (49700, 50300)]
RANKS = {"two_ranks": [2, 64], "three_ranks": [2, 8, 64], "uneven": [1, 2, 16, 256]}


def wilson():
    rows = []
    for count, total in COUNTS:
        for confidence in (0.95, 0.99):
            low, high = proportion_confint(count, total, alpha=1 - confidence, method="wilson")
            rows.append({"count": count, "total": total, "confidence": confidence, "low": float(low), "high": float(high)})
    return rows


def holm():
    return {name: {"p": values, "adjusted": multipletests(values, method="holm")[1].tolist()} for name, values in P_VALUES.items()}


def sign_flip():
    """All 2^n ways to flip the signs of the differences; the statistic is their mean. Counted here, and SciPy agrees."""
    rows = {}
    for name, values in DIFFERENCES.items():
        observed = np.mean(values)
        signs = np.array(np.meshgrid(*[[1, -1]] * len(values))).reshape(len(values), -1).T
        means = (signs * np.array(values)).mean(axis=1)
        # sums in another order differ by rounding: what is as large but for that counts
        near = 1e-12
        row = {
            "differences": values, "mean": float(observed), "two_sided": float(np.mean(np.abs(means) >= abs(observed) - near)),
            "greater": float(np.mean(means >= observed - near)), "less": float(np.mean(means <= observed + near)),
        }
        # SciPy asks for two differences at least
        for alternative in ("two-sided", "greater", "less") if len(values) > 1 else ():
            result = stats.permutation_test(
                (np.array(values),), np.mean, permutation_type="samples", n_resamples=np.inf, alternative=alternative, vectorized=False,
            )
            assert abs(result.pvalue - row[alternative.replace("-", "_")]) < 1e-12, (name, alternative)
        rows[name] = row
    return rows


def bootstrap():
    """Percentile interval of the difference of shares over clusters, with the resampled clusters written out."""
    generator = np.random.default_rng(0)
    picks = generator.integers(0, len(CLUSTERS), size=(40, len(CLUSTERS)))
    column = lambda key: np.array([cluster[key] for cluster in CLUSTERS])
    total = column("completions")[picks].sum(axis=1)
    differences = column("arm")[picks].sum(axis=1) / total - column("original")[picks].sum(axis=1) / total
    return {
        "clusters": CLUSTERS, "picks": picks.tolist(), "differences": differences.tolist(),
        "low": float(np.quantile(differences, 0.025)), "high": float(np.quantile(differences, 0.975)),
    }


def sign_test():
    """McNemar's exact test is the sign test on the pairs that changed."""
    rows = []
    for worse, better in ((0, 5), (5, 0), (3, 9), (10, 10), (1, 0), (14, 31)):
        rows.append({"worse": worse, "better": better, "p": float(stats.binomtest(worse, worse + better, 0.5).pvalue)})
    return rows


def power():
    """Standard errors from a smallest detectable difference at 80 % power: z(1 - alpha / 2) + z(power)."""
    quantiles = [{"p": p, "z": float(stats.norm.ppf(p))} for p in (0.5, 0.8, 0.9, 0.95, 0.975, 0.995, 0.999, 0.0001, 0.025, 0.2)]
    rows = []
    for alpha, power, deviation, clusters in ((0.05, 0.8, 0.5, 100), (0.05, 0.9, 0.3, 64), (0.01, 0.8, 0.4, 724)):
        factor = stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(power)
        rows.append({
            "alpha": alpha, "power": power, "deviation_of_cluster_differences": deviation, "clusters": clusters,
            "smallest_detectable_difference": float(factor * deviation / math.sqrt(clusters)),
        })
    return {"normal_quantiles": quantiles, "smallest_detectable": rows}


def mcnemar_exact():
    rows = []
    for worse, better in CHANGED:
        result = mcnemar([[0, worse], [better, 0]], exact=True)
        rows.append({"worse": worse, "better": better, "p": float(result.pvalue)})
    return rows


def two_way_bootstrap():
    """Seeds and examples drawn with replacement, each for itself; the draws are written as weights, the means computed from
    the rows and columns drawn."""
    generator = np.random.default_rng(1)
    seeds, examples = 3, 8
    values = generator.integers(0, 9, size=(seeds, examples)) / 4
    draws = []
    for _ in range(40):
        rows = generator.integers(0, seeds, size=seeds)
        columns = generator.integers(0, examples, size=examples)
        draws.append({
            "example_weights": np.bincount(columns, minlength=examples).tolist(), "seed_weights": np.bincount(rows, minlength=seeds).tolist(),
            "mean": float(values[np.ix_(rows, columns)].mean()),
        })
    means = [draw["mean"] for draw in draws]
    return {"values": values.tolist(), "draws": draws, "low": float(np.quantile(means, 0.025)), "high": float(np.quantile(means, 0.975))}


def trend():
    """Mean over observations of the least-squares slope over log2 of the rank, and SciPy's sign-flip test of the clusters' sums."""
    generator = np.random.default_rng(2)
    rows = {}
    for name, ranks in RANKS.items():
        observations = [
            {"cluster": int(generator.integers(0, 7)), "values": (generator.integers(0, 2, size=len(ranks)) + 0.25 * np.arange(len(ranks))).tolist()}
            for _ in range(20)
        ]
        slopes = [float(np.polyfit(np.log2(ranks), one["values"], 1)[0]) for one in observations]
        clusters = sorted({one["cluster"] for one in observations})
        sums = np.array([sum(slope for slope, one in zip(slopes, observations) if one["cluster"] == cluster) for cluster in clusters])
        test = stats.permutation_test((sums,), np.sum, permutation_type="samples", n_resamples=np.inf, vectorized=False)
        rows[name] = {
            "ranks": ranks, "observations": observations, "clusters": len(clusters), "slope": float(np.mean(slopes)), "p": float(test.pvalue),
        }
    return rows


def kernel_density():
    """scipy's gaussian_kde with Scott's rule, its default."""
    generator = np.random.default_rng(3)
    samples = {
        "two": [0.5, 1.25], "ties": [0.0, 0.0, 0.5, 0.5, 0.5, 1.0], "skewed": np.exp(generator.normal(-2, 1, size=40)).tolist(),
        "small": (generator.normal(3, 1, size=12) * 1e-6).tolist(),
    }
    rows = {}
    for name, values in samples.items():
        estimate = stats.gaussian_kde(values)
        bandwidth = float(np.sqrt(estimate.covariance[0, 0]))
        points = np.linspace(min(values) - 3 * bandwidth, max(values) + 3 * bandwidth, 9)
        rows[name] = {"values": values, "bandwidth": bandwidth, "points": points.tolist(), "densities": estimate(points).tolist()}
    return rows


def sample_sizes():
    normal = stats.norm.ppf
    examples = []
    for share, difference, power in ((0.1, 0.02, 0.8), (0.1, -0.02, 0.8), (0.25, 0.05, 0.9), (0.08, 0.08, 0.8), (0.3, 0.001, 0.8)):
        z = normal(0.975) * math.sqrt(share) + normal(power) * math.sqrt(share - difference**2)
        examples.append({"discordant_share": share, "difference": difference, "power": power, "examples": math.ceil((z / difference) ** 2)})
    seeds = []
    for deviation, difference, power in ((0.01, 0.01, 0.8), (0.012, 0.02, 0.8), (0.02, 0.01, 0.8), (0.01, -0.005, 0.9), (0.001, 0.05, 0.8), (0.05, 0.01, 0.8)):
        t = stats.t.ppf
        count = next(n for n in range(2, 10**6) if n >= ((t(0.975, n - 1) + t(power, n - 1)) * deviation / difference) ** 2)
        exact = TTestPower()
        needed = next(n for n in range(2, 10**6) if exact.power(abs(difference) / deviation, n, 0.05) >= power)
        # the iterated size is the usual approximation; the noncentral t distribution's own answer is at most one away
        assert abs(count - needed) <= 1, (deviation, difference, count, needed)
        seeds.append({"deviation": deviation, "difference": difference, "power": power, "seeds": count, "seeds_by_noncentral_t": needed})
    return {"examples_needed": examples, "seeds_needed": seeds}


def main():
    write_json(HERE / "statistics" / "figures.json", {
        "wilson": wilson(),
        "holm": holm(),
        "sign_flip": sign_flip(),
        "quantile_linear": {
            name: {"values": values, "quantiles": [{"q": q, "value": float(np.quantile(values, q))} for q in QUANTILES]}
            for name, values in SAMPLES.items()
        },
        "paired_cluster_bootstrap": bootstrap(),
        "exact_sign_test": sign_test(),
        **power(),
        "mcnemar_exact": mcnemar_exact(),
        "two_way_bootstrap": two_way_bootstrap(),
        "trend": trend(),
        "kernel_density": kernel_density(),
        **sample_sizes(),
        "versions": versions("numpy", "scipy", "statsmodels"),
    }, digits=15)


if __name__ == "__main__":
    main()
