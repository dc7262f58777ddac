//! `lictor product …` and `lictor spec …`: what the apply file made.

use clap::Subcommand;
use serde_json::Value;

use super::api::{escaped, with_query};
use super::output::printable;
use super::table::cell;
use super::{Common, Failure, Table};

/// The software that is licensed.
#[derive(Debug, Subcommand)]
pub enum Product {
    /// List the products.
    List,
    /// Show one product.
    Show {
        /// The product.
        #[arg(value_name = "PRODUCT")]
        id: String,
    },
}

/// What can be bought.
#[derive(Debug, Subcommand)]
pub enum Spec {
    /// List the specs.
    List {
        /// Of this product.
        #[arg(long, value_name = "PRODUCT")]
        product: Option<String>,
    },
    /// Show one spec.
    Show {
        /// The spec.
        #[arg(value_name = "SPEC")]
        id: String,
    },
}

impl Product {
    /// Does it.
    pub fn run(self, common: &Common) -> Result<(), Failure> {
        let (api, output) = (common.api()?, common.output());
        match self {
            Self::List => output.answer(&api.get("/v1/merchant/products")?, |answer| {
                listing(answer, &["PRODUCT", "NAME", "ADDRESS"], |it| {
                    vec![cell(it.get("id")), name(it), cell(it.get("front_end_url"))]
                })
            }),
            Self::Show { id } => {
                output.answer(&api.get(&format!("/v1/merchant/products/{}", escaped(&id)))?, members);
            }
        }
        Ok(())
    }
}

impl Spec {
    /// Does it.
    pub fn run(self, common: &Common) -> Result<(), Failure> {
        let (api, output) = (common.api()?, common.output());
        match self {
            Self::List { product } => {
                let path = with_query("/v1/merchant/specs", &[("product", product)]);
                output.answer(&api.get(&path)?, |answer| {
                    listing(answer, &["SPEC", "PRODUCT", "NAME", "TERM", "MACHINES", "SKUS"], |it| {
                        let of = |member: &str| cell(it.get(member));
                        vec![of("id"), of("product"), name(it), of("term"), of("machines"), of("skus")]
                    })
                });
            }
            Self::Show { id } => {
                output.answer(&api.get(&format!("/v1/merchant/specs/{}", escaped(&id)))?, members);
            }
        }
        Ok(())
    }
}

fn listing(answer: &Value, head: &[&str], row: impl Fn(&Value) -> Vec<String>) -> String {
    let mut table = Table::new(head);
    for item in answer["items"].as_array().into_iter().flatten() {
        table.row(row(item));
    }
    if table.is_empty() {
        "there is none yet: lictor apply --sample PROTOCOL\n".to_owned()
    } else {
        table.render()
    }
}

/// English, or what there is.
fn name(item: &Value) -> String {
    let name = &item["name"];
    cell(Some(if name["en"].is_null() { &name["zh"] } else { &name["en"] }))
}

fn members(item: &Value) -> String {
    let line = |(name, value): (&String, &Value)| {
        format!("{:<15} {}\n", printable(name), printable(&cell(Some(value))))
    };
    item.as_object().into_iter().flatten().map(line).collect()
}
