//! Text inside elements whose content the renderer writes as it is.

/// Text for `<title>` and `<textarea>`: escaped in the page that the server writes, where it would else be able to
/// close the element; as it is in the browser, where it is set as text.
pub(crate) fn raw_text(text: String) -> String {
    if cfg!(feature = "ssr") { text.replace('&', "&amp;").replace('<', "&lt;") } else { text }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;

    #[test]
    fn a_text_can_not_close_its_element() {
        assert_eq!(raw_text("</textarea><script>a && b".into()), "&lt;/textarea>&lt;script>a &amp;&amp; b");
    }
}
