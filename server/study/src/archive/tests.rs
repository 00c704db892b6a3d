//! Names and contents of archives; whole archives are tried in the integration tests.

use super::{
    ARCHIVE_FORMAT, ArchiveLimits, FilesWanted, MANIFEST, Manifest, ManifestFile, content, content::content_of, import::fold_events,
    name::checked, unpack,
};
use crate::{Study, whole_file};
use rankscope_domain::{CellId, Recipe, recipe::ArmSpec, view::Ended};
use std::{collections::BTreeSet, fs, io::Write};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

#[test]
fn only_files_of_a_study_are_known() {
    for path in [
        "recipe.toml",
        "events.jsonl",
        "data/subsets/s0-m0.25.json",
        "stages/03-train-lora-s0-m0.1.json",
        "cells/full-s0/model/model.safetensors",
        "cells/lora-r8-s0-m0.25/adapter_config.json",
        "cells/original-s0/lens.json",
    ] {
        assert!(content_of(path).is_some(), "{path}");
    }
    for path in [
        "worker.log",
        ".lock",
        "imported.json",
        "README.md",
        "cells/full-s0/model/pytorch_model.bin",
        "cells/full-s0/evil.sh",
        "cells/lora-r08-s0/metrics.json",
        "cells/../recipe.toml",
        "data/subsets/s0.json",
        "data/subsets/../../x-m1.json",
        "stages/1-x.json",
        "stages/03-train.parts",
        "stages/03-Train.json",
        "recipe.toml/x",
        "",
    ] {
        assert!(content_of(path).is_none(), "{path}");
    }
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    assert_eq!(checked(b"study/cells/full-s0/model/config.json"), Ok("study/cells/full-s0/model/config.json"));
    let long = "a".repeat(500);
    let long_part = "a".repeat(121);
    for name in [
        "",
        "/etc/passwd",
        "../x",
        "study/../../x",
        "study//x",
        "study/./x",
        "study/.hidden",
        "a\\b",
        "C:x",
        "a/b/c/d/e/f/g",
        "na\u{202e}me",
        "a b",
        "a\0b",
        "x/",
        &long,
        &long_part,
    ] {
        assert!(checked(name.as_bytes()).is_err(), "{name:?}");
    }
    assert!(checked(b"\xff").is_err());
}

