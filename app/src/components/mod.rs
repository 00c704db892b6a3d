//! Widgets that more than one page uses.
#![expect(unreachable_pub, reason = "the component macro makes its structs public")]

pub(crate) mod arm_list;
pub(crate) mod claims;
pub(crate) mod copy_button;
pub(crate) mod cover;
pub(crate) mod error_view;
pub(crate) mod figure;
pub(crate) mod lens_panels;
pub(crate) mod lens_results;
pub(crate) mod log_out;
pub(crate) mod measure_cell;
pub(crate) mod pending;
pub(crate) mod scrolling;
pub(crate) mod share_strip;
pub(crate) mod status_mark;
pub(crate) mod take_away;
