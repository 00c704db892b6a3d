//! `rankscope password`: the admin password of a data directory.

use super::Failure;
use crate::{
    accounts::password::{MIN_CHARACTERS, NewPassword, PasswordError, PasswordFile},
    config::{CommonFlags, load_data_dir},
};
use rankscope_domain::FieldErrors;
use std::{
    io::{IsTerminal, Read, Write, stdin, stdout},
    path::PathBuf,
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum PasswordCommand {
    /// Set the password that the pages ask for, or replace it
    ///
    /// It is asked for on the terminal, twice and without showing it, or read from the standard input with --stdin; never taken from
    /// the command line, where other users would see it. What is kept is an Argon2id hash, in admin_password of the data directory.
    /// A server that runs asks for the new password from its next request on, and everybody who had logged in is logged out.
    Set {
        /// Read the password from the standard input, to its end
        #[arg(long)]
        stdin: bool,
        /// Where studies are kept [default: as for serve]
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// Remove the password: pages are then open to whoever is at this machine
    ///
    /// A server on a loopback address that runs lets everybody on this machine in from its next request on. One that others can
    /// reach (another address, trusted_proxies or hosts) answers nobody from then on, and does not start again without a password.
    Remove {
        /// Where studies are kept [default: as for serve]
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
}

pub(super) fn password(common: &CommonFlags, command: PasswordCommand) -> Result<(), Failure> {
    match command {
        PasswordCommand::Set { stdin: from_stdin, data_dir } => {
            let file = PasswordFile::of(&load_data_dir(common, data_dir)?);
            file.set(&read(from_stdin)?).map_err(failed)?;
            writeln!(stdout(), "The password is set ({}). Everybody who had logged in is logged out.", file.path().display())?;
        }
        PasswordCommand::Remove { data_dir } => {
            let file = PasswordFile::of(&load_data_dir(common, data_dir)?);
            let said = if file.remove().map_err(failed)? {
                "The password is removed. A server on a loopback address now lets in everybody on this machine; one that others can reach \
                 answers nobody until a password is set, and does not start without one."
            } else {
                "There was no password."
            };
            writeln!(stdout(), "{said}")?;
        }
    }
    Ok(())
}

fn read(from_stdin: bool) -> Result<NewPassword, Failure> {
    // the value is left out of the error: it is the password
    let refuse = |remedy: String| Failure::Input(FieldErrors::one("password", "(not shown)", remedy));
    if from_stdin {
        let mut text = String::new();
        stdin().read_to_string(&mut text).map_err(|error| refuse(format!("The standard input can't be read: {error}.")))?;
        return NewPassword::new(&text).map_err(refuse);
    }
    if !stdin().is_terminal() {
        return Err(refuse("There is no terminal to ask on. Give the password with --stdin.".into()));
    }
    let ask = |prompt: String| {
        rpassword::prompt_password(prompt)
            .map_err(|error| refuse(format!("The terminal can't be read: {error}. Give the password with --stdin.")))
    };
    let text = ask(format!("New password (at least {MIN_CHARACTERS} characters): "))?;
    let password = NewPassword::new(&text).map_err(refuse)?;
    if ask("Once more: ".into())? != text {
        return Err(refuse("The two are not the same. Nothing was changed; try again.".into()));
    }
    Ok(password)
}

fn failed(error: PasswordError) -> Failure {
    Failure::Failed(error.to_string())
}
