//! What is sold, as the apply file says it: to be read here, and changed there.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;

use super::blocks::{self, Html};
use super::desk::{Desk, with_desk};
use super::words::Catalog;
use crate::application::ports::{Listing, Versioned, list};
use crate::application::record::{Owned, Stored};
use crate::domain::{MachineLimit, Product, Scope, Spec, SpecTerm};
use crate::http::error::ApiError;
use crate::http::state::HttpState;

/// Most products, and most specs, of one merchant that are shown.
const SHOWN_MAX: usize = 1_000;

/// `GET /console/catalog`
pub async fn show(State(state): State<HttpState>, parts: Parts) -> Response {
    with_desk(&state, &parts, Scope::Read, async |desk| {
        let (words, tag) = (Catalog::of(desk.language()), desk.language().tag());
        let products: Vec<Product> = desk.owned(Listing::Products(desk.id().clone())).await?;
        let row =
            |product: &Product| vec![blocks::code(&product.id), blocks::text(product.name.for_locale(tag))];
        let rows = products.iter().map(row).collect();
        let products = blocks::table(words.products, &[words.product, words.name], rows, words.none);
        let columns = [
            words.spec,
            words.name,
            words.product,
            words.skus,
            words.term,
            words.machines,
            words.entitlements,
            words.quota,
        ];
        let rows = desk.specs().await?.iter().map(|spec| desk.spec_row(spec, words)).collect();
        let specs = blocks::table(words.specs, &columns, rows, words.none);
        let body = Html::all([blocks::paragraph(words.hint), products, specs]);
        Ok(desk.page(StatusCode::OK, words.title, None, body))
    })
    .await
}

impl Desk {
    /// Every spec of the merchant.
    pub async fn specs(&self) -> Result<Vec<Spec>, ApiError> {
        self.owned(Listing::Specs(self.id().clone())).await
    }

    async fn owned<T>(&self, listing: Listing) -> Result<Vec<T>, ApiError>
    where
        Owned<T>: Stored,
    {
        let found = list::<Owned<T>>(self.state.store.as_ref(), &listing, SHOWN_MAX).await;
        let found: Vec<Versioned<Owned<T>>> = found.map_err(ApiError::Store)?;
        Ok(found.into_iter().map(|found| found.value.value).collect())
    }

    fn spec_row(&self, spec: &Spec, words: &Catalog) -> Vec<Html> {
        let term = match spec.term {
            SpecTerm::AsOrdered => words.as_ordered.to_owned(),
            SpecTerm::Fixed(term) => term.to_string(),
        };
        let machines = match spec.machines {
            MachineLimit::AtMost(limit) => self.reader.number(limit),
            MachineLimit::Unlimited => words.unlimited.to_owned(),
        };
        let skus = spec.skus.iter().map(ToString::to_string).collect::<Vec<_>>();
        let quota = spec.quota.iter().map(|template| {
            let amount = self.reader.number(template.amount);
            format!("{amount} {} ({})", template.unit, template.metric)
        });
        let or_none = |text: String| blocks::text(if text.is_empty() { "–" } else { text.as_str() });
        vec![
            blocks::code(&spec.id),
            blocks::text(spec.name.for_locale(self.language().tag())),
            blocks::code(&spec.product),
            or_none(skus.join(", ")),
            blocks::text(term),
            blocks::text(machines),
            or_none(spec.entitlements.join(", ")),
            or_none(quota.collect::<Vec<_>>().join(", ")),
        ]
    }
}
