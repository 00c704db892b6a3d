//! A classification study's results and counts as text, for people.

use super::table::columns;
use rankscope_domain::{
    MinorityFraction,
    class_results::{ArmAccuracy, ClassificationResults, Measure, ReadingResults},
    dataset::GroupCount,
    estimate::DataCounts,
};

/// Data and groups, then for the first reading the accuracies and the paper's Table 1; for other readings the accuracies.
pub(super) fn results(results: &ClassificationResults) -> String {
    let ClassificationResults { dataset, train_examples, test_examples, head, grouped_by, minority, majority, .. } = results;
    let mut text = format!(
        "{dataset}: {train_examples} examples to train on, {test_examples} to test on; {}\n\
         groups by {grouped_by}; minority {minority}, majority {majority}; positive label {}\n",
        head.label(),
        results.positive_label
    );
    for (index, reading) in results.readings.iter().enumerate() {
        text += &format!("\naccuracy by {} (95 %)\n{}", reading.reading.label(), accuracies(results, reading));
        if index == 0 {
            let table = table_1(results, reading);
            text += &format!("\nTable 1: HBG, harmful bias gap of {minority} to full; AP, worst group error; lower is better\n{table}");
            text += &contrasts(reading);
        }
    }
    text
}

/// A row for each arm and fraction: all examples, and each group.
fn accuracies(results: &ClassificationResults, reading: &ReadingResults) -> String {
    let mut head = vec!["arm".to_string(), "fraction".into(), "rate".into(), "seeds".into(), "all".into()];
    head.extend(results.groups.iter().map(|group| group.group.clone()));
    let mut rows = vec![head];
    for arm in &reading.arms {
        let mut row = vec![
            arm.arm.label(),
            fraction_text(arm.fraction),
            arm.learning_rate.map_or_else(String::new, |rate| format!("{rate:e}")),
            arm.seeds.len().to_string(),
            with_interval(&arm.accuracy),
        ];
        let of_group = |group: &GroupCount| arm.group(&group.group).map_or_else(|| "-".into(), |found| with_interval(&found.accuracy));
        row.extend(results.groups.iter().map(of_group));
        rows.push(row);
    }
    columns(&rows)
}

/// The paper's Table 1: a row for each arm that is trained, two columns for each fraction.
fn table_1(results: &ClassificationResults, reading: &ReadingResults) -> String {
    let fractions: Vec<MinorityFraction> = results.fractions.iter().map(|count| count.fraction).collect();
    let mut head = vec!["arm".to_string()];
    head.extend(fractions.iter().flat_map(|fraction| [format!("HBG at {fraction}"), format!("AP at {fraction}")]));
    let mut rows = vec![head];
    let mut arms: Vec<_> = reading.arms.iter().filter(|arm| arm.arm.is_trained()).map(|arm| arm.arm).collect();
    arms.dedup();
    for arm in arms {
        let mut row = vec![arm.label()];
        for fraction in &fractions {
            let found: Option<&ArmAccuracy> = reading.arm(arm, Some(*fraction));
            let gap = found.and_then(|found| found.harmful_bias_gap);
            row.push(gap.map_or_else(String::new, |gap| value(&gap)));
            row.push(found.map_or_else(|| "-".into(), |found| value(&found.worst_group_error)));
        }
        rows.push(row);
    }
    columns(&rows)
}

/// Each LoRA arm against full, over all test examples and within each group.
fn contrasts(reading: &ReadingResults) -> String {
    if reading.contrasts.is_empty() {
        return String::new();
    }
    let mut rows =
        vec![["difference of accuracies", "fraction", "group", "", "(95 %)", "p (Holm)", "detectable"].map(String::from).to_vec()];
    for contrast in &reading.contrasts {
        rows.push(vec![
            format!("{} - {}", contrast.arm.label(), contrast.against.label()),
            contrast.fraction.to_string(),
            contrast.group.clone().unwrap_or_else(|| "all".into()),
            signed(contrast.difference),
            format!("({} to {})", signed(contrast.low), signed(contrast.high)),
            format!("{:.3}", contrast.p_holm),
            contrast.detectable.map_or_else(|| "-".into(), percent),
        ]);
    }
    format!("\n{}", columns(&rows))
}

