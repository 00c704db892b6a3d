//! The lens's views and heatmaps over what a study can have.

use super::*;
use crate::{
    charts::{
        layer_name, lens_layers, lens_legend, lens_panel,
        tests::{check_legible, check_on_paper},
    },
    inspection_fixture::readings,
};

const ARMS: [Arm; 4] = [Arm::Original, Arm::Lora(2), Arm::Lora(64), Arm::Full];

fn read(pairs: &[(&str, &str)]) -> (LensView, FieldErrors) {
    LensView::read(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_string()))
}

#[test]
fn a_view_has_an_address_that_reads_back() {
    let pairs = [
        ("prompt", "1"),
        ("mode", "difference"),
        ("token", "a&b"),
        ("a", "full"),
        ("b", "lora-r2"),
        ("palette", "safe"),
        ("arms", "full,lora-r2"),
    ];
    let (view, errors) = read(&pairs);
    assert_eq!(errors, FieldErrors::default());
    assert_eq!(view.query(), "?prompt=1&mode=difference&token=a%26b&a=full&b=lora-r2&palette=safe&arms=full,lora-r2");
    assert_eq!(LensView::default().query(), "");
}

#[test]
fn what_cannot_be_read_or_is_not_there_is_said_by_name() {
    let shown = of_prompt(&readings(&ARMS, 2, 3), 0);
    for (name, value, said) in [
        ("prompt", "first", "Write the number"),
        ("prompt", "2", "2 prompts, counted from 0"),
        ("mode", "mood", "entropy, probability, kl, difference"),
        ("palette", "pink", "paper, safe"),
        ("a", "halb", "is not an arm"),
        ("b", "lora-r3", "There are: original, lora-r2, lora-r64, full."),
        ("arms", "full,lora-r3", "There is no lens of that arm"),
    ] {
        let (view, unreadable) = read(&[(name, value)]);
        let (_, missing) = view.resolve(2, &shown);
        let errors = [unreadable.0, missing.0].concat();
        assert_eq!(errors.len(), 1, "{name}={value}: {errors:?}");
        assert!(errors[0].field == name && errors[0].to_string().contains(said), "{}", errors[0]);
    }
}

#[test]
fn every_mode_is_drawn_from_its_own_number() {
    let shown = of_prompt(&readings(&ARMS, 4, 3), 0);
    let value = |mode: LensMode, panel: usize, token: Option<&str>| {
        let (view, errors) = LensView { mode, token: token.map(Into::into), ..LensView::default() }.resolve(2, &shown);
        assert_eq!(errors.0, []);
        let map = lens_map(&shown, &view);
        (map.panels[panel].values[4][2], map.scale.low, map.scale.high, map.panels.len())
    };
    let cell = &shown[3].layers[4][2];
    assert_eq!(value(LensMode::Entropy, 3, None).0, Some(cell.entropy));
    assert_eq!(value(LensMode::Kl, 3, None).0, Some(cell.kl));
    assert_eq!(value(LensMode::Probability, 3, Some(&cell.top[1].text)), (Some(cell.top[1].probability), 0.0, 1.0, 4));
    assert_eq!(value(LensMode::Probability, 3, Some("no such token")).0, None, "what is not listed is not known");
    let (difference, low, high, panels) = value(LensMode::Difference, 0, None);
    assert_eq!(difference, Some(cell.entropy - shown[0].layers[4][2].entropy), "the last arm minus the first");
    assert!(low == -high && panels == 1, "zero is in the middle");
}

#[test]
fn hiding_an_arm_changes_no_colour_of_the_others() {
    let shown = of_prompt(&readings(&ARMS, 4, 3), 1);
    let map = |arms: Vec<Arm>| lens_map(&shown, &LensView { arms, mode: LensMode::Kl, ..LensView::default() }.resolve(2, &shown).0);
    let (all, one) = (map(Vec::new()), map(vec![Arm::Lora(2)]));
    assert_eq!((all.panels.len(), one.panels.len(), all.scale), (4, 1, one.scale));
    assert_eq!(all.panels[1], one.panels[0]);
    assert_eq!(shown[0].prompt, "<b>He</b> said \"so\"", "the second prompt");
}

#[test]
fn a_place_in_a_panel_is_the_cell_that_is_drawn_there() {
    let shown = of_prompt(&readings(&ARMS, 6, 5), 0);
    let map = lens_map(&shown, &LensView::default().resolve(2, &shown).0);
    let svg = lens_panel(&map, 0, 0).unwrap();
    let size = |name: &str| -> f64 { svg.split(&format!("{name}=\"")).nth(1).unwrap().split('"').next().unwrap().parse().unwrap() };
    let (width, height) = (size("width"), size("height"));
    for layer in 0..7 {
        for position in 0..5 {
            let (x, y, wide, high) = map.place_of(layer, position);
            let found = map.cell_at((x + wide / 2.0) / width, (y + high / 2.0) / height);
            assert_eq!(found, Some((layer, position)));
        }
    }
    assert_eq!(map.cell_at(0.5, 0.999), None, "the tokens beneath are no cells");
    assert_eq!(map.cell_at(-0.1, 0.1), None);
    assert_eq!(layer_name(0), "embedding");
}

