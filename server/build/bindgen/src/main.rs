//! `rankscope-bindgen INPUT.wasm OUT_DIR NAME`: writes `NAME.js` and `NAME_bg.wasm`, for `<script type="module">`.

use std::{env, process::ExitCode};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [input, out_dir, name] = arguments.as_slice() else {
        eprintln!("usage: rankscope-bindgen INPUT.wasm OUT_DIR NAME");
        return ExitCode::from(2);
    };
    let mut bindgen = Bindgen::new();
    // the names of functions are half of the file, and a browser needs none
    bindgen.input_path(input).out_name(name).typescript(false).remove_name_section(true).remove_producers_section(true);
    let written = bindgen.web(true).and_then(|bindgen| bindgen.generate(out_dir));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rankscope-bindgen: {input}: {error:#}");
            ExitCode::FAILURE
        }
    }
}
