//! A pickle as a tree of what it describes, by candle's reader, held to what a table of tensors can need: a file made to
//! exhaust the stack or the memory of who reads it is refused.

use candle_core::pickle::{Object, Stack};

/// Levels below which nothing of a table of tensors lies; it has eight, or a few more where tensors are wrapped.
const DEEPEST: usize = 24;
/// Objects that references to earlier ones may make together.
const MOST_COPIES: usize = 3_000_000;

/// Reads a pickle to its end.
pub(super) fn unpickle(mut pickle: &[u8]) -> Result<Object, String> {
    let mut stack = Stack::empty();
    let mut copied = 0;
    loop {
        let Some(&operation) = pickle.first() else { return Err("it ends in its midst".into()) };
        if stack.read(&mut pickle).map_err(|error| error.to_string())? {
            break;
        }
        let Some(top) = stack.stack().last() else { continue };
        let deep = match operation {
            // one was added to what may be large already
            b'a' | b's' => newest(top).is_some_and(|added| is_deeper(added, DEEPEST - 1)),
            b't' | 0x85..=0x87 | b'R' | b'b' | b'Q' | 0x81 | b'e' | b'u' | b'd' => is_deeper(top, DEEPEST),
            _ => false,
        };
        if deep {
            return Err(format!("its objects lie more than {DEEPEST} deep in each other"));
        }
        // to remember an object, and to take one up again, copies it
        if matches!(operation, b'h' | b'j' | b'q' | b'r') {
            copied += size(top);
        }
        if copied > MOST_COPIES {
            return Err(format!("its references make more than {MOST_COPIES} objects"));
        }
    }
    stack.finalize().map_err(|error| error.to_string())
}

fn newest(container: &Object) -> Option<&Object> {
    match container {
        Object::List(items) => items.last(),
        Object::Dict(entries) => entries.last().map(|(_, value)| value),
        _ => None,
    }
}

/// What an object is made of.
fn parts(object: &Object) -> Vec<&Object> {
    match object {
        Object::Tuple(items) | Object::List(items) => items.iter().collect(),
        Object::Dict(entries) => entries.iter().flat_map(|(key, value)| [key, value]).collect(),
        Object::Reduce { callable, args } | Object::Build { callable, args } => vec![callable, args],
        Object::PersistentLoad(id) => vec![id],
        Object::Class { .. }
        | Object::Int(_)
        | Object::Long(_)
        | Object::Float(_)
        | Object::Unicode(_)
        | Object::Bool(_)
        | Object::None
        | Object::Mark => Vec::new(),
    }
}

fn is_deeper(object: &Object, levels: usize) -> bool {
    levels == 0 || parts(object).into_iter().any(|part| is_deeper(part, levels - 1))
}

fn size(object: &Object) -> usize {
    1 + parts(object).into_iter().map(size).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_to_exhaust_its_reader_is_refused() {
        // an empty tuple in a tuple in a tuple …
        let nested = [b")".as_slice(), &[0x85; 1_000_000], b"."].concat();
        let lists = [[b']'; 100_000].as_slice(), &[b'a'; 99_999], b"."].concat();
        // each twice the one before: (x, x), remembered and taken up again
        let doubled: Vec<u8> = b")".iter().copied().chain((0..60).flat_map(|slot| [b'q', slot, b'h', slot, 0x86])).chain(*b".").collect();
        // a hundred times the one before, five levels of it
        let level = |slot: u8| [b"q".as_slice(), &[slot], b"(", &[b'h', slot].repeat(100), b"t"].concat();
        let wide = [b")".to_vec(), (0..5).flat_map(level).collect(), b".".to_vec()].concat();
        for (pickle, expected) in [
            (nested, "deep in each other"),
            (lists, "deep in each other"),
            (doubled, "references make more than"),
            (wide, "references make more than"),
            (b"\x80\x02}q\x00X".to_vec(), "fill whole buffer"),
            (b"\x80\x02}".to_vec(), "ends in its midst"),
            (b"\xff".to_vec(), "unknown op-code"),
            (b".".to_vec(), "empty stack"),
        ] {
            let error = unpickle(&pickle).unwrap_err();
            assert!(error.contains(expected), "{error} does not say {expected:?}");
        }
        assert_eq!(unpickle(b"\x80\x02}q\x00K\x01K\x02s.").unwrap(), Object::Dict(vec![(Object::Int(1), Object::Int(2))]));
    }
}