/// With what stands for a letter in a file as a letter, so that texts have their length.
fn as_read(svg: &str) -> String {
    ["&lt;", "&gt;", "&quot;", "&amp;"].iter().fold(svg.to_string(), |svg, entity| svg.replace(entity, "x"))
}

#[test]
fn drawings_are_legible_in_every_mode_and_no_markup() {
    for (layers, positions, arms) in [(6, 7, &ARMS[..]), (1, 1, &ARMS[..1]), (12, 12, &ARMS[1..3])] {
        for mode in LensMode::ALL {
            for palette in HeatPalette::ALL {
                let shown = of_prompt(&readings(arms, layers, positions), 0);
                let (view, _) = LensView { mode, palette, ..LensView::default() }.resolve(2, &shown);
                let map = lens_map(&shown, &view);
                let what = format!("{mode:?} {palette:?} of {layers} layers");
                for width in [Width::Narrow, Width::Wide] {
                    let svg = lens_sheet(&map, width).unwrap();
                    check_legible(&what, &as_read(&svg));
                    check_on_paper(&what, &svg, width);
                    assert!(!svg.contains("<script"), "{what}");
                    if let Some(folder) = std::env::var_os("RANKSCOPE_DRAW_TO") {
                        // to look at: RANKSCOPE_DRAW_TO=FOLDER cargo test -p rankscope-app --features ssr lens_view
                        std::fs::create_dir_all(&folder).unwrap();
                        let file = format!("lens-{layers}-{}-{}-{width:?}.svg", mode.name(), palette.name());
                        std::fs::write(std::path::Path::new(&folder).join(file), svg).unwrap();
                    }
                }
                for index in 0..map.panels.len() {
                    check_legible(&what, &as_read(&lens_panel(&map, index, index).unwrap()));
                }
                check_legible(&what, &lens_layers(&map, 0));
                check_legible(&what, &as_read(&lens_legend(&map)));
            }
        }
    }
}

#[test]
fn a_long_prompt_is_whole_on_paper_in_blocks_beneath_one_another() {
    let shown = of_prompt(&readings(&ARMS[..2], 3, 40), 0);
    let (view, _) = LensView::default().resolve(2, &shown);
    let map = lens_map(&shown, &view);
    // a column has room for 6 tokens, a page for 16: 40 make seven blocks and three, of two arms each
    for (width, blocks, places) in [
        (Width::Narrow, 7, ["tokens 1 to 6 of 40", "tokens 37 to 40 of 40"]),
        (Width::Wide, 3, ["tokens 1 to 14 of 40", "tokens 29 to 40 of 40"]),
    ] {
        let svg = lens_sheet(&map, width).unwrap();
        check_legible("a long prompt", &as_read(&svg));
        check_on_paper("a long prompt", &svg, width);
        assert_eq!(svg.matches(" of 40\n").count(), 2 * blocks, "{svg}");
        for place in places {
            assert_eq!(svg.matches(&format!(", {place}")).count(), 2, "{place}: {svg}");
        }
        // a cell a token, layer and arm: each has its rectangle
        let cells = svg.split("<rect").skip(1).count();
        assert!(cells >= 40 * 4 * 2, "{cells}");
        assert_eq!(svg.matches("layer 3\n").count(), 2 * blocks, "each block names its layers");
    }
}

#[test]
fn without_readings_there_is_no_figure_and_what_is_missing_is_said() {
    assert_eq!(lens_svg([], &LensView::default(), Width::Wide), Ok(None));
    let errors = lens_svg(readings(&ARMS, 2, 2), &LensView { prompt: 9, ..LensView::default() }, Width::Wide).unwrap_err();
    assert_eq!(errors.0[0].field, "prompt");
    assert!(lens_svg(readings(&ARMS, 2, 2), &LensView::default(), Width::Wide).unwrap().is_some());
}

#[test]
fn a_large_model_is_a_file_that_a_browser_takes() {
    let arms = [Arm::Original, Arm::Lora(2), Arm::Lora(8), Arm::Lora(64), Arm::Full];
    let svg = lens_svg(readings(&arms, 32, 40), &LensView::default(), Width::Wide).unwrap().unwrap();
    assert!(svg.len() < 3_000_000, "{} bytes for 33 x 40 x 5 cells", svg.len());
}

#[test]
fn the_heatmap_is_as_it_was() {
    let svg = lens_svg(readings(&ARMS[..2], 2, 3), &LensView::default(), Width::Wide).unwrap().unwrap();
    insta::assert_snapshot!("lens", svg);
}
