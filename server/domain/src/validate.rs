//! Checks of a recipe that need no model and no file.

use crate::{FieldErrors, Recipe};

impl Recipe {
    /// Everything that is wrong with the recipe by itself.
    pub fn validate(&self) -> Result<(), FieldErrors> {
        FieldErrors::default().into_result(())
    }
}