/// Examples by label and by group, and what each fraction leaves.
pub(super) fn counts(counts: &DataCounts) -> String {
    let DataCounts { train_examples, test_examples, labels, groups, minority, majority, fractions } = counts;
    let mut text = format!("        {train_examples} examples to train on, {test_examples} to test on\n");
    text += &format!("        minority {minority}, majority {majority}\n\n");
    for (what, list) in [("label", labels), ("group", groups)] {
        let mut rows = vec![[what, "train", "test"].map(String::from).to_vec()];
        rows.extend(list.iter().map(|count| vec![count.group.clone(), count.train.to_string(), count.test.to_string()]));
        text += &format!("{}\n", columns(&rows));
    }
    let mut rows = vec![["minority fraction", "of the minority", "to train on"].map(String::from).to_vec()];
    rows.extend(
        fractions.iter().map(|left| vec![left.fraction.to_string(), left.minority_examples.to_string(), left.train_examples.to_string()]),
    );
    text + &format!("{}\n", columns(&rows))
}

fn fraction_text(fraction: Option<MinorityFraction>) -> String {
    fraction.map_or_else(|| "-".into(), |fraction| fraction.to_string())
}

fn with_interval(measure: &Measure) -> String {
    match (measure.value, measure.low, measure.high) {
        (Some(value), Some(low), Some(high)) => format!("{} ({} to {})", percent(value), percent(low), percent(high)),
        (Some(value), _, _) => percent(value),
        (None, _, _) => "-".into(),
    }
}

