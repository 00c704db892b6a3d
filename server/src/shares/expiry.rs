//! How long a link holds: for some days, to the end of a day, or for ever.

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use rankscope_domain::share::{MAX_DAYS, USUAL_EXPIRY};

/// When a link ends, in seconds since 1970; `None`: never, which has to be written. The error says what to write.
pub fn parse(text: &str, now: Timestamp) -> Result<Option<i64>, String> {
    let text = match text.trim() {
        "" => USUAL_EXPIRY,
        text => text,
    };
    if text.eq_ignore_ascii_case("never") {
        return Ok(None);
    }
    let wrong = || format!("Write how many days it is to hold, from 1d to {MAX_DAYS}d; its last day, as in 2027-01-31; or never.");
    if let Some(days) = text.strip_suffix(['d', 'D']) {
        let days = days.parse::<u32>().ok().filter(|days| (1..=MAX_DAYS).contains(days)).ok_or_else(wrong)?;
        return Ok(Some((now + SignedDuration::from_hours(24 * i64::from(days))).as_second()));
    }
    let date: Date = if text.len() == 10 { text.parse().map_err(|_| wrong())? } else { return Err(wrong()) };
    // the day counts whole
    let end = date.tomorrow().and_then(|next| next.to_zoned(TimeZone::UTC)).map_err(|_| wrong())?.timestamp();
    if end <= now {
        return Err(format!("This day is over. {}", wrong()));
    }
    if end.duration_since(now).as_secs() > 24 * 3600 * i64::from(MAX_DAYS + 1) {
        return Err(format!("This is more than {MAX_DAYS} days away. {}", wrong()));
    }
    Ok(Some(end.as_second()))
}

/// RFC 3339, UTC.
pub fn text(seconds: i64) -> String {
    Timestamp::from_second(seconds).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_dates_and_never() {
        let now: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
        for (written, ends) in [
            ("", Some("2026-12-25T12:00:00Z")),
            ("never", None),
            (" Never ", None),
            ("1d", Some("2026-11-26T12:00:00Z")),
            ("30d", Some("2026-12-25T12:00:00Z")),
            ("2026-11-25", Some("2026-11-26T00:00:00Z")),
            ("2027-01-31", Some("2027-02-01T00:00:00Z")),
            ("2028-02-29", Some("2028-03-01T00:00:00Z")),
        ] {
            assert_eq!(parse(written, now).map(|end| end.map(text)), Ok(ends.map(String::from)), "{written}");
        }
        for (wrong, said) in [
            ("0d", "1d to 3650d"),
            ("3651d", "1d to 3650d"),
            ("-1d", "1d"),
            ("30", "as in 2027-01-31"),
            ("2026-11-24", "This day is over"),
            ("2027-02-29", "2027-01-31"),
            ("2099-01-01", "3650 days away"),
            ("tomorrow", "never"),
            ("2027-01-31T00:00", "2027-01-31"),
            ("9999999999999999999d", "1d"),
        ] {
            let error = parse(wrong, now).unwrap_err();
            assert!(error.contains(said), "{wrong}: {error}");
        }
    }
}
