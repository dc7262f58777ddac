//! A server with its store in a folder or in a database, which can be lost.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use lictor::sandbox::orders::{Basket, Billing, MockOrder, OrderReason, Period};
use lictor::sandbox::{Sandbox, Storefront};
use serde_json::Value;

use super::postgres::{Cluster, Database};
use super::process::{API_TOKEN, ISSUER, Launch, Merchant, Server, Site, start_sandbox, wait_until};

pub struct Ground {
    pub sandbox: Sandbox,
    pub site: Site,
    /// Where the records are; the folder, if there is none.
    pub database: Option<Database>,
}

impl Ground {
    pub fn embedded() -> Self {
        let sandbox = start_sandbox();
        let site = Site::new(&sandbox.base_url());
        Self { sandbox, site, database: None }
    }

    /// On a database, with keys made as an operator would.
    pub fn shared() -> Self {
        let ground = Self { database: Some(Cluster::shared().database()), ..Self::embedded() };
        done(&ground.run(&["init"]));
        done(&ground.run(&["keys", "create", "acme", "--issuer", ISSUER]));
        ground
    }

    pub fn name(&self) -> &'static str {
        if self.database.is_some() { "PostgreSQL" } else { "embedded" }
    }

    pub fn store(&self) -> String {
        self.database.as_ref().map_or_else(|| "embedded".to_owned(), |database| database.address.clone())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.site.folder.path().join(name)
    }

    pub fn launch(&self) -> Launch {
        self.site.launch_here().port(self.site.port).env("LICTOR_STORE", &self.store())
    }

    pub fn start(&self) -> Server {
        Server::start(self.launch())
    }

    pub fn merchant(&self) -> Merchant {
        self.site.merchant()
    }

    /// A command, as the merchant.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lictor"));
        command
            .args(arguments)
            .env("LICTOR_URL", self.site.url())
            .env("LICTOR_STORE", self.store())
            .env("LICTOR_DATA_DIR", self.path("data"))
            .env("LICTOR_KEYS_DIR", self.path("keys"))
            .env("LICTOR_TOKEN", API_TOKEN)
            .env_remove("LICTOR_CONFIG")
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the binary starts")
    }

    /// A command, as the operator.
    pub fn operate(&self, arguments: &[&str]) -> Output {
        let token = self.path("data/operator-token").display().to_string();
        self.run(&[arguments, &["--token-file", &token]].concat())
    }

    pub fn back_up(&self, file: &Path) -> Value {
        done(&self.operate(&["backup", &file.display().to_string(), "--json"]))
    }

    pub fn restore(&self, file: &Path) -> Output {
        self.run(&["restore", &file.display().to_string(), "--json"])
    }

    /// Everything that was sold is gone: the folder, or the database. Another, empty one takes its place.
    pub fn lose(&self) {
        match &self.database {
            None => std::fs::remove_dir_all(self.path("data")).expect("the data is this test's own"),
            Some(database) => {
                let name = &database.name;
                let again = format!("drop database {name} with (force);\ncreate database {name};");
                Cluster::shared().sql("postgres", &again);
            }
        }
    }

    pub fn storefront(&self) -> Storefront {
        self.site.storefront(&self.sandbox)
    }

    /// Sells so many order lines and waits until each has its license; says what the marketplace calls each.
    pub fn sell(&self, storefront: &Storefront, count: usize) -> Vec<(MockOrder, String)> {
        let sold: Vec<_> = (0..count).map(|number| self.order(storefront, number)).collect();
        let instances: Vec<&str> = sold.iter().map(|(_, instance)| instance.as_str()).collect();
        for some in instances.chunks(100) {
            wait_until("every order has its license", || {
                let answer = storefront.query(some).expect("it answers");
                some.iter().all(|instance| answer.app_info(instance).is_some())
            });
        }
        sold
    }

    fn order(&self, storefront: &Storefront, number: usize) -> (MockOrder, String) {
        let basket = match number % 3 {
            0 => Basket::of("CAD-MONTH", Billing::Period(Period::Months(1))),
            1 => Basket::of("CAD-YEAR", Billing::Period(Period::Years(1))),
            _ => Basket::of("CAD-ORDERED", Billing::OneTime),
        };
        let order = storefront.place(OrderReason::New, basket).expect("the sandbox takes orders");
        let answer = storefront.deliver(&order).expect("it answers");
        assert!(matches!(answer.result_code(), "000000" | "000004"), "{answer:?}");
        (order, answer.instance_id().to_owned())
    }

    /// Every license with its key, by its order line.
    pub fn licenses(&self) -> BTreeMap<String, Value> {
        let merchant = self.merchant();
        let licenses = merchant.licenses();
        let text = |license: &Value, name: &str| license[name].as_str().unwrap_or_default().to_owned();
        let shown: BTreeMap<String, Value> = licenses
            .iter()
            .map(|license| (text(license, "order_line_id"), merchant.reveal(&text(license, "id"))))
            .collect();
        assert_eq!(shown.len(), licenses.len(), "one license each");
        shown
    }
}

#[track_caller]
pub fn done(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&text).unwrap_or(Value::String(text.into_owned()))
}

/// What a command that ended with this code said.
#[track_caller]
pub fn refused(output: &Output, code: i32) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{text}{}", String::from_utf8_lossy(&output.stdout));
    text
}
