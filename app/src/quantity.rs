//! Quantities and names as text: the same on the server and in the browser, whatever the locale.

use rankscope_domain::CellId;

/// `1234567` as `1 234 567`, with narrow no-break spaces.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    if digits.len() < 5 {
        return digits;
    }
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A share from 0 to 1 as `12.3 %`.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1}\u{202f}%", share * 100.0)
}

/// A share that may be missing.
pub(crate) fn percent_or_dash(share: Option<f64>) -> String {
    share.map_or_else(|| "–".into(), percent)
}

/// `[low, high]` of a share, in percent.
pub(crate) fn interval(low: Option<f64>, high: Option<f64>) -> String {
    match (low, high) {
        (Some(low), Some(high)) => format!("{:.1}–{:.1}\u{202f}%", low * 100.0, high * 100.0),
        _ => "–".into(),
    }
}

/// A difference of shares in percentage points, signed: `−3.1`.
pub(crate) fn points(difference: f64) -> String {
    let text = format!("{:.1}", difference.abs() * 100.0);
    match () {
        () if text == "0.0" => text,
        () if difference < 0.0 => format!("\u{2212}{text}"),
        () => format!("+{text}"),
    }
}

/// The same without a sign, where only its size is meant: `3.1`.
pub(crate) fn point_distance(distance: f64) -> String {
    format!("{:.1}", distance.abs() * 100.0)
}

/// A coefficient with two decimals: `0.42`, `−0.10`.
pub(crate) fn decimal(value: f64) -> String {
    let text = format!("{:.2}", value.abs());
    if value < 0.0 && text != "0.00" { format!("\u{2212}{text}") } else { text }
}

/// A p-value: three decimals, or `< 0.001`.
pub(crate) fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".into() } else { format!("{p:.3}") }
}

/// Seconds as `8 s`, `4 min 10 s`, `2 h 05 min`.
pub(crate) fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "–".into();
    }
    let whole = seconds.round() as u64;
    match whole {
        0 if seconds > 0.0 => "< 1 s".into(),
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// Bytes as KiB, MiB or GiB.
pub(crate) fn bytes(number: u64) -> String {
    let mebibytes = number as f64 / 1_048_576.0;
    match mebibytes {
        0.0..1.0 => format!("{:.0} KiB", mebibytes * 1024.0),
        1.0..10.0 => format!("{mebibytes:.1} MiB"),
        10.0..1024.0 => format!("{mebibytes:.0} MiB"),
        _ => format!("{:.1} GiB", mebibytes / 1024.0),
    }
}

/// A learning rate and the like: `0.0002` as `2e-4`, `0.01` as it is.
pub(crate) fn number(value: f64) -> String {
    if value != 0.0 && (value.abs() < 0.001 || value.abs() >= 1e6) { format!("{value:e}") } else { format!("{value}") }
}

/// To three significant digits: `0.0123`, `1.23`, `123`; below 0.001 as `1.23e-4`.
pub(crate) fn significant(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 { "0".into() } else { "–".into() };
    }
    let size = value.abs();
    let text = if !(1e-3..1e6).contains(&size) {
        format!("{size:.2e}")
    } else {
        let decimals = (2.0 - size.log10().floor()).clamp(0.0, 5.0) as usize;
        format!("{size:.decimals$}")
    };
    if value < 0.0 { format!("\u{2212}{text}") } else { text }
}

/// An RFC 3339 time in UTC as `2026-01-31 09:05 UTC`; what is not one, as it is.
pub(crate) fn time(rfc3339: &str) -> String {
    match (rfc3339.get(..10), rfc3339.get(10..11), rfc3339.get(11..16)) {
        (Some(date), Some("T"), Some(clock)) => format!("{date} {clock} UTC"),
        _ => rfc3339.into(),
    }
}

/// `r = 8, seed 0`, and in a classification study `r = 8, seed 0, fraction 0.25`.
pub(crate) fn cell_label(cell: CellId) -> String {
    let fraction = cell.minority.map(|fraction| format!(", fraction {fraction}")).unwrap_or_default();
    format!("{}, seed {}{fraction}", cell.arm.label(), cell.seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_well() {
        for (got, want) in [
            (count(7), "7"),
            (count(1234), "1234"),
            (count(12345), "12\u{202f}345"),
            (count(1234567), "1\u{202f}234\u{202f}567"),
            (percent(0.1234), "12.3\u{202f}%"),
            (percent_or_dash(None), "–"),
            (interval(Some(0.0), Some(0.05)), "0.0–5.0\u{202f}%"),
            (points(-0.031), "\u{2212}3.1"),
            (points(0.2), "+20.0"),
            (points(-0.0001), "0.0"),
            (p_value(0.0004), "< 0.001"),
            (p_value(0.25), "0.250"),
            (duration(0.2), "< 1 s"),
            (duration(59.6), "1 min 00 s"),
            (duration(7500.0), "2 h 05 min"),
            (duration(f64::NAN), "–"),
            (bytes(137_216), "134 KiB"),
            (bytes(5_500_000), "5.2 MiB"),
            (bytes(98_362_432), "94 MiB"),
            (bytes(3 << 30), "3.0 GiB"),
            (number(2e-4), "2e-4"),
            (number(0.01), "0.01"),
            (time("2026-01-31T09:05:11Z"), "2026-01-31 09:05 UTC"),
            (time("today"), "today"),
            (significant(0.012345), "0.0123"),
            (significant(-1.2345), "\u{2212}1.23"),
            (significant(123.4), "123"),
            (significant(0.00012345), "1.23e-4"),
            (significant(0.0), "0"),
            (point_distance(-0.031), "3.1"),
            (decimal(-0.104), "\u{2212}0.10"),
            (decimal(-0.001), "0.00"),
            (cell_label("lora-r8-s0-m0.25".parse().unwrap()), "r = 8, seed 0, fraction 0.25"),
            (cell_label("original-s1".parse().unwrap()), "original, seed 1"),
        ] {
            assert_eq!(got, want);
        }
    }
}
