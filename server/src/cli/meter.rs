//! Progress on the terminal: one line that is written over, or plain lines where stderr is no terminal.

use super::table::{bytes, duration};
use rankscope_domain::{
    event::{Event, Happening, Unit},
    view::Progress,
};
use std::io::Write;

/// Follows a run.
pub(super) struct Meter {
    terminal: bool,
    progress: Progress,
    /// Characters of the line that is on the screen.
    shown: usize,
}

impl Meter {
    /// `progress`: where the study is already.
    pub(super) fn new(terminal: bool, progress: Progress) -> Self {
        Self { terminal, progress, shown: 0 }
    }

    /// Takes an event in and shows it.
    pub(super) fn show(&mut self, event: &Event, out: &mut impl Write) {
        let stage = self.progress.stage.clone();
        self.progress.apply(event);
        let lasting = match &event.what {
            Happening::WorkerStarted { stages_done: 0, .. } => None,
            Happening::WorkerStarted { stages_total, stages_done } => {
                Some(format!("{stages_done} of {stages_total} stages are done already: going on"))
            }
            Happening::StageStarted { label, .. } if !self.terminal => Some(format!("{} {label}", self.place())),
            Happening::StageFinished { seconds, tokens, .. } => {
                Some(format!("  {stage}: {}{}", duration(*seconds), speed(*tokens, *seconds)))
            }
            Happening::CellFailed { cell, reason } => Some(format!("! {cell} failed: {reason}")),
            Happening::Note { text } => Some(format!("  note: {text}")),
            _ => None,
        };
        if let Some(line) = lasting {
            self.clear(out);
            drop(writeln!(out, "{line}"));
        }
        if self.terminal && !self.progress.stage.is_empty() {
            self.rewrite(out);
        }
    }

    /// Takes the running line off the screen.
    pub(super) fn clear(&mut self, out: &mut impl Write) {
        if self.shown > 0 {
            drop(write!(out, "\r{:width$}\r", "", width = self.shown));
            self.shown = 0;
        }
        drop(out.flush());
    }

    fn rewrite(&mut self, out: &mut impl Write) {
        let progress = &self.progress;
        let mut line = format!("{} {}", self.place(), progress.stage);
        if progress.unit == Unit::Bytes.label() && progress.total > 0 {
            line += &format!(": {} of {}", bytes(progress.done), bytes(progress.total));
        } else if progress.total > 0 {
            line += &format!(": {}/{} {}", progress.done, progress.total, progress.unit);
        }
        if let Some((step, loss)) = progress.losses.last().and_then(|curve| curve.points.last())
            && progress.unit == "steps"
        {
            line += &format!(", step {step} loss {loss:.3}");
        }
        if progress.tokens_per_second > 0.0 {
            line += &format!(", {:.0} tokens/s", progress.tokens_per_second);
        }
        if progress.eta_seconds > 0.0 {
            line += &format!(", {} left", duration(progress.eta_seconds));
        }
        // a line that wraps can't be written over
        let line: String = line.chars().take(terminal_width() - 1).collect();
        let width = line.chars().count();
        drop(write!(out, "\r{line}{:pad$}", "", pad = self.shown.saturating_sub(width)));
        drop(out.flush());
        self.shown = width;
    }

    /// "[3/12]": the stage under way.
    fn place(&self) -> String {
        format!("[{}/{}]", (self.progress.stages_done + 1).min(self.progress.stages_total), self.progress.stages_total)
    }
}

fn speed(tokens: u64, seconds: f64) -> String {
    if tokens == 0 || seconds <= 0.0 { String::new() } else { format!(", {tokens} tokens, {:.0} tokens/s", tokens as f64 / seconds) }
}

fn terminal_width() -> usize {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the call fills in the structure that it is given, or leaves it.
    let known = unsafe { libc::ioctl(libc::STDERR_FILENO, libc::TIOCGWINSZ, &mut size) } == 0 && size.ws_col > 0;
    if known { usize::from(size.ws_col).max(20) } else { 80 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rankscope_domain::event::StageKind;

    fn shown(terminal: bool) -> String {
        let mut meter = Meter::new(terminal, Progress::default());
        let mut out = Vec::new();
        let happenings = [
            Happening::WorkerStarted { stages_total: 3, stages_done: 0 },
            Happening::StageStarted { stage: StageKind::Complete, cells: vec![], label: "Complete: full-s0".into() },
            Happening::StageProgress {
                stage: StageKind::Complete,
                done: 5,
                total: 40,
                unit: Unit::Completions,
                tokens_per_second: 31.4,
                eta_seconds: 83.0,
            },
            Happening::StageFinished {
                stage: StageKind::Complete,
                cells: vec![],
                seconds: 90.0,
                tokens: 900,
                stages_done: 1,
                stages_total: 3,
            },
            Happening::CellFailed { cell: "full-s0".parse().unwrap(), reason: "the loss became NaN".into() },
        ];
        for (index, what) in happenings.into_iter().enumerate() {
            meter.show(&Event { id: index as u64 + 1, at_ms: 0, what }, &mut out);
        }
        meter.clear(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn plain_lines_without_a_terminal() {
        assert_eq!(
            shown(false),
            "[1/3] Complete: full-s0\n  Complete: full-s0: 1 min 30 s, 900 tokens, 10 tokens/s\n! full-s0 failed: the loss became NaN\n"
        );
    }

    #[test]
    fn one_line_on_a_terminal() {
        let text = shown(true);
        assert!(text.contains("\r[1/3] Complete: full-s0: 5/40 completions, 31 tokens/s, 1 min 23 s left"), "{text:?}");
        assert_eq!(text.matches('\n').count(), 2, "only what lasts ends its line: {text:?}");
    }
}
