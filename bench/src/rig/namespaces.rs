//! A network namespace for each node, as if it were a host: wired to a bridge in a namespace of its own, where nftables
//! cuts and loses packets. Nothing of this machine's own network is changed but for one more interface, by which clients
//! reach the nodes. Needs root, `ip`, `nsenter` and `nft`.

use std::ffi::OsString;
use std::fmt::Write;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use anyhow::{Context, Result, bail};

use super::network::{Counts, Links, Rules};
use super::tool::{told, tool};

/// All of it; taken down when dropped, which ends no process in it.
#[derive(Debug)]
pub struct Namespaces {
    /// Before the names of all its namespaces.
    name: String,
    /// The third number of its addresses.
    subnet: u8,
    nodes: Vec<u64>,
}

/// Names of namespaces begin so; the number of the process that made them follows.
const PREFIX: &str = "raft-bench-";
/// Where `ip` keeps namespaces that have names.
const DIR: &str = "/run/netns";
/// Of the interface on this machine's side; nodes have those from 1 on.
const HOST: u64 = 254;

/// Whether this machine can do it, tried with two nodes; if not, why.
pub fn check() -> Result<()> {
    let mut namespaces = Namespaces::build(&[1, 2])?;
    let enter = namespaces.enter(1);
    tool(Command::new(&enter[0]).args(&enter[1..]).arg("true"))?;
    namespaces.obey(&Rules { cuts: [(1, 2)].into(), loss: 0.5, ..Rules::default() })?;
    namespaces.counts()?;
    Ok(())
}

impl Namespaces {
    /// A namespace for each of these nodes (1 to 253), all of which reach each other.
    pub fn build(nodes: &[u64]) -> Result<Namespaces> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        remove_leftovers();
        let (process, number) = (std::process::id(), NEXT.fetch_add(1, Relaxed));
        let subnet = free_subnet()?;
        let name = format!("{PREFIX}{process}-{number}");
        // From here on what there is goes with it.
        let namespaces = Namespaces { name, subnet, nodes: nodes.to_vec() };
        namespaces.wire().context("wiring a network namespace for each node")?;
        Ok(namespaces)
    }

    /// Where a node is. RFC 2544 keeps these networks for measurements.
    #[must_use]
    pub fn address(&self, node: u64) -> Ipv4Addr {
        Ipv4Addr::new(198, 18, self.subnet, u8::try_from(node).unwrap_or(0))
    }

    /// What stands before a command that is to run as a node.
    #[must_use]
    pub fn enter(&self, node: u64) -> Vec<OsString> {
        let file = PathBuf::from(DIR).join(self.of_node(node));
        let mut net = OsString::from("--net=");
        net.push(file);
        vec!["nsenter".into(), net, "--".into()]
    }

    fn wire(&self) -> Result<()> {
        let hub = self.hub();
        ip(&["netns", "add", &hub])?;
        ip(&["-n", &hub, "link", "add", "name", "bridge", "type", "bridge"])?;
        ip(&["-n", &hub, "link", "set", "bridge", "up"])?;
        let host = format!("rb{}-{}", self.subnet, std::process::id());
        ip(&["link", "add", "name", &host, "type", "veth", "peer", "name", "host", "netns", &hub])?;
        ip(&["-n", &hub, "link", "set", "host", "master", "bridge", "up"])?;
        ip(&["address", "add", &format!("{}/24", self.address(HOST)), "dev", &host])?;
        ip(&["link", "set", &host, "up"])?;
        for node in &self.nodes {
            self.wire_node(*node, &hub)?;
        }
        self.tell(TABLE)?;
        Ok(())
    }

    fn wire_node(&self, node: u64, hub: &str) -> Result<()> {
        let (name, port) = (self.of_node(node), format!("n{node}"));
        ip(&["netns", "add", &name])?;
        ip(&[
            "-n", hub, "link", "add", "name", &port, "type", "veth", "peer", "name", "eth0", "netns", &name,
        ])?;
        ip(&["-n", hub, "link", "set", &port, "master", "bridge", "up"])?;
        // A burst that the kernel carries as one packet would be lost as one: it is cut up where it leaves the node.
        ip(&["-n", &name, "link", "set", "eth0", "gso_max_segs", "1", "up"])?;
        ip(&["-n", &name, "link", "set", "lo", "up"])?;
        ip(&["-n", &name, "address", "add", &format!("{}/24", self.address(node)), "dev", "eth0"])
    }

    fn hub(&self) -> String {
        format!("{}-hub", self.name)
    }

    fn of_node(&self, node: u64) -> String {
        format!("{}-n{node}", self.name)
    }

    fn nft(&self) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.hub(), "nft"]);
        command
    }

    /// All of it or nothing.
    fn tell(&self, rules: &str) -> Result<()> {
        told(self.nft().args(["-f", "-"]), rules).map(drop)
    }
}

/// Clients' packets are not counted, as nothing is done to them; nor are requests for addresses (ARP).
const TABLE: &str = "
table bridge rig {
    counter cut {}
    counter lost {}
    counter forwarded {}
    chain forward { type filter hook forward priority 0; }
}
";
/// What goes from a node to a node.
const BETWEEN_NODES: &str = "ether type ip iifname \"n*\" oifname \"n*\"";
/// Of losses; finer ones cannot be told.
const PARTS: u32 = 10_000;

