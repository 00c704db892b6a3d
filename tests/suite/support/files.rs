//! Whether what a page offers to take away is what it says it is, in every format.

use super::TestApp;

/// A paper's column and its page, what a file's name says of them, and dots of a PNG: 84 and 174 mm at 300 dots an inch.
const WIDTHS: [(&str, &str, u32); 2] = [("column", "-column", 992), ("page", "", 2055)];

/// `address`: with a query, and `FORMAT` in place of the ending. `name`: of the file.
#[track_caller]
pub(crate) fn check_figure(app: &TestApp, address: &str, name: &str) {
    for (width, suffix, dots) in WIDTHS {
        for (format, media_type) in [("svg", "image/svg+xml"), ("png", "image/png"), ("pdf", "application/pdf")] {
            let address = format!("{}&width={width}", address.replace("FORMAT", format));
            let answer = app.client.get(&address);
            assert_eq!(answer.status().as_u16(), 200, "{address}: {}", answer.text().unwrap_or_default());
            assert_eq!(answer.headers()["content-type"], media_type, "{address}");
            let disposition = format!("inline; filename=\"{name}{suffix}.{format}\"");
            assert_eq!(answer.headers()["content-disposition"], disposition.as_str(), "{address}");
            let bytes = answer.bytes().expect("bytes");
            match format {
                "svg" => {
                    let text = String::from_utf8_lossy(&bytes);
                    assert!(text.starts_with("<?xml") && text.contains("<svg") && text.contains("mm\""), "{address}: {text:.200}");
                }
                "png" => {
                    let mut picture = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().expect("a PNG");
                    let mut pixels = vec![0; picture.output_buffer_size().expect("a size")];
                    let frame = picture.next_frame(&mut pixels).expect("its pixels");
                    assert_eq!(frame.width, dots, "{address}");
                    assert!(pixels.iter().any(|part| *part < 128), "{address}: nothing is drawn");
                }
                _ => assert!(bytes.starts_with(b"%PDF-") && bytes.trim_ascii_end().ends_with(b"%%EOF"), "{address}"),
            }
        }
    }
}

/// As [`check_figure`], of a table; gives its CSV.
#[track_caller]
pub(crate) fn check_table(app: &TestApp, address: &str, name: &str) -> String {
    let get = |format: &str, media_type: &str| {
        let address = address.replace("FORMAT", format);
        let answer = app.client.get(&address);
        assert_eq!(answer.status().as_u16(), 200, "{address}: {}", answer.text().unwrap_or_default());
        assert_eq!(answer.headers()["content-type"], media_type, "{address}");
        assert_eq!(answer.headers()["content-disposition"], format!("inline; filename=\"{name}.{format}\"").as_str(), "{address}");
        answer.text().expect("text")
    };
    let csv = get("csv", "text/csv; charset=utf-8");
    let json: serde_json::Value = serde_json::from_str(&get("json", "application/json")).expect("JSON");
    let fields: Vec<&str> = json["columns"].as_array().expect("columns").iter().filter_map(|column| column["name"].as_str()).collect();
    assert_eq!(csv.lines().next().expect("a head"), fields.join(","), "{name}");
    assert!(!json["rows"].as_array().expect("rows").is_empty(), "{name} has no row");
    let tex = get("tex", "application/x-tex; charset=utf-8");
    let label = format!("\\label{{tab:rankscope-{}}}", name.replace('_', "-"));
    for part in ["\\toprule", "\\bottomrule", "\\caption{", &label] {
        assert!(tex.contains(part), "{name} has no {part}: {tex}");
    }
    csv
}
