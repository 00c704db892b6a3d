//! The few things that only a browser can do. On the server they do nothing.

use leptos::prelude::*;

/// False while the page is as the server sent it, true once the client runs: for controls that need it.
pub(crate) fn client_runs() -> ReadSignal<bool> {
    let (runs, set_runs) = signal(false);
    Effect::new(move |_| set_runs.set(true));
    runs
}

#[cfg(feature = "hydrate")]
pub(crate) use in_browser::*;
#[cfg(not(feature = "hydrate"))]
pub(crate) use on_server::*;

#[cfg(feature = "hydrate")]
mod in_browser {
    use leptos::prelude::*;
    use wasm_bindgen::{JsCast, JsValue, closure::Closure};
    use web_sys::{EventSource, FileReader, HtmlFormElement, HtmlInputElement, MessageEvent};

    /// Puts a text on the clipboard, and tells `then` whether it is there.
    pub(crate) fn copy(text: &str, then: impl Fn(bool) + Clone + 'static) {
        // elsewhere than over https or on this machine browsers have no clipboard, and asking for it is an error
        if !window().is_secure_context() {
            return then(false);
        }
        let told = then.clone();
        let copied = Closure::<dyn FnMut(JsValue)>::once(move |_: JsValue| told(true));
        let refused = Closure::<dyn FnMut(JsValue)>::once(move |_: JsValue| then(false));
        let _ = window().navigator().clipboard().write_text(text).then2(&copied, &refused);
        // one of the two is called, later
        copied.forget();
        refused.forget();
    }

    fn storage() -> Option<web_sys::Storage> {
        window().local_storage().ok().flatten()
    }

    /// What this browser remembers under a key.
    pub(crate) fn remembered(key: &str) -> Option<String> {
        storage()?.get_item(key).ok().flatten()
    }

    pub(crate) fn remember(key: &str, value: &str) {
        if let Some(storage) = storage() {
            // a browser that keeps nothing is no fault
            let _ = storage.set_item(key, value);
        }
    }

    pub(crate) fn focus(id: &str) {
        if let Some(element) = document().get_element_by_id(id).and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok()) {
            let _ = element.focus();
        }
    }

    /// Where a pointer is within an element: from 0 to 1 from its left and its top.
    pub(crate) fn place_within(id: &str, event: &web_sys::PointerEvent) -> Option<(f64, f64)> {
        let place = document().get_element_by_id(id)?.get_bounding_client_rect();
        let (x, y) = (f64::from(event.client_x()) - place.left(), f64::from(event.client_y()) - place.top());
        (place.width() > 0.0 && place.height() > 0.0).then(|| (x / place.width(), y / place.height()))
    }

    /// Calls `on_key` with each key that is pressed, until the page's part that asked for it is gone; true: it has been dealt with. Keys
    /// with a modifier are left out, and those that a field takes.
    pub(crate) fn on_key(on_key: impl Fn(&str) -> bool + 'static) {
        let handle = window_event_listener(leptos::ev::keydown, move |event| {
            let in_field = event
                .target()
                .and_then(|target| target.dyn_into::<web_sys::Element>().ok())
                .is_some_and(|element| matches!(element.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT"));
            let modified = event.ctrl_key() || event.alt_key() || event.meta_key() || event.repeat();
            if !in_field && !modified && on_key(&event.key()) {
                event.prevent_default();
            }
        });
        on_cleanup(move || handle.remove());
    }

    /// Scrolls as little as it takes.
    pub(crate) fn bring_into_view(id: &str) {
        let options = web_sys::ScrollIntoViewOptions::new();
        options.set_block(web_sys::ScrollLogicalPosition::Nearest);
        options.set_inline(web_sys::ScrollLogicalPosition::Nearest);
        if let Some(element) = document().get_element_by_id(id) {
            element.scroll_into_view_with_scroll_into_view_options(&options);
        }
    }

    /// What a form holds now, also what was typed before the client ran.
    pub(crate) fn form_pairs(form: &HtmlFormElement) -> Vec<(String, String)> {
        let Ok(data) = web_sys::FormData::new_with_form(form) else { return Vec::new() };
        let Ok(Some(entries)) = js_sys::try_iter(&data) else { return Vec::new() };
        entries
            .flatten()
            .map(|pair| js_sys::Array::from(&pair))
            .filter_map(|pair| Some((pair.get(0).as_string()?, pair.get(1).as_string()?)))
            .collect()
    }

    /// Reads the file that was chosen in an input, then calls `then` with its text.
    pub(crate) fn read_chosen_file(input_id: &str, then: impl FnOnce(String) + 'static) {
        let Some(input) = document().get_element_by_id(input_id).and_then(|element| element.dyn_into::<HtmlInputElement>().ok()) else {
            return;
        };
        let Some(file) = input.files().and_then(|files| files.get(0)) else { return };
        let Ok(reader) = FileReader::new() else { return };
        let loaded = reader.clone();
        let on_load = Closure::once_into_js(move || {
            if let Some(text) = loaded.result().ok().and_then(|value| value.as_string()) {
                then(text);
            }
        });
        reader.set_onload(Some(on_load.unchecked_ref()));
        let _ = reader.read_as_text(&file);
    }

    /// Listens to a study's events until the page's part that asked for it is gone. `on_end` is called once the
    /// server says that no worker has the study any more.
    pub(crate) fn follow_events(address: &str, on_event: impl Fn(String) + 'static, on_end: impl Fn() + 'static) {
        let Ok(source) = EventSource::new(address) else { return };
        let message = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
            if let Some(text) = event.data().as_string() {
                on_event(text);
            }
        });
        source.set_onmessage(Some(message.as_ref().unchecked_ref()));
        let ending = source.clone();
        let end = Closure::<dyn Fn()>::new(move || {
            ending.close();
            on_end();
        });
        let _ = source.add_event_listener_with_callback("end", end.as_ref().unchecked_ref());
        let kept = StoredValue::new_local((source, message, end));
        on_cleanup(move || {
            kept.try_with_value(|(source, _, _)| source.close());
        });
    }
}

#[cfg(not(feature = "hydrate"))]
mod on_server {
    pub(crate) fn copy(_text: &str, _then: impl Fn(bool) + Clone + 'static) {}
    pub(crate) fn remembered(_key: &str) -> Option<String> {
        None
    }
    pub(crate) fn remember(_key: &str, _value: &str) {}
    pub(crate) fn focus(_id: &str) {}
    pub(crate) fn on_key(_on_key: impl Fn(&str) -> bool + 'static) {}
    pub(crate) fn place_within<T>(_id: &str, _event: &T) -> Option<(f64, f64)> {
        None
    }
    pub(crate) fn bring_into_view(_id: &str) {}
    pub(crate) fn form_pairs<T>(_form: &T) -> Vec<(String, String)> {
        Vec::new()
    }
    pub(crate) fn read_chosen_file(_input_id: &str, _then: impl FnOnce(String) + 'static) {}
    pub(crate) fn follow_events(_address: &str, _on_event: impl Fn(String) + 'static, _on_end: impl Fn() + 'static) {}
}
