//! `rankscope lens-worker`.

use super::{Failure, among_workers, check::environment};
use crate::{config::CommonFlags, telemetry};
use rankscope_study::lens_bench::{LensBench, converse};
use std::io::{BufReader, stdin, stdout};

/// How much a study's worker goes before this one (of 19): with 5 the kernel gives it three quarters of a core that both want.
const NICENESS: libc::c_int = 5;

pub(super) fn lens_worker(common: &CommonFlags) -> Result<(), Failure> {
    give_way();
    telemetry::start("info");
    let environment = environment(common)?;
    let answered = among_workers(move || converse(&mut LensBench::new(environment), BufReader::new(stdin()), stdout().lock()));
    answered.map_err(|error| Failure::Failed(error.to_string()))
}

/// To be called while this thread is the only one: those that it starts are as nice as it is.
fn give_way() {
    // SAFETY: the call changes this thread's priority and touches no memory. That it is lowered is never refused.
    unsafe { libc::nice(NICENESS) };
}
