//! What holds between the tables of a file.

use std::collections::{BTreeMap, BTreeSet};

use super::ApplyContext;
use super::channel::ReadChannel;
use super::product::ReadProduct;
use super::spec::ReadSpec;
use super::values::shown;
use crate::config::suggestion;
use crate::config::{Place, Section};
use crate::domain::{Instant, NoTotal, ProductId, QuotaPackage, Spec, SpecKind, SpecTerm, Term, Validity};

/// Notes what does not fit together.
pub fn check(
    root: &Section<'_>,
    context: &ApplyContext,
    products: &[ReadProduct],
    specs: &[ReadSpec],
    channels: &[ReadChannel],
) {
    let id = |it: &ReadProduct| Some((it.value.as_ref()?.id.to_string(), it.id_place.clone()));
    once(root, "product", products.iter().filter_map(id));
    let id = |it: &ReadSpec| Some((it.value.as_ref()?.id.to_string(), it.id_place.clone()));
    once(root, "spec", specs.iter().filter_map(id));
    let id = |it: &ReadChannel| Some((it.value.as_ref()?.id.to_string(), it.id_place.clone()));
    once(root, "channel", channels.iter().filter_map(id));
    known_products(root, context, products, specs, channels);
    codes_mean_one_spec(root, specs, channels);
    changes_lead_somewhere(root, context, specs);
    for spec in specs {
        if let Some(value) = &spec.value {
            packages(root, value, spec.has_quota, &spec.id_place);
        }
    }
}

fn once(root: &Section<'_>, what: &str, ids: impl Iterator<Item = (String, Place)>) {
    let mut seen = BTreeSet::new();
    for (id, place) in ids {
        if seen.contains(&id) {
            root.mistake_at(
                &place,
                format!("{what} `{}` stands in this file already; give each its own `id`", shown(&id)),
            );
        }
        seen.insert(id);
    }
}

fn known_products(
    root: &Section<'_>,
    context: &ApplyContext,
    products: &[ReadProduct],
    specs: &[ReadSpec],
    channels: &[ReadChannel],
) {
    let written = products.iter().filter_map(|product| product.id_text.as_deref());
    let known: Vec<&str> = written.chain(context.known_products.iter().map(ProductId::as_str)).collect();
    let named = specs.iter().filter_map(|spec| spec.product.clone());
    let sold = channels.iter().flat_map(|channel| &channel.products);
    for (product, place) in named.chain(sold.map(|(product, place)| (product.to_string(), place.clone()))) {
        if root.is_full() {
            return;
        }
        if !known.contains(&product.as_str()) {
            let instead = match known.as_slice() {
                [] => format!("; add a [[product]] with `id = \"{product}\"`"),
                known => suggestion(&product, known),
            };
            root.mistake_at(&place, format!("there is no product `{product}`{instead}"));
        }
    }
}

/// What an instance may become is another license of the same product.
fn changes_lead_somewhere(root: &Section<'_>, context: &ApplyContext, specs: &[ReadSpec]) {
    let written = specs.iter().filter_map(|spec| spec.value.as_ref());
    let given: BTreeMap<&str, (&ProductId, SpecKind)> =
        written.map(|spec| (spec.id.as_str(), (&spec.product, spec.kind))).collect();
    let known: BTreeMap<&str, &ProductId> =
        context.known_specs.iter().map(|(id, product)| (id.as_str(), product)).collect();
    for (spec, id, place) in specs.iter().flat_map(|spec| {
        let own = spec.value.as_ref();
        spec.changes_to.iter().filter_map(move |(id, place)| Some((own?, id, place)))
    }) {
        let target = given.get(id.as_str()).copied();
        let target = target.or(known.get(id.as_str()).map(|product| (*product, SpecKind::License)));
        match target {
            _ if *id == spec.id => {
                root.mistake_at(place, "an instance stays what it is without this: leave it out")
            }
            None => {
                let names: Vec<&str> = given.keys().chain(known.keys()).copied().collect();
                root.mistake_at(place, format!("there is no spec `{id}`{}", suggestion(id.as_str(), &names)));
            }
            Some((product, _)) if *product != spec.product => root.mistake_at(
                place,
                format!(
                    "the spec `{id}` licenses `{product}`: an instance of `{}` becomes none of it",
                    spec.product
                ),
            ),
            Some((_, SpecKind::Package)) => {
                root.mistake_at(place, format!("the spec `{id}` is a package: an instance becomes none"));
            }
            Some((_, SpecKind::License)) => {}
        }
    }
}

/// A marketplace names a spec by its code alone: within what one channel sells, a code means one spec.
fn codes_mean_one_spec(root: &Section<'_>, specs: &[ReadSpec], channels: &[ReadChannel]) {
    let mut noted = BTreeSet::new();
    let groups = channels.iter().map(|it| it.products.iter().map(|(product, _)| product.as_str()).collect());
    let alone = specs.iter().filter_map(|it| Some(vec![it.product.as_ref()?.0.as_str()]));
    for group in groups.chain(alone) {
        let group: Vec<&str> = group;
        let is_sold = |it: &ReadSpec| it.product.as_ref().is_some_and(|(id, _)| group.contains(&id.as_str()));
        let mut first: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for (number, spec) in specs.iter().enumerate().filter(|(_, spec)| is_sold(spec)) {
            let skus = spec.skus.iter().map(|(sku, place)| (("sku", sku.as_str()), place));
            let ids = spec.product_ids.iter().map(|(id, place)| (("product id", id.as_str()), place));
            for ((what, code), place) in skus.chain(ids) {
                let owner = *first.entry((what, code)).or_insert(number);
                if owner != number && noted.insert((number, what, code)) {
                    let code = shown(code);
                    root.mistake_at(
                        place,
                        format!("{what} `{code}` already means another spec that is sold beside this one"),
                    );
                }
            }
        }
    }
}

fn packages(root: &Section<'_>, spec: &Spec, has_quota: bool, place: &Place) {
    if spec.kind == SpecKind::Package && !has_quota {
        root.mistake_at(place, "a spec of kind \"package\" gives quota; add a [[spec.quota]]");
    }
    let SpecTerm::Fixed(term) = spec.term else { return };
    if spec.updates.is_some() && term != Term::Permanent {
        root.mistake_at(
            place,
            "`updates` is for a permanent license; leave it out, or write `term = \"permanent\"`",
        );
    }
    let Ok(validity) = Validity::lasting(term, Instant::UNIX_EPOCH) else { return };
    for template in &spec.quota {
        let total = QuotaPackage::bought(template, 1, term, validity).map(|package| package.total);
        if matches!(total, Ok(Err(NoTotal::TooLarge)) | Err(_)) {
            let metric = shown(&template.metric);
            root.mistake_at(
                place,
                format!("the quota `{metric}` adds up to 900000000000 or more over its term"),
            );
        }
    }
}
