//! Lists as one text: items separated by commas, and groups of words as `women: she, her; men: he, his`. An item that
//! holds a separator stands in double quotes, a quote within it doubled.

use rankscope_domain::recipe::TermGroup;

/// What separates an item of a list, a group's name, or a group from what follows.
const SEPARATORS: [char; 4] = [',', ';', ':', '\n'];

/// The items as one text that [`split_list`] reads back.
pub(super) fn join_list<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    items.into_iter().map(|item| quoted(item, &SEPARATORS[..1])).collect::<Vec<_>>().join(", ")
}

/// The items of a text; empty ones are left out unless they are quoted. An error says what is wrong.
pub(super) fn split_list(text: &str) -> Result<Vec<String>, String> {
    let items = split(text, &SEPARATORS[..1], &SEPARATORS[..1])?;
    items.into_iter().filter(|item| !item.is_empty()).map(unquoted).collect()
}

/// Texts one a line; a line break within one is written `\n`, a backslash `\\`. Blanks stay as they are.
pub(super) fn join_lines<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    items.into_iter().map(|item| item.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r")).collect::<Vec<_>>().join("\n")
}

/// The texts of lines; empty lines are left out.
pub(super) fn split_lines(text: &str) -> Vec<String> {
    let unescaped = |line: &str| {
        let mut item = String::new();
        let mut characters = line.chars();
        while let Some(character) = characters.next() {
            match (character, characters.clone().next()) {
                ('\\', Some(next @ ('n' | 'r' | '\\'))) => {
                    item.push(match next {
                        'n' => '\n',
                        'r' => '\r',
                        _ => '\\',
                    });
                    characters.next();
                }
                _ => item.push(character),
            }
        }
        item
    };
    text.lines().filter(|line| !line.trim().is_empty()).map(unescaped).collect()
}

/// Groups as one text that [`split_terms`] reads back.
pub(super) fn join_terms<'a>(groups: impl IntoIterator<Item = (&'a str, Vec<&'a str>)>) -> String {
    let group = |(name, words): (&str, Vec<&str>)| {
        let words: Vec<_> = words.into_iter().map(|word| quoted(word, &SEPARATORS)).collect();
        format!("{}: {}", quoted(name, &SEPARATORS), words.join(", "))
    };
    groups.into_iter().map(group).collect::<Vec<_>>().join("; ")
}

/// Groups by their words; an error names the part that can't be read and says how to write it.
pub(super) fn split_terms(text: &str) -> Result<Vec<TermGroup>, String> {
    let mut groups = Vec::new();
    for part in split(text, &[';', '\n'], &SEPARATORS)?.into_iter().filter(|part| !part.is_empty()) {
        let sides = split(part, &[':'], &SEPARATORS)?;
        let [name, words] = sides[..] else {
            let what = if sides.len() == 1 { "has no colon" } else { "has several colons" };
            return Err(format!(
                "“{part}” {what}: write each group as its name, a colon and its words, with semicolons between groups, as in women: she, her; men: he, his."
            ));
        };
        groups.push(TermGroup { name: unquoted(name)?, words: split_list(words)? });
    }
    Ok(groups)
}

/// Parts between separators that stand outside quotes, without the space around them. A quote begins after one of `openers` only.
fn split<'a>(text: &'a str, separators: &[char], openers: &[char]) -> Result<Vec<&'a str>, String> {
    let mut parts = Vec::new();
    let mut start = 0;
    let (mut is_open, mut is_at_start, mut is_quoted_item) = (false, true, false);
    for (index, character) in text.char_indices() {
        if is_open {
            is_open = character != '"';
            continue;
        }
        // a quote right after one that has closed is one of a doubled pair, and opens the item again
        if character == '"' && (is_at_start || (is_quoted_item && text[..index].ends_with('"'))) {
            (is_open, is_at_start, is_quoted_item) = (true, false, true);
            continue;
        }
        if separators.contains(&character) {
            parts.push(text[start..index].trim());
            start = index + character.len_utf8();
        }
        let is_opener = openers.contains(&character);
        is_quoted_item &= !is_opener;
        is_at_start = is_opener || (is_at_start && character.is_whitespace());
    }
    if is_open {
        return Err(format!("A quotation mark in “{}” is not closed: write \" at the end of the item too.", text.trim()));
    }
    parts.push(text[start..].trim());
    Ok(parts)
}

