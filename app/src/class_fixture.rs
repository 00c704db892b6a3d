//! Made-up results of classification studies for tests: plausible in shape, true of nothing.

use rankscope_domain::{
    Arm, MinorityFraction, StudyResults,
    class_results::{
        AccuracyContrast, ArmAccuracy, ClassificationResults, FractionCount, GroupMeasures, Measure, PairedTest, RankTrend, Reading,
        ReadingResults, ReliabilityBin,
    },
    dataset::GroupCount,
    estimate::ModelSummary,
    recipe::{HeadKind, StudyKind},
    results::{Claim, CounterfactualCounts, Finding, JudgeSummary, RESULTS_SCHEMA},
};

/// What a made-up study is like.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) ranks: Vec<u32>,
    pub(crate) fractions: Vec<f64>,
    /// Majority, minority, others. Named like the labels, the label makes the group.
    pub(crate) groups: Vec<&'static str>,
    pub(crate) labels: Vec<&'static str>,
    pub(crate) seeds: u64,
    /// An arm whose cells all failed.
    pub(crate) failed: Option<Arm>,
}

impl Default for Made {
    fn default() -> Self {
        Self {
            ranks: vec![2, 8, 64],
            fractions: vec![1.0, 0.5, 0.25, 0.1],
            groups: vec!["positive", "negative"],
            labels: vec!["negative", "positive"],
            seeds: 3,
            failed: None,
        }
    }
}

/// The usual study: four fractions, three ranks, the label makes the group, two readings.
pub(crate) fn class_results() -> ClassificationResults {
    Made::default().results()
}

const BINS: usize = 20;

impl Made {
    fn arms(&self) -> Vec<Arm> {
        std::iter::once(Arm::Original).chain(self.ranks.iter().map(|&r| Arm::Lora(r))).chain([Arm::Full]).collect()
    }

    fn by_label(&self) -> bool {
        self.groups.iter().all(|group| self.labels.contains(group))
    }

    pub(crate) fn study(&self) -> StudyResults {
        StudyResults {
            schema: RESULTS_SCHEMA,
            name: "Made up".into(),
            kind: StudyKind::Classification,
            recipe_sha256: String::new(),
            model: ModelSummary {
                source: "default".into(),
                name: "Tiny".into(),
                kind: "llama".into(),
                parameters: 1,
                layers: 1,
                hidden_size: 1,
                vocab_size: 1,
                sha256: String::new(),
                dtype: "F32".into(),
                licence: None,
                revision: None,
            },
            judge: JudgeSummary::default(),
            alpha_policy: "lora_alpha = 2 r".into(),
            prompts: 0,
            completions_per_prompt: 0,
            clusters: 0,
            groups: Vec::new(),
            counterfactuals: CounterfactualCounts::default(),
            cells: Vec::new(),
            arms: Vec::new(),
            contrasts: Vec::new(),
            claims: vec![Claim {
                claim: "The minority loses more with LoRA than with full fine-tuning.".into(),
                finding: Finding::Inconclusive,
                because: "No contrast with full is below 0.05 after Holm.".into(),
            }],
            work_seconds: 61.0,
            inspection: None,
            classification: Some(self.results()),
        }
    }

    pub(crate) fn results(&self) -> ClassificationResults {
        let fraction = |value: &f64| MinorityFraction::new(*value).unwrap();
        let minority_train = 886;
        ClassificationResults {
            dataset: "sst2".into(),
            train_examples: 2000,
            test_examples: 872,
            head: HeadKind::Answers,
            prompt: "Text: {text}\nAnswer:".into(),
            labels: self.labels.iter().map(ToString::to_string).collect(),
            positive_label: self.labels.last().unwrap().to_string(),
            grouped_by: "its label".into(),
            groups: self
                .groups
                .iter()
                .zip([(1114, 444), (minority_train, 428), (70, 60), (20, 10)])
                .map(|(group, (train, test))| GroupCount { group: group.to_string(), train, test })
                .collect(),
            minority: self.groups[1].into(),
            majority: self.groups[0].into(),
            fractions: self
                .fractions
                .iter()
                .map(|value| {
                    let kept = fraction(value).of(minority_train as usize) as u32;
                    FractionCount { fraction: fraction(value), minority_examples: kept, train_examples: 1114 + kept }
                })
                .collect(),
            seeds: (0..self.seeds).collect(),
            margin_edges: (0..=BINS).map(|bin| 0.5 + 0.5 * bin as f64 / BINS as f64).collect(),
            readings: [Reading::Likelihood, Reading::GeneratedText].map(|reading| self.reading(reading)).into(),
        }
    }

