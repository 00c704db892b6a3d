//! Tests of the whole: a real server on a free port over a data directory of its own, and the command line.

mod accounts;
mod annotation;
mod api;
mod bad_input;
mod compare;
mod configuration;
mod datasets;
mod events;
mod example;
mod export;
mod hub;
mod interruption;
mod layering;
mod lens;
mod lifecycle;
mod models;
mod pages;
mod restart;
mod security;
mod shared_comparisons;
mod shares;
mod support;
mod tokens;
mod traversal;
