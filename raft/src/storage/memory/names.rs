//! The names of a file system, now and after a crash.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// Which name stands for which file.
#[derive(Clone, Default, Hash)]
pub(super) struct Names {
    now: BTreeMap<String, Node>,
    durable: BTreeMap<String, Node>,
    /// Not durable, oldest first.
    changes: Vec<Change>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Node {
    Dir,
    File(usize),
}

/// What no crash divides.
#[derive(Clone, Hash)]
struct Change {
    name: String,
    node: Option<Node>,
    /// The old name, of what was renamed.
    gone: Option<String>,
}

impl Change {
    fn apply(self, names: &mut BTreeMap<String, Node>) {
        match self.node {
            Some(node) => _ = names.insert(self.name, node),
            None => _ = names.remove(&self.name),
        }
        if let Some(gone) = self.gone {
            names.remove(&gone);
        }
    }
}

impl Names {
    pub(super) fn file(&self, name: &str) -> io::Result<usize> {
        match self.now.get(name).ok_or(io::ErrorKind::NotFound)? {
            Node::File(at) => Ok(*at),
            Node::Dir => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    pub(super) fn durable_file(&self, name: &str) -> Option<usize> {
        match self.durable.get(name)? {
            Node::File(at) => Some(*at),
            Node::Dir => None,
        }
    }

    pub(super) fn files(&self) -> impl DoubleEndedIterator<Item = &str> {
        files(&self.now)
    }

    pub(super) fn durable_files(&self) -> impl DoubleEndedIterator<Item = &str> {
        files(&self.durable)
    }

    /// The files that have a name, or may get one back.
    pub(super) fn named(&self) -> BTreeSet<usize> {
        let changing = self.changes.iter().filter_map(|change| change.node.as_ref());
        let nodes = self.now.values().chain(self.durable.values()).chain(changing);
        nodes.filter_map(|node| if let Node::File(at) = node { Some(*at) } else { None }).collect()
    }

    pub(super) fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.check_dir(dir)?;
        let inside = self.now.keys().filter(|name| parent(name) == dir);
        Ok(inside.map(|name| name.rsplit('/').next().unwrap_or(name).to_owned()).collect())
    }

    pub(super) fn create(&mut self, name: &str, file: usize) {
        self.change(name, Some(Node::File(file)), None);
    }

    pub(super) fn create_dir(&mut self, dir: &str) {
        if self.now.get(dir) != Some(&Node::Dir) {
            self.change(dir, Some(Node::Dir), None);
        }
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let node = self.now.get(from).copied().ok_or(io::ErrorKind::NotFound)?;
        if from != to {
            self.change(to, Some(node), Some(from));
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, name: &str) {
        if self.now.contains_key(name) {
            self.change(name, None, None);
        }
    }

    pub(super) fn sync(&mut self, dir: &str) -> io::Result<()> {
        self.check_dir(dir)?;
        let changes = std::mem::take(&mut self.changes);
        let (now, later): (Vec<_>, Vec<_>) =
            changes.into_iter().partition(|change| parent(&change.name) == dir);
        now.into_iter().for_each(|change| change.apply(&mut self.durable));
        self.changes = later;
        Ok(())
    }

    /// The power fails when the first `kept` changes are on the disk.
    pub(super) fn crash(&mut self, kept: usize) {
        let changes = std::mem::take(&mut self.changes);
        changes.into_iter().take(kept).for_each(|change| change.apply(&mut self.durable));
        self.now = self.durable.clone();
        let names: Vec<String> = self.now.keys().cloned().collect();
        for name in names {
            let dir = parent(&name);
            if !dir.is_empty() && self.now.get(dir) != Some(&Node::Dir) {
                self.now.remove(&name);
            }
        }
        self.durable = self.now.clone();
    }

    /// A file that somebody else has put there.
    pub(super) fn put(&mut self, name: &str, file: usize) {
        self.now.insert(name.to_owned(), Node::File(file));
        self.durable.insert(name.to_owned(), Node::File(file));
    }

    /// As if it had never been.
    pub(super) fn lose(&mut self, name: &str) {
        self.now.remove(name);
        self.durable.remove(name);
        self.changes.retain(|change| change.name != name);
    }

    fn change(&mut self, name: &str, node: Option<Node>, gone: Option<&str>) {
        let change = Change { name: name.to_owned(), node, gone: gone.map(str::to_owned) };
        change.clone().apply(&mut self.now);
        self.changes.push(change);
    }

    fn check_dir(&self, dir: &str) -> io::Result<()> {
        let there = dir.is_empty() || self.now.get(dir) == Some(&Node::Dir);
        if there { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }
}

fn files(names: &BTreeMap<String, Node>) -> impl DoubleEndedIterator<Item = &str> {
    names.iter().filter(|(_, node)| **node != Node::Dir).map(|(name, _)| name.as_str())
}

/// The directory that a name stands in; the root is the empty name.
fn parent(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(dir, _)| dir)
}
