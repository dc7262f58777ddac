//! What is sold, as the apply file says it: to be read here, and changed there.

use super::desk::Desk;
use crate::application::ports::{Listing, Versioned, list};
use crate::application::record::Owned;
use crate::domain::Spec;
use crate::http::error::ApiError;

/// Most specs of one merchant that are shown.
const SPECS_MAX: usize = 1_000;

impl Desk {
    /// Every spec of the merchant.
    pub async fn specs(&self) -> Result<Vec<Spec>, ApiError> {
        let listing = Listing::Specs(self.id().clone());
        let specs = list::<Owned<Spec>>(self.state.store.as_ref(), &listing, SPECS_MAX).await;
        let specs: Vec<Versioned<Owned<Spec>>> = specs.map_err(ApiError::Store)?;
        Ok(specs.into_iter().map(|spec| spec.value.value).collect())
    }
}
