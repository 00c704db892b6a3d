//! Settings: flags over environment over file, and what is wrong is said at the start.

use super::support::{
    TestApp,
    program::{Said, rankscope, run},
};
use std::fs;

fn serve(flags: &[&str], environment: &[(&str, &str)], file: &str) -> Said {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("rankscope.toml"), file).unwrap();
    run(rankscope()
        .arg("serve")
        .args(flags)
        .envs(environment.iter().copied())
        .env("RANKSCOPE_DATA_DIR", folder.path())
        .current_dir(folder.path()))
}

#[test]
fn a_wrong_setting_is_named_with_its_source_and_a_remedy() {
    /// Flags, environment, `rankscope.toml`, and what must be said.
    type Row = (&'static [&'static str], &'static [(&'static str, &'static str)], &'static str, [&'static str; 3]);
    let rows: [Row; 16] = [
        (&["--address", "0.0.0.0:3000"], &[], "", ["address", "0.0.0.0:3000", "rankscope password set"]),
        (&["--address", "nonsense"], &[], "", ["address", "--address", "127.0.0.1:3000"]),
        (&[], &[("RANKSCOPE_ADDRESS", "192.0.2.1:80")], "", ["address", "RANKSCOPE_ADDRESS", "ssh -L"]),
        (&[], &[], "address = \"[::]:3000\"", ["address", "rankscope.toml", "loopback"]),
        (&[], &[("RANKSCOPE_TRUSTED_PROXIES", "127.0.0.1")], "", ["trusted_proxies", "RANKSCOPE_TRUSTED_PROXIES", "no admin password"]),
        (&["--hosts", "rankscope.example"], &[], "", ["hosts", "--hosts", "no admin password"]),
        (&[], &[], "trusted_proxies = \"proxy.example\"", ["trusted_proxies", "proxy.example", "10.0.0.0/8"]),
        (&["--hosts", "a.example:443"], &[], "", ["hosts", "a.example:443", "without scheme or port"]),
        (&[], &[("RANKSCOPE_ADMIN_PASSWORD_FILE", "/nowhere")], "", ["admin_password_file", "/nowhere", "can't be read"]),
        (&["--admin-password-file", "/dev/null"], &[], "", ["admin_password_file", "/dev/null", "at least 12 characters"]),
        (&[], &[("RANKSCOPE_JOBS", "0")], "jobs = 1", ["jobs", "RANKSCOPE_JOBS", "from 1 to 64"]),
        (&["--memory-limit", "plenty"], &[], "", ["memory_limit", "--memory-limit", "8GiB"]),
        (&[], &[("RANKSCOPE_MEMORY_LIMIT", "12")], "", ["memory_limit", "RANKSCOPE_MEMORY_LIMIT", "at least 1 MiB"]),
        (&[], &[], "port = 3000", ["port", "3000", "it knows address, data_dir"]),
        (&["--site-dir", "/nowhere"], &[], "", ["site_dir", "/nowhere", "make build"]),
        (&["--config", "/nowhere.toml"], &[], "", ["config", "/nowhere.toml", "can't be read"]),
    ];
    for (flags, environment, file, said) in rows {
        let answer = serve(flags, environment, file);
        assert_eq!(answer.code, Some(2), "{flags:?} {environment:?} {file}: {answer:?}");
        for part in said {
            assert!(answer.stderr.contains(part), "{part:?} is not in: {}", answer.stderr);
        }
    }
}

#[test]
fn a_directory_that_cannot_be_used_is_named() {
    let answer = serve(&["--address", "127.0.0.1:0", "--data-dir", "/proc/rankscope"], &[], "");
    assert_eq!(answer.code, Some(1));
    assert!(answer.stderr.contains("/proc/rankscope") && answer.stderr.contains("--data-dir"), "{}", answer.stderr);
}

#[test]
fn two_servers_do_not_share_a_directory_or_an_address() {
    let app = TestApp::start();
    let directory = app.data_dir().to_str().unwrap();
    let second = serve(&["--address", "127.0.0.1:0", "--data-dir", directory], &[], "");
    assert_eq!(second.code, Some(1));
    assert!(second.stderr.contains("another Rankscope server") && second.stderr.contains(directory), "{}", second.stderr);
    let third = serve(&["--address", &app.client.address], &[], "");
    assert_eq!(third.code, Some(1));
    assert!(third.stderr.contains(&app.client.address) && third.stderr.contains("--address"), "{}", third.stderr);
}

#[test]
fn the_help_tells_a_newcomer_what_there_is() {
    let help = run(rankscope().arg("--help"));
    assert_eq!(help.code, Some(0));
    for word in ["serve", "run", "worker", "validate", "estimate", "recipe", "Exit codes"] {
        assert!(help.stdout.contains(word), "{word}");
    }
    assert_eq!(run(&mut rankscope()).code, Some(2), "no command is bad input");
    assert_eq!(run(rankscope().arg("nonsense")).code, Some(2));
}
