//! Builds the example study in again when one of its files changes.

fn main() {
    println!("cargo::rerun-if-changed=example");
}
