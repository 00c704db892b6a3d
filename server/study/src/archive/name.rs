//! Names of entries of an archive that a stranger may have made.

/// Longest path and longest name in one, bytes.
const LONGEST_PATH: usize = 400;
const LONGEST_NAME: usize = 120;
/// Names one below the other; a study's own have five.
const DEEPEST: usize = 6;

/// The path, if it can be one below a folder of ours on every system; else what is wrong with it.
pub(super) fn checked(raw: &[u8]) -> Result<&str, &'static str> {
    let path = std::str::from_utf8(raw).map_err(|_| "its name is not UTF-8")?;
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_' | '/');
    match () {
        () if path.is_empty() => Err("it has no name"),
        () if path.len() > LONGEST_PATH => Err("its name is too long"),
        () if path.starts_with('/') => Err("its name begins at the root"),
        () if path.contains('\\') => Err("its name has a backslash"),
        () if !path.chars().all(is_plain) => Err("its name has other signs than letters, digits, ., - and _"),
        () if path.split('/').count() > DEEPEST => Err("it lies too deep"),
        () if path.split('/').any(|name| name.is_empty() || name.starts_with('.')) => {
            Err("its name is empty or begins with a dot in a part of it")
        }
        () if path.split('/').any(|name| name.len() > LONGEST_NAME) => Err("a part of its name is too long"),
        () => Ok(path),
    }
}
