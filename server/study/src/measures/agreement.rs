//! Agreement of annotators beyond chance.

/// Cohen's kappa of a square table of counts or weights, row by column: (p_o - p_e) / (1 - p_e). `None` where both always say
/// the same one thing, or the table is empty.
///
/// Source: Cohen 1960; weights of a sampling plan stand in the place of counts. Held to scikit-learn's `cohen_kappa_score`.
pub(crate) fn cohen_kappa(table: &[f64], options: usize) -> Option<f64> {
    assert_eq!(table.len(), options * options, "a square table");
    let total: f64 = table.iter().sum();
    if total <= 0.0 {
        return None;
    }
    let row = |option: usize| table[option * options..(option + 1) * options].iter().sum::<f64>() / total;
    let column = |option: usize| (0..options).map(|row| table[row * options + option]).sum::<f64>() / total;
    let same: f64 = (0..options).map(|option| table[option * options + option]).sum::<f64>() / total;
    let by_chance: f64 = (0..options).map(|option| row(option) * column(option)).sum();
    (1.0 - by_chance > 1e-12).then(|| (same - by_chance) / (1.0 - by_chance))
}

/// Krippendorff's alpha for nominal labels, any number of annotators and missing labels. A unit is how often each option was said
/// of one item; those with fewer than two labels pair nothing and are left out. `times` says how often each unit counts. `None` where
/// nothing pairs, or only one option was ever said.
///
/// Source: Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability". Held to the package `krippendorff`.
pub(crate) fn krippendorff_alpha(units: &[Vec<u32>], times: &[u32]) -> Option<f64> {
    assert_eq!(units.len(), times.len(), "one entry a unit");
    let options = units.first().map_or(0, Vec::len);
    let mut totals = vec![0.0; options];
    let mut disagreeing = 0.0;
    for (unit, &times) in units.iter().zip(times) {
        let labels: u32 = unit.iter().sum();
        if labels < 2 || times == 0 {
            continue;
        }
        let (labels, times) = (f64::from(labels), f64::from(times));
        let same: f64 = unit.iter().map(|&said| f64::from(said) * (f64::from(said) - 1.0)).sum();
        disagreeing += times * (labels * (labels - 1.0) - same) / (labels - 1.0);
        for (total, &said) in totals.iter_mut().zip(unit) {
            *total += times * f64::from(said);
        }
    }
    let n: f64 = totals.iter().sum();
    let expected = n * n - totals.iter().map(|total| total * total).sum::<f64>();
    (expected > 0.0).then(|| 1.0 - (n - 1.0) * disagreeing / expected)
}
