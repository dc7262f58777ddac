//! A network of its own between server and database, which can be cut.

use std::process::Command;

use crate::house::{House, Reads};
use crate::postgres::{Cluster, Wanted};
use crate::process::{not_run_here, prove_count};
use crate::site::free_port;

/// A namespace with one cable to this one.
struct Network {
    name: String,
    ours: String,
    theirs: String,
}

fn ip(words: &[&str]) -> bool {
    Command::new("ip").args(words).output().is_ok_and(|done| done.status.success())
}

impl Network {
    /// `None` where this may not be made; says so.
    fn new() -> Option<Self> {
        let pid = std::process::id();
        let name = format!("lictor-{pid}");
        if !ip(&["netns", "add", &name]) {
            not_run_here("network namespaces (iproute2, and root)");
            return None;
        }
        let subnet = pid % 250;
        let network = Self { name, ours: format!("10.231.{subnet}.1"), theirs: format!("10.231.{subnet}.2") };
        let cable = format!("lic{pid}");
        let (ours, theirs) = (format!("{}/24", network.ours), format!("{}/24", network.theirs));
        let laid =
            ip(&["link", "add", &cable, "type", "veth", "peer", "name", "eth0", "netns", &network.name])
                && ip(&["addr", "add", &ours, "dev", &cable])
                && ip(&["link", "set", &cable, "up"])
                && network.inside(&["addr", "add", &theirs, "dev", "eth0"])
                && network.inside(&["link", "set", "eth0", "up"])
                && network.inside(&["link", "set", "lo", "up"]);
        if !laid {
            not_run_here("network namespaces with a cable between them (veth)");
            return None;
        }
        Some(network)
    }

    fn inside(&self, words: &[&str]) -> bool {
        ip(&[&["-n", &self.name], words].concat())
    }

    /// What is sent arrives, and nothing comes back: no refusal, no reset.
    fn swallow(&self, is_cut: bool) {
        let change = if is_cut { "add" } else { "del" };
        assert!(self.inside(&["route", change, "blackhole", &format!("{}/32", self.ours)]));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        ip(&["netns", "del", &self.name]);
    }
}

#[test]
fn a_network_that_swallows_everything_is_told_in_time_and_found_again() {
    let Some(network) = Network::new() else { return };
    let port = free_port();
    let under = ["ip", "netns", "exec", &network.name];
    let hba = "host all all 10.0.0.0/8 trust";
    let cluster = Cluster::wanted(&Wanted { port: Some(port), hba, under: &under, ..Wanted::default() });
    let database = cluster.database().name;
    let address = format!("postgres://lictor@{}:{port}/{database}?sslmode=disable", network.theirs);
    let mut house = House::on(&address);
    for round in 0..prove_count(1) {
        network.swallow(true);
        let what = format!("the network swallows everything {round}");
        let asked = house.asks_while_it_is_away(&what, Reads::Refused);
        network.swallow(false);
        house.goes_on(&asked);
    }
}