fn chain(rules: &Rules) -> String {
    let mut text = "flush chain bridge rig forward\n".to_owned();
    let mut rule = |what: &str| {
        let _ = writeln!(text, "add rule bridge rig forward {BETWEEN_NODES} {what}");
    };
    for (from, to) in &rules.cuts {
        rule(&format!("iifname \"n{from}\" oifname \"n{to}\" counter name cut drop"));
    }
    if rules.loss > 0.0 {
        let parts = rules.loss * f64::from(PARTS);
        rule(&format!("numgen random mod {PARTS} < {parts:.0} counter name lost drop"));
    }
    rule("counter name forwarded");
    text
}

impl Links for Namespaces {
    fn obey(&mut self, rules: &Rules) -> Result<()> {
        if !rules.delay.is_zero() {
            bail!("packets cannot be held back here: a proxy between the nodes can");
        }
        self.tell(&chain(rules)).context("telling nftables what to drop")
    }

    fn counts(&self) -> Result<Counts> {
        let said = tool(self.nft().args(["-j", "list", "counters", "table", "bridge", "rig"]))?;
        let said: serde_json::Value = serde_json::from_str(&said).context("reading what nftables counted")?;
        let counter = |name: &str| {
            let all = said["nftables"].as_array().into_iter().flatten().map(|object| &object["counter"]);
            let packets = all.filter(|counter| counter["name"] == name).find_map(|it| it["packets"].as_u64());
            packets.with_context(|| format!("nftables has no counter {name}"))
        };
        let (forwarded, cut, lost) = (counter("forwarded")?, counter("cut")?, counter("lost")?);
        Ok(Counts { forwarded, cut, lost, ..Counts::default() })
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        // The other ends of the wires go with it, this machine's too.
        let nodes = self.nodes.iter().map(|node| self.of_node(*node));
        for name in nodes.chain([self.hub()]) {
            let _ = ip(&["netns", "delete", &name]);
        }
    }
}

/// One that this machine has no address in, as a run beside this one may have.
fn free_subnet() -> Result<u8> {
    let addresses = tool(Command::new("ip").args(["-4", "-o", "address"]))?;
    let is_free = |subnet: &u8| !addresses.contains(&format!(" 198.18.{subnet}."));
    // Two that look at the same time are to take different ones.
    let (first, rest) = (u8::try_from(std::process::id() % 256).unwrap_or(0), 0..=u8::MAX);
    let mut all = rest.map(|step| first.wrapping_add(step));
    all.find(is_free).context("this machine has an address in every network of 198.18.0.0/16")
}

/// Those of processes that ended too suddenly to do it.
fn remove_leftovers() {
    for entry in std::fs::read_dir(DIR).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let process = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if process.is_some_and(|process| !PathBuf::from("/proc").join(process).exists()) {
            let _ = ip(&["netns", "delete", &name]);
        }
    }
}

fn ip(args: &[&str]) -> Result<()> {
    tool(Command::new("ip").args(args)).map(drop).with_context(|| format!("ip {}", args.join(" ")))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Sends datagrams from a node to another, by programs that are there where `ip` is, as bash is.
    fn send(namespaces: &Namespaces, from: u64, to: u64, count: u32) {
        let enter = namespaces.enter(from);
        let script =
            format!("for i in $(seq {count}); do echo $i > /dev/udp/{}/9; done", namespaces.address(to));
        // What nobody listens for is refused by the other side, which is an answer.
        let _ = Command::new(&enter[0]).args(&enter[1..]).args(["bash", "-c", &script]).output();
    }

    #[test]
    fn packets_between_nodes_are_cut_one_way_and_lost_by_chance_and_counted() {
        if let Err(why) = check() {
            return println!("skipped: {why:#}");
        }
        let mut namespaces = Namespaces::build(&[1, 2]).unwrap();
        namespaces.obey(&Rules { cuts: [(1, 2)].into(), ..Rules::default() }).unwrap();
        send(&namespaces, 2, 1, 5);
        let there = namespaces.counts().unwrap();
        assert!(there.forwarded >= 5, "{there:?}");
        assert!(there.cut >= 1, "the answer that nobody listens: {there:?}");
        send(&namespaces, 1, 2, 5);
        let cut = namespaces.counts().unwrap();
        assert_eq!((cut.cut, cut.forwarded), (there.cut + 5, there.forwarded), "{cut:?}");

        namespaces.obey(&Rules { loss: 0.25, ..Rules::default() }).unwrap();
        send(&namespaces, 1, 2, 1000);
        let lost = namespaces.counts().unwrap().lost;
        assert!((150..600).contains(&lost), "a quarter of 1000, and of some answers: {lost}");

        namespaces.obey(&Rules::default()).unwrap();
        send(&namespaces, 1, 2, 5);
        let healed = namespaces.counts().unwrap();
        assert_eq!((healed.cut, healed.lost), (cut.cut, lost), "{healed:?}");
        assert!(namespaces.obey(&Rules { delay: Duration::from_millis(1), ..Rules::default() }).is_err());

        let hub = PathBuf::from(DIR).join(namespaces.hub());
        assert!(hub.exists());
        drop(namespaces);
        assert!(!hub.exists());
    }

    #[test]
    fn rules_are_told_in_this_order() {
        let rules = Rules { cuts: [(1, 2), (3, 1)].into(), loss: 0.01, ..Rules::default() };
        let text = chain(&rules);
        let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what} in {text}"));
        let order = [
            "flush chain bridge rig forward",
            "iifname \"n1\" oifname \"n2\" counter name cut drop",
            "iifname \"n3\" oifname \"n1\" counter name cut drop",
            "numgen random mod 10000 < 100 counter name lost drop",
            "counter name forwarded",
        ];
        assert!(order.map(at).is_sorted(), "{text}");
    }
}