#[test]
fn a_file_is_checked_by_what_it_should_hold() {
    let folder = tempfile::tempdir().unwrap();
    let tensors = |head: &str, data: usize| [&(head.len() as u64).to_le_bytes()[..], head.as_bytes(), &vec![0; data]].concat();
    let one = r#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    for (name, bytes, wrong) in [
        ("prompts.jsonl", b"".to_vec(), ""),
        ("prompts.jsonl", b"{\"id\":0,\"prompt\":\"p\",\"group\":\"g\",\"category\":\"\",\"template\":\"\"}\n".to_vec(), ""),
        ("prompts.jsonl", b"{\"id\":0}\n".to_vec(), "line 1 is not what"),
        ("prompts.jsonl", b"{\"id\":0,\"prompt\":\"p\",\"group\":\"g\",\"category\":\"\",\"template\":\"\"}".to_vec(), "line 1 has no end"),
        ("recipe.toml", b"name = ".to_vec(), "not TOML"),
        ("results.json", b"{}".to_vec(), "is not what Rankscope writes there"),
        ("cells/full-s0/train.jsonl", b"{\"step\":1}\n[]\n".to_vec(), "line 2"),
        ("cells/full-s0/model/model.safetensors", tensors(one, 8), ""),
        ("cells/full-s0/model/model.safetensors", tensors(one, 7), "don't fill it"),
        ("cells/full-s0/model/model.safetensors", tensors(one, 9), "don't fill it"),
        ("cells/full-s0/model/model.safetensors", vec![255; 16], "longer than the file"),
        (
            "cells/full-s0/model/model.safetensors",
            tensors(r#"{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 8),
            "",
        ),
        (
            "cells/full-s0/model/model.safetensors",
            tensors(r#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, 0),
            "w has no place",
        ),
        ("cells/full-s0/model/model.safetensors", tensors(r#"{"w":{"dtype":"F32","shape":[2]}}"#, 0), "w has no place"),
        (
            "cells/full-s0/model/model.safetensors",
            tensors(&format!("{{{}}}", " ".repeat(5 << 20)), 0),
            "more than the 4194304 that are read",
        ),
        ("cells/full-s0/model/model.safetensors", vec![1, 2], "cut off"),
        (
            "cells/full-s0/lens.json",
            br#"[{"cell":"full-s0","prompt":"p","tokens":["p"],"continuation":"","layers":[[]]}]"#.to_vec(),
            "one cell for each token",
        ),
    ] {
        let path = folder.path().join("file");
        fs::write(&path, bytes).unwrap();
        let (_, kind) = content_of(name).unwrap();
        match content::check(&path, kind) {
            Ok(()) => assert!(wrong.is_empty(), "{name} was taken, {wrong}"),
            Err(said) => assert!(!wrong.is_empty() && said.contains(wrong), "{name}: {said}"),
        }
    }
}

#[test]
fn a_file_that_is_too_large_for_its_kind_is_not_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    let line = "{\"id\":1,\"at_ms\":1,\"event\":\"note\",\"text\":\"x\"}\n";
    let events = line.repeat((64 << 20) / line.len() + 1);
    let (path, directory) = (folder.path().join("study.zip"), folder.path().join("study"));
    let file = ManifestFile { path: "study/events.jsonl".into(), bytes: events.len() as u64, sha256: whole_file::hash_text(&events) };
    let manifest = Manifest { rankscope_archive: ARCHIVE_FORMAT, rankscope_version: String::new(), name: String::new(), files: vec![file] };
    let mut zip = ZipWriter::new(fs::File::create(&path).unwrap());
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, content) in [("study/events.jsonl", events.as_bytes()), (MANIFEST, &serde_json::to_vec(&manifest).unwrap()[..])] {
        zip.start_file(name, stored).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap();
    fs::create_dir(&directory).unwrap();
    let said = unpack(&path, &directory, ArchiveLimits { bytes: 16 << 30, files: 100 }).err().unwrap().to_string();
    assert!(said.contains("study/events.jsonl") && said.contains("more than 67108864 bytes"), "{said}");
    assert!(fs::metadata(directory.join("events.jsonl")).unwrap().len() <= 64 << 20, "it stopped there");
}

#[test]
fn events_are_as_many_as_a_study_can_have() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let cells: BTreeSet<CellId> = ["lora-r2-s0".parse().unwrap()].into();
    let said = |lines: &mut dyn Iterator<Item = String>| {
        let numbered = lines.enumerate().map(|(number, event)| format!("{{\"id\":{},\"at_ms\":1,{event}}}\n", number + 1));
        fs::write(&path, numbered.collect::<String>()).unwrap();
        fold_events(&path, &cells).map(|progress| progress.ended)
    };
    let note = |number: u32| format!("\"event\":\"note\",\"text\":\"{number}\"");
    let step = |cell: &str, number: u32| {
        format!("\"event\":\"train_step\",\"cell\":\"{cell}\",\"step\":{number},\"steps_total\":9,\"loss\":1.0,\"learning_rate\":0.1")
    };
    let end = || std::iter::once("\"event\":\"finished\",\"seconds\":1.0".to_string());
    assert_eq!(
        said(&mut (0..100).map(note).chain((1..50_000).map(|number| step("lora-r2-s0", number))).chain(end())),
        Ok(Some(Ended::Finished))
    );
    let many = said(&mut (0..20_001).map(note).chain(end())).unwrap_err();
    assert!(many.contains("more than 20000 notes"), "{many}");
    let other = said(&mut std::iter::once(step("full-s0", 1))).unwrap_err();
    assert!(other.contains("full-s0"), "{other}");
}

fn recipe() -> Recipe {
    Recipe { arms: vec![ArmSpec::lora(2, 1e-3)], ..Recipe::from_toml("name = \"x\"").unwrap() }
}

#[test]
fn a_study_lists_what_is_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let study = Study::create(&folder.path().join("study"), &recipe()).unwrap();
    let write = |name: &str| {
        let path = study.directory().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    };
    for name in [
        "worker.log",
        ".lock",
        "imported.json",
        "results.json",
        "stages/04-train.parts/a.json",
        "cells/lora-r2-s0/adapter_model.safetensors",
        "cells/full-s0/model/model.safetensors",
        "cells/full-s0/train.jsonl",
    ] {
        write(name);
    }
    std::os::unix::fs::symlink("/etc/passwd", study.directory().join("events.jsonl")).unwrap();
    let names = |wanted| study.files(wanted).unwrap().into_iter().map(|file| file.name).collect::<Vec<_>>();
    assert_eq!(names(FilesWanted::default()), ["cells/full-s0/train.jsonl", "recipe.toml", "results.json"]);
    let all = names(FilesWanted { adapters: true, full_weights: true });
    assert!(
        all.contains(&"cells/lora-r2-s0/adapter_model.safetensors".into()) && all.contains(&"cells/full-s0/model/model.safetensors".into())
    );
    assert_eq!(all.len(), 5);
}
