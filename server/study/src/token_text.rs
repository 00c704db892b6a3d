//! A token as a reader can tell it from others: what can't be seen is made visible.

use rankscope_engine::TextTokenizer;

/// `␣the`, `↵`, `<0xE2>`: the token's text with every blank as `␣`, a line break as `↵`, other characters that can't be seen by their
/// number, and a token that is a part of a character by its bytes. A special token is shown as it is written.
pub(crate) fn visible_token(tokenizer: &TextTokenizer, token: u32) -> String {
    let piece = tokenizer.token_text(token);
    // the second of two: the first of a text would lose its blank where the tokenizer is SentencePiece's
    let text = tokenizer.decode_continuation(&[token], &[token]).unwrap_or_default();
    match piece {
        Some(piece) if text.is_empty() || is_byte_piece(&piece) => visible(&piece),
        Some(piece) if text.contains('\u{FFFD}') => bytes_of(&piece).map_or_else(|| visible(&piece), |bytes| visible_bytes(&bytes)),
        None if text.is_empty() => format!("<token {token}>"),
        _ => visible(&text),
    }
}

fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            ' ' => shown.push('␣'),
            '\n' => shown.push('↵'),
            '\t' => shown.push('⇥'),
            // blanks of other widths, joiners, marks of direction, the byte order mark: none leaves a trace on a page
            _ if character.is_control()
                || character.is_whitespace()
                || matches!(character, '\u{00AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}') =>
            {
                shown.push_str(&format!("<U+{:04X}>", u32::from(character)));
            }
            _ => shown.push(character),
        }
    }
    shown
}

/// SentencePiece's way to write a byte: `<0x0A>`.
fn is_byte_piece(piece: &str) -> bool {
    let digits = piece.strip_prefix("<0x").and_then(|rest| rest.strip_suffix('>'));
    digits.is_some_and(|digits| digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

/// Whole characters as they are, the bytes of others one by one.
fn visible_bytes(bytes: &[u8]) -> String {
    let mut shown = String::new();
    for part in bytes.utf8_chunks() {
        shown.push_str(&visible(part.valid()));
        part.invalid().iter().for_each(|byte| shown.push_str(&format!("<0x{byte:02X}>")));
    }
    shown
}

/// The bytes of a byte-level piece, in which each byte is written as one character (Radford et al. 2019): those that can be seen as
/// themselves, the others in order from U+0100 on. `None` for a piece of another kind.
fn bytes_of(piece: &str) -> Option<Vec<u8>> {
    let stands_for_itself = |byte: &u8| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let hidden: Vec<u8> = (0..=255).filter(|byte| !stands_for_itself(byte)).collect();
    let byte = |character: char| match u8::try_from(u32::from(character)) {
        Ok(byte) => Some(byte).filter(stands_for_itself),
        Err(_) => hidden.get((u32::from(character) - 256) as usize).copied(),
    };
    piece.chars().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rankscope_engine::Model;
    use std::path::Path;

    #[test]
    fn what_cannot_be_seen_is_marked() {
        for (text, shown) in [
            (" the", "␣the"),
            ("  ", "␣␣"),
            ("\n\n", "↵↵"),
            ("\t", "⇥"),
            ("\r", "<U+000D>"),
            ("\u{a0}x", "<U+00A0>x"),
            ("\u{200b}", "<U+200B>"),
            ("é<b>", "é<b>"),
        ] {
            assert_eq!(visible(text), shown);
        }
    }

    #[test]
    fn byte_level_pieces_give_their_bytes() {
        assert_eq!(bytes_of("Ġthe").unwrap(), b" the");
        assert_eq!(bytes_of("Ċ").unwrap(), b"\n");
        // the two halves of é, and a blank that cannot be broken
        assert_eq!(bytes_of("Ã©").unwrap(), [0xC3, 0xA9]);
        assert_eq!(bytes_of("ł").unwrap(), [0xA0]);
        assert_eq!(bytes_of("▁the"), None);
        assert_eq!(visible_bytes(b" \xE2\x80"), "␣<0xE2><0x80>");
        assert_eq!(visible_bytes("é\n".as_bytes()), "é↵");
        assert!(is_byte_piece("<0x0A>") && !is_byte_piece("<0x0>") && !is_byte_piece("<0xZZ>") && !is_byte_piece("<s>"));
    }

    /// Each token of a text, made visible.
    fn shown(model: &Model, text: &str) -> Vec<String> {
        let tokens = model.tokenizer().encode(text, true).unwrap();
        tokens.into_iter().map(|token| visible_token(model.tokenizer(), token)).collect()
    }

    #[test]
    fn tokens_of_real_vocabularies_can_be_told_apart() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference");
        for name in ["llama_tiny", "gpt2_tiny", "opt_tiny"] {
            let model = Model::open(&folder.join(name)).unwrap();
            let text = shown(&model, "the day\nis 😀 long");
            let whole = text.concat();
            // the four bytes of the face, in whatever pieces
            for part in ["␣day", "↵", "<0xF0>", "<0x9F>", "<0x98>", "<0x80>", "␣long"] {
                assert!(whole.contains(part), "{name}: {part} is not in {text:?}");
            }
            assert!(!whole.contains('\u{FFFD}') && !whole.contains('Ġ') && !whole.contains(' '), "{name}: {text:?}");
        }
        let model = Model::open(&folder.join("opt_tiny")).unwrap();
        assert_eq!(shown(&model, "the")[0], "</s>", "a special token is shown as it is written");
    }
}