fn value(measure: &Measure) -> String {
    measure.value.map_or_else(|| "-".into(), percent)
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn signed(difference: f64) -> String {
    format!("{:+.1} %", difference * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rankscope_domain::{
        Arm,
        class_results::{AccuracyContrast, FractionCount, GroupMeasures, PairedTest, Reading},
        recipe::HeadKind,
    };

    fn fraction(value: f64) -> MinorityFraction {
        MinorityFraction::new(value).unwrap()
    }

    fn measure(value: f64) -> Measure {
        Measure { value: Some(value), low: Some(value - 0.1), high: Some(value + 0.05), n: 100 }
    }

    fn group(name: &str, accuracy: Measure) -> GroupMeasures {
        GroupMeasures {
            group: name.into(),
            accuracy,
            seed_accuracy: vec![],
            calibration_error: Measure::default(),
            reliability: vec![],
            confusion: vec![],
        }
    }

    fn arm(arm: Arm, kept: Option<f64>, majority: Measure, minority: Measure, gap: Option<f64>) -> ArmAccuracy {
        let worst = [majority, minority].iter().filter_map(|measure| measure.value).map(|value| 1.0 - value).reduce(f64::max);
        ArmAccuracy {
            arm,
            fraction: kept.map(fraction),
            seeds: if worst.is_some() { vec![0, 1] } else { vec![] },
            learning_rate: arm.is_trained().then_some(5e-4),
            weight_decay: None,
            accuracy: majority,
            seed_accuracy: vec![],
            groups: vec![group("positive", majority), group("negative", minority)],
            worst_group_error: Measure { value: worst, ..Measure::default() },
            group_gap: Measure::default(),
            harmful_bias_gap: gap.map(measure),
            demographic_parity_difference: Measure::default(),
            equalized_odds_difference: Measure::default(),
            f1: Measure::default(),
            macro_f1: Measure::default(),
            auc: Measure::default(),
            calibration_error: Measure::default(),
            unreadable: Measure::default(),
            margins: vec![],
            mean_margin: Measure::default(),
            reliability: vec![],
        }
    }

    fn reading(reading: Reading, arms: Vec<ArmAccuracy>) -> ReadingResults {
        ReadingResults { reading, arms, contrasts: vec![], trends: vec![], margin_trends: vec![] }
    }

    fn study() -> ClassificationResults {
        let mut first = reading(
            Reading::Likelihood,
            vec![
                arm(Arm::Original, None, measure(0.6), measure(0.5), None),
                arm(Arm::Lora(8), Some(1.0), measure(0.9), measure(0.8), Some(0.02)),
                arm(Arm::Lora(8), Some(0.1), measure(0.9), measure(0.4), Some(0.345)),
                arm(Arm::Full, Some(1.0), measure(0.9), measure(0.82), None),
                arm(Arm::Full, Some(0.1), Measure::default(), Measure::default(), None),
            ],
        );
        first.contrasts.push(AccuracyContrast {
            arm: Arm::Lora(8),
            against: Arm::Full,
            fraction: fraction(1.0),
            group: Some("negative".into()),
            difference: -0.02,
            low: -0.05,
            high: 0.01,
            p: 0.2,
            p_holm: 0.4,
            test: PairedTest::SignFlip,
            examples: 100,
            seeds: 2,
            seed_differences: Vec::new(),
            discordant: 0.1,
            detectable: Some(0.061),
        });
        ClassificationResults {
            dataset: "builtin".into(),
            train_examples: 300,
            test_examples: 100,
            head: HeadKind::Answers,
            prompt: "{text}".into(),
            labels: vec!["negative".into(), "positive".into()],
            positive_label: "positive".into(),
            grouped_by: "its label".into(),
            groups: vec![
                GroupCount { group: "positive".into(), train: 150, test: 50 },
                GroupCount { group: "negative".into(), train: 150, test: 50 },
            ],
            minority: "negative".into(),
            majority: "positive".into(),
            fractions: [(1.0, 150), (0.1, 15)]
                .map(|(kept, left)| FractionCount { fraction: fraction(kept), minority_examples: left, train_examples: 150 + left })
                .to_vec(),
            seeds: vec![0, 1],
            margin_edges: vec![],
            readings: vec![first, reading(Reading::GeneratedText, vec![arm(Arm::Original, None, measure(0.3), measure(0.2), None)])],
        }
    }

    #[test]
    fn accuracies_table_1_and_contrasts_are_printed() {
        let wanted = "\
builtin: 300 examples to train on, 100 to test on; answers with one of the options
groups by its label; minority negative, majority positive; positive label positive

accuracy by likelihood of the options (95 %)
arm       fraction  rate  seeds                      all                 positive                 negative
original         -            2  60.0 % (50.0 % to 65.0 %)  60.0 % (50.0 % to 65.0 %)  50.0 % (40.0 % to 55.0 %)
r = 8            1  5e-4      2  90.0 % (80.0 % to 95.0 %)  90.0 % (80.0 % to 95.0 %)  80.0 % (70.0 % to 85.0 %)
r = 8          0.1  5e-4      2  90.0 % (80.0 % to 95.0 %)  90.0 % (80.0 % to 95.0 %)  40.0 % (30.0 % to 45.0 %)
full             1  5e-4      2  90.0 % (80.0 % to 95.0 %)  90.0 % (80.0 % to 95.0 %)  82.0 % (72.0 % to 87.0 %)
full           0.1  5e-4      0                          -                          -                          -

Table 1: HBG, harmful bias gap of negative to full; AP, worst group error; lower is better
arm    HBG at 1  AP at 1  HBG at 0.1  AP at 0.1
r = 8     2.0 %   20.0 %      34.5 %     60.0 %
full              18.0 %                      -

difference of accuracies  fraction     group              (95 %)  p (Holm)  detectable
r = 8 - full                     1  negative  -2.0 %  (-5.0 % to +1.0 %)     0.400       6.1 %

accuracy by generated text (95 %)
arm       fraction  rate  seeds                        all                   positive                   negative
original         -            2  30.0 % (20.0 % to 35.0 %)  30.0 % (20.0 % to 35.0 %)  20.0 % (10.0 % to 25.0 %)
";
        let squeezed = |text: &str| text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>();
        assert_eq!(squeezed(&results(&study())), squeezed(wanted));
    }

    #[test]
    fn counts_are_printed() {
        let ClassificationResults { groups, minority, majority, fractions, .. } = study();
        let text =
            counts(&DataCounts { train_examples: 300, test_examples: 100, labels: groups.clone(), groups, minority, majority, fractions });
        let wanted = "        300 examples to train on, 100 to test on
        minority negative, majority positive

label     train  test
positive    150    50
negative    150    50

group     train  test
positive    150    50
negative    150    50

minority fraction  of the minority  to train on
1                              150          300
0.1                             15          165

";
        assert_eq!(text, wanted);
    }
}
