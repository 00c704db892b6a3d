//! The session's cookie. Over https it is `__Host-` and `Secure`: no other host and no unencrypted page can set or read it.

use crate::accounts::sessions::{ABSOLUTE_SECONDS, SessionId};
use axum::http::{HeaderMap, HeaderValue, header::COOKIE};

const PLAIN: &str = "rankscope-session";
const SECURE: &str = "__Host-rankscope-session";

fn name(https: bool) -> &'static str {
    if https { SECURE } else { PLAIN }
}

/// The id that a request brings; of two different ones none, since one of them is not ours.
pub fn read(headers: &HeaderMap, https: bool) -> Option<SessionId> {
    let mut found: Option<SessionId> = None;
    for line in headers.get_all(COOKIE) {
        for pair in line.to_str().unwrap_or_default().split(';') {
            let Some((key, value)) = pair.split_once('=') else { continue };
            if key.trim() != name(https) {
                continue;
            }
            let id = SessionId::parse(value.trim())?;
            match &found {
                Some(known) if *known != id => return None,
                _ => found = Some(id),
            }
        }
    }
    found
}

/// `Lax`, so that a link from elsewhere opens a page; what changes something is a POST, and its `Origin` is checked.
pub fn set(id: &SessionId, https: bool) -> HeaderValue {
    write(&id.to_text(), ABSOLUTE_SECONDS, https)
}

pub fn clear(https: bool) -> HeaderValue {
    write("", 0, https)
}

fn write(value: &str, max_age: i64, https: bool) -> HeaderValue {
    let secure = if https { "; Secure" } else { "" };
    let text = format!("{}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}", name(https));
    // digits and names of ours, so it is always a header
    let mut header = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
    header.set_sensitive(true);
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (COOKIE, HeaderValue::from_bytes(line.as_bytes()).unwrap())).collect()
    }

    #[test]
    fn a_cookie_comes_back_as_it_was_set() {
        let (text, other) = ("0a".repeat(32), "0b".repeat(32));
        let id = SessionId::parse(&text).unwrap();
        assert_eq!(set(&id, false), format!("rankscope-session={text}; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax").as_str());
        assert_eq!(
            set(&id, true),
            format!("__Host-rankscope-session={text}; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax; Secure").as_str()
        );
        assert_eq!(clear(false), "rankscope-session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
        let (plain, secure) = (format!("rankscope-session={text}"), format!("__Host-rankscope-session={text}"));
        let good = |lines: &[&str], https| read(&headers(lines), https).is_some_and(|read| read == id);
        assert!(good(&[&plain], false) && good(&[&format!("a=b; {plain}; c")], false) && good(&["a=b", &plain], false));
        assert!(good(&[&secure], true) && good(&[&plain, &plain], false));
        assert!(!good(&[&plain], true) && !good(&[&secure], false), "over https only the cookie that https alone can set");
        let two = format!("rankscope-session={other}");
        assert!(read(&headers(&[&plain, &two]), false).is_none(), "one of the two is not ours");
        for bad in [
            "",
            "rankscope-session",
            "rankscope-session=",
            "xrankscope-session=1",
            &format!("x{plain}"),
            &format!("{plain}1"),
            "rankscope-session=é",
        ] {
            assert!(read(&headers(&[bad]), false).is_none(), "{bad}");
        }
    }
}