    fn reading(&self, reading: Reading) -> ReadingResults {
        let mut arms = Vec::new();
        for arm in self.arms() {
            if arm == Arm::Original {
                arms.push(self.arm(reading, arm, None));
            } else {
                arms.extend(self.fractions.iter().map(|value| self.arm(reading, arm, Some(MinorityFraction::new(*value).unwrap()))));
            }
        }
        let mut contrasts = Vec::new();
        let (mut trends, mut margin_trends) = (Vec::new(), Vec::new());
        for at in self.fractions.iter().map(|value| MinorityFraction::new(*value).unwrap()) {
            for group in [None, Some(self.groups[1].to_string())] {
                for &r in &self.ranks {
                    let difference = self.accuracy(Arm::Lora(r), Some(at), 1) - self.accuracy(Arm::Full, Some(at), 1);
                    contrasts.push(AccuracyContrast {
                        arm: Arm::Lora(r),
                        against: Arm::Full,
                        fraction: at,
                        group: group.clone(),
                        difference,
                        low: difference - 0.03,
                        high: difference + 0.03,
                        p: 0.04,
                        p_holm: 0.12,
                        test: if self.seeds > 1 { PairedTest::SignFlip } else { PairedTest::McnemarExact },
                        examples: 428,
                        seeds: self.seeds as u32,
                        seed_differences: Vec::new(),
                        discordant: 0.1,
                        detectable: Some(0.042),
                    });
                }
                trends.push(RankTrend {
                    fraction: at,
                    group,
                    slope: 0.011,
                    seed_slopes: vec![0.011],
                    low: 0.004,
                    high: 0.018,
                    p: 0.003,
                    examples: 428,
                });
            }
            margin_trends.push(RankTrend {
                fraction: at,
                group: None,
                slope: 0.0123,
                seed_slopes: vec![0.0123],
                low: 0.009,
                high: 0.016,
                p: 0.0002,
                examples: 410,
            });
        }
        ReadingResults { reading, arms, contrasts, trends, margin_trends }
    }

    /// Higher ranks and larger fractions are better, the minority (1) suffers from small ones.
    fn accuracy(&self, arm: Arm, fraction: Option<MinorityFraction>, group: usize) -> f64 {
        let skill = match arm {
            Arm::Original => return if group == 1 { 0.58 } else { 0.66 },
            Arm::Lora(r) => 0.006 * f64::from(r).log2(),
            Arm::Full => 0.05,
        };
        let scarcity = -fraction.map_or(1.0, MinorityFraction::value).ln();
        let lost = if group == 1 { 0.085 - 0.5 * skill } else { -0.01 };
        (0.86 + skill - 0.02 * group as f64 - lost * scarcity).clamp(0.02, 0.99)
    }