fn quoted(item: &str, separators: &[char]) -> String {
    let is_plain = !item.is_empty() && item.trim() == item && !item.starts_with('"') && !item.contains(separators);
    if is_plain { item.into() } else { format!("\"{}\"", item.replace('"', "\"\"")) }
}

fn unquoted(item: &str) -> Result<String, String> {
    let Some(rest) = item.strip_prefix('"') else { return Ok(item.into()) };
    match rest.strip_suffix('"') {
        Some(inner) if !inner.replace("\"\"", "").contains('"') => Ok(inner.replace("\"\"", "\"")),
        _ => Err(format!("“{item}” goes on after its closing quotation mark: put the whole item between quotation marks.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(items: &[&str]) -> Vec<String> {
        items.iter().map(|item| (*item).into()).collect()
    }

    fn group(name: &str, words: &[&str]) -> TermGroup {
        TermGroup { name: name.into(), words: strings(words) }
    }

    #[test]
    fn lists_are_read_as_typed() {
        for (text, items) in [
            ("", &[][..]),
            (" , ", &[]),
            ("negative, positive", &["negative", "positive"]),
            ("a,b , c,", &["a", "b", "c"]),
            ("\"Business, finance\", Sport", &["Business, finance", "Sport"]),
            ("label: x; y, 5\" disk", &["label: x; y", "5\" disk"]),
            ("\"\", \"say \"\"hi\"\"\"", &["", "say \"hi\""]),
        ] {
            assert_eq!(split_list(text), Ok(strings(items)), "{text}");
        }
        for (text, what) in [("\"a, b", "not closed"), ("\"a\" b, c", "goes on after")] {
            assert!(split_list(text).unwrap_err().contains(what), "{text}");
        }
    }

    #[test]
    fn lists_go_there_and_back() {
        for items in
            [&["negative", "positive"][..], &["Business, finance", " x ", ""], &["\"", "a\"b", "\",\"", "a: \"b; c\nd", "5\"\""], &[]]
        {
            assert_eq!(split_list(&join_list(items.iter().copied())), Ok(strings(items)), "{items:?}");
        }
    }

    #[test]
    fn lines_go_there_and_back() {
        for items in [&["She should work as a", " blanks stay "][..], &["two\nlines", "a\\nb", "end\\", "\r\n"], &[]] {
            assert_eq!(split_lines(&join_lines(items.iter().copied())), strings(items), "{items:?}");
        }
        assert_eq!(split_lines("one\r\n\n  \ntwo\\x"), strings(&["one", "two\\x"]), "as a browser sends it");
    }

    #[test]
    fn groups_are_read_as_typed() {
        let wanted = vec![group("women", &["she", "her"]), group("men", &["he", "his"])];
        for text in ["women: she, her; men: he, his", "women:she,her\nmen : he , his ;\n", "\"women\": \"she\", her;; men: he, his"] {
            assert_eq!(split_terms(text), Ok(wanted.clone()), "{text}");
        }
        assert_eq!(split_terms("women:"), Ok(vec![group("women", &[])]), "the recipe's own check says that words are missing");
        assert_eq!(split_terms(" "), Ok(vec![]));
        for (text, what) in [
            ("women, she", "“women, she” has no colon"),
            ("women: she; men", "“men” has no colon"),
            ("women: she men: he", "has several colons"),
            ("women: \"she", "not closed"),
        ] {
            let error = split_terms(text).unwrap_err();
            assert!(error.contains(what) && error.ends_with('.'), "{text}: {error}");
        }
    }

    #[test]
    fn groups_go_there_and_back() {
        for groups in [
            vec![group("women", &["she", "her"]), group("men", &["he"])],
            vec![group("a: b", &["x;y", "p,q"]), group("", &["\"", "line\nbreak"])],
            vec![group("empty", &[])],
            vec![],
        ] {
            let text = join_terms(groups.iter().map(|group| (group.name.as_str(), group.words.iter().map(String::as_str).collect())));
            assert_eq!(split_terms(&text), Ok(groups), "{text}");
        }
    }
}
