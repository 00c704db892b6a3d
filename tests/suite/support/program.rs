//! The command line.

use std::{
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};

/// The program, with nothing of the tester's own configuration.
pub(crate) fn rankscope() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rankscope-under-test"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("RANKSCOPE_") {
            command.env_remove(name);
        }
    }
    command.env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// What a command that ended has said.
#[derive(Debug)]
pub(crate) struct Said {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Said {
    said(command.output().expect("the program can't be started"))
}

/// Runs a command to its end, with text on its standard input.
pub(crate) fn run_with_input(command: &mut Command, input: &str) -> Said {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program can't be started");
    child.stdin.take().expect("stdin").write_all(input.as_bytes()).expect("the program reads its input");
    said(child.wait_with_output().expect("the program's output"))
}

fn said(output: Output) -> Said {
    Said {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
    }
}

/// `rankscope validate FILE`, or `estimate`.
pub(crate) fn check(verb: &str, recipe: &Path, flags: &[&str]) -> Said {
    run(rankscope().arg(verb).arg(recipe).args(flags))
}
