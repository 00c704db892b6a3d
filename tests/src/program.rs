//! The program that the integration tests run: the same as `rankscope`, built with them.

fn main() -> std::process::ExitCode {
    rankscope_server::main()
}
