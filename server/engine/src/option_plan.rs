//! What must be read to weigh some options behind a context: nothing twice that all of them share.

/// Whose log p is wanted at a row: the next token of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub option: usize,
    pub token: u32,
}

/// What is read once, and then the ways on from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OptionPlan<'a> {
    /// The context, and what all options of several tokens begin with.
    pub read: Vec<u32>,
    /// Of the last rows of `read`, the context's last the first of them.
    pub wanted: Vec<Vec<Wanted>>,
    pub branches: Vec<Branch<'a>>,
}

/// Tokens behind [`OptionPlan::read`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Branch<'a> {
    pub tokens: &'a [u32],
    /// Of each of its rows.
    pub wanted: Vec<Vec<Wanted>>,
}

impl<'a> OptionPlan<'a> {
    /// No option may be empty.
    pub fn new(context: &[u32], options: &'a [Vec<u32>]) -> Self {
        // an option's last token is predicted and not read; what another stem begins with is read with that one
        let stems: Vec<&[u32]> = options.iter().filter_map(|option| option.split_last().map(|(_, stem)| stem)).collect();
        let mut longest: Vec<&[u32]> = stems.clone();
        longest.sort_unstable();
        longest.dedup();
        let begins_the_next = |index: usize| longest.get(index + 1).is_some_and(|next| next.starts_with(longest[index]));
        let longest: Vec<&[u32]> = (0..longest.len()).filter(|&index| !begins_the_next(index)).map(|index| longest[index]).collect();
        let common = common_prefix(&longest);
        let mut plan = Self {
            read: [context, longest.first().map_or(&[], |stem| &stem[..common])].concat(),
            wanted: vec![Vec::new(); common + 1],
            branches: Vec::new(),
        };
        if longest.len() > 1 {
            let branch = |stem: &&'a [u32]| Branch { tokens: &stem[common..], wanted: vec![Vec::new(); stem.len() - common] };
            plan.branches = longest.iter().map(branch).collect();
        }
        for (option, (tokens, stem)) in options.iter().zip(&stems).enumerate() {
            let way = longest.iter().position(|longest| longest.starts_with(stem)).unwrap_or(0);
            for (read_before, &token) in tokens.iter().enumerate() {
                let rows = if read_before <= common { &mut plan.wanted } else { &mut plan.branches[way].wanted };
                let row = if read_before <= common { read_before } else { read_before - common - 1 };
                rows[row].push(Wanted { option, token });
            }
        }
        plan
    }

    /// Tokens that a slot of the cache must hold.
    pub fn capacity(&self) -> usize {
        self.read.len() + self.branches.iter().map(|branch| branch.tokens.len()).max().unwrap_or(0)
    }
}

fn common_prefix(lists: &[&[u32]]) -> usize {
    let Some((first, others)) = lists.split_first() else { return 0 };
    let common = |other: &&[u32]| first.iter().zip(other.iter()).take_while(|(a, b)| a == b).count();
    others.iter().map(common).min().unwrap_or(first.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (what is read, ways on), and every option's tokens found again in the order in which they are read.
    fn check(options: &[&[u32]], read: &[u32], branches: &[&[u32]]) {
        let options: Vec<Vec<u32>> = options.iter().map(|option| option.to_vec()).collect();
        let plan = OptionPlan::new(&[1, 2], &options);
        assert_eq!(plan.read, [&[1, 2], read].concat(), "{options:?}");
        assert_eq!(plan.branches.iter().map(|branch| branch.tokens).collect::<Vec<_>>(), branches, "{options:?}");
        let mut found = vec![Vec::new(); options.len()];
        // (tokens behind the context that were read before, what is wanted then)
        let first = plan.wanted.iter().enumerate().map(|(row, wanted)| (read[..row].to_vec(), wanted));
        let more = plan
            .branches
            .iter()
            .flat_map(|branch| branch.wanted.iter().enumerate().map(|(row, wanted)| ([read, &branch.tokens[..=row]].concat(), wanted)));
        for (before, wanted) in first.chain(more) {
            assert!(!wanted.is_empty(), "{options:?}: a row is computed for nothing");
            for wanted in wanted {
                assert_eq!(options[wanted.option][..before.len()], before);
                found[wanted.option].push(wanted.token);
            }
        }
        assert_eq!(found, options);
    }

    #[test]
    fn what_options_share_is_read_once() {
        check(&[&[7]], &[], &[]);
        check(&[&[7], &[8], &[7]], &[], &[]);
        check(&[&[7, 8, 9]], &[7, 8], &[]);
        check(&[&[7, 8], &[7, 9]], &[7], &[]);
        check(&[&[7, 8, 9], &[7, 9, 9]], &[7], &[&[8], &[9]]);
        check(&[&[5], &[7, 8, 9], &[7], &[7, 9, 9, 4], &[7, 9, 9]], &[7], &[&[8], &[9, 9]]);
        check(&[&[7, 8], &[5, 6]], &[], &[&[5], &[7]]);
        check(&[&[7, 8, 1], &[7, 8, 1, 2]], &[7, 8, 1], &[]);
    }
}