    fn arm(&self, reading: Reading, arm: Arm, fraction: Option<MinorityFraction>) -> ArmAccuracy {
        let failed = self.failed == Some(arm);
        let has_probability = reading != Reading::GeneratedText;
        let measure = |value: f64, n: u32| {
            if failed {
                return Measure::default();
            }
            let half = 1.96 * (value * (1.0 - value) / f64::from(n)).max(0.0).sqrt();
            Measure { value: Some(value), low: Some((value - half).max(0.0)), high: Some((value + half).min(1.0)), n }
        };
        let probable = |value: f64, n: u32| if has_probability { measure(value, n) } else { Measure::default() };
        let n_of = |group: usize| [444_u32, 428, 60, 10][group];
        let less = if reading == Reading::GeneratedText { 0.03 } else { 0.0 };
        let accuracies: Vec<f64> = (0..self.groups.len()).map(|group| self.accuracy(arm, fraction, group) - less).collect();
        let seeds: Vec<u64> = if failed { Vec::new() } else { (0..if arm == Arm::Original { 1 } else { self.seeds }).collect() };
        let mean = accuracies.iter().sum::<f64>() / accuracies.len() as f64;
        let seed_accuracy: Vec<f64> = seeds.iter().map(|seed| mean + 0.004 * (*seed as f64 - 1.0)).collect();
        let reliability = |accuracy: f64| -> Vec<ReliabilityBin> {
            if failed || !has_probability {
                return Vec::new();
            }
            (0..10)
                .map(|bin| {
                    let low = f64::from(bin) / 10.0;
                    let n = if bin < 5 { 0 } else { 20 + 30 * (bin as u32 - 5) * (bin as u32 - 5) };
                    let right = (low + 0.05 - 0.12 * (1.0 - accuracy) * f64::from(bin - 4)).clamp(0.0, 1.0);
                    ReliabilityBin { low, high: low + 0.1, n, confidence: low + 0.055, accuracy: right }
                })
                .collect()
        };
        let sharpness = match arm {
            Arm::Original => 0.0,
            Arm::Lora(r) => 1.0 + 0.5 * f64::from(r).log2(),
            Arm::Full => 6.0,
        };
        let margins: Vec<u32> = (0..BINS).map(|bin| (40.0 * ((bin as f64 + 1.0) / BINS as f64).powf(sharpness)).round() as u32).collect();
        let margin_sum: u32 = margins.iter().sum();
        let margin_mean = margins.iter().enumerate().map(|(bin, &n)| f64::from(n) * (0.5 + (bin as f64 + 0.5) / 40.0)).sum::<f64>()
            / f64::from(margin_sum);
        let by_label = self.by_label();
        let groups = self
            .groups
            .iter()
            .enumerate()
            .map(|(index, group)| {
                let (accuracy, n) = (accuracies[index], n_of(index));
                let confusion = self
                    .labels
                    .iter()
                    .enumerate()
                    .map(|(label, name)| {
                        let row =
                            if failed || (by_label && name != group) { 0 } else { n / if by_label { 1 } else { self.labels.len() as u32 } };
                        let right = (f64::from(row) * accuracy).round() as u32;
                        let others = self.labels.len() as u32 - 1;
                        let mut cells: Vec<u32> =
                            (0..self.labels.len()).map(|column| if column == label { right } else { (row - right) / others }).collect();
                        if !has_probability {
                            cells.push(row / 40);
                        }
                        cells
                    })
                    .collect();
                GroupMeasures {
                    group: group.to_string(),
                    accuracy: measure(accuracy, n),
                    seed_accuracy: seeds.iter().map(|_| accuracy).collect(),
                    calibration_error: probable(0.4 * (1.0 - accuracy), n),
                    reliability: reliability(accuracy),
                    confusion,
                }
            })
            .collect();
        let lowest = accuracies.iter().copied().fold(1.0, f64::min);
        let highest = accuracies.iter().copied().fold(0.0, f64::max);
        ArmAccuracy {
            arm,
            fraction,
            seeds,
            learning_rate: arm.is_trained().then_some(if arm == Arm::Full { 2e-5 } else { 2e-4 }),
            weight_decay: arm.is_trained().then_some(if arm == Arm::Full { 0.25 } else { 0.0 }),
            accuracy: measure(mean, 872),
            seed_accuracy,
            groups,
            worst_group_error: measure(1.0 - lowest, 872),
            group_gap: measure(highest - lowest, 872),
            harmful_bias_gap: arm
                .rank()
                .map(|_| measure((self.accuracy(arm, fraction, 1) - self.accuracy(Arm::Full, fraction, 1)).abs(), n_of(1))),
            demographic_parity_difference: measure(0.7, 872),
            equalized_odds_difference: if by_label { Measure::default() } else { measure(0.08, 872) },
            f1: measure(mean - 0.01, 872),
            macro_f1: measure(mean - 0.005, 872),
            auc: probable((mean + 0.05).min(1.0), 872),
            calibration_error: probable(0.4 * (1.0 - mean), 872),
            unreadable: if has_probability { Measure::default() } else { measure(0.025, 872) },
            margins: if failed || !has_probability { Vec::new() } else { margins },
            mean_margin: probable(margin_mean, 400),
            reliability: reliability(mean),
        }
    }
}
