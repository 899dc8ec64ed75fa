//! Real file systems that fail: full ones, a sync that fails, a power cut, a thin image whose sync fails
//! once and then says that all is well. They need root and a few tools; where these are missing, each
//! test says so and passes.
#![cfg(feature = "service")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
#![allow(clippy::disallowed_methods, reason = "real processes take real time")]

mod common;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use common::{Cluster, LIMIT, runtime, wait_for};

/// Bytes of a block of the file systems made here.
const BLOCK: u64 = 4096;

/// Runs a tool; false if it failed or is missing.
fn tool(name: &str, args: &[&str]) -> bool {
    Command::new(name).args(args).output().is_ok_and(|output| output.status.success())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A small ext4 on a loop device, mounted where a node keeps its data.
struct Mounted {
    at: PathBuf,
}

impl Mounted {
    /// None, with a line that says why, where this machine cannot.
    fn new(image: &Path, bytes: u64, at: PathBuf) -> Option<Mounted> {
        fs::create_dir_all(&at).unwrap();
        fs::File::create(image).unwrap().set_len(bytes).unwrap();
        // What mkfs zeroes has room only after it.
        let made = tool("mkfs.ext4", &["-q", "-F", "-b", &BLOCK.to_string(), text(image)])
            && tool("fallocate", &["-l", &bytes.to_string(), text(image)])
            && tool("mount", &["-o", "loop", text(image), text(&at)]);
        if !made {
            println!("skipped: mkfs.ext4 and mount -o loop need root and e2fsprogs");
            return None;
        }
        Some(Mounted { at })
    }

    /// A file system of this type; as [`Mounted::new`].
    fn with(kind: &str, options: &str, at: PathBuf) -> Option<Mounted> {
        fs::create_dir_all(&at).unwrap();
        if !tool("mount", &["-t", kind, "-o", options, kind, text(&at)]) {
            println!("skipped: mounting {kind} needs root, and a kernel that has it");
            return None;
        }
        Some(Mounted { at })
    }

    /// A file system that is not known to make direct writes durable, and keeps what it has below `dir`.
    fn overlay(dir: &Path, at: PathBuf) -> Option<Mounted> {
        let dirs = ["lower", "upper", "work"].map(|name| dir.join(name));
        dirs.iter().for_each(|dir| fs::create_dir_all(dir).unwrap());
        let [lower, upper, work] = dirs.each_ref().map(|dir| text(dir));
        Mounted::with("overlay", &format!("lowerdir={lower},upperdir={upper},workdir={work}"), at)
    }

    /// Writes until there is no room left.
    fn fill(&self) {
        let mut file = fs::File::create(self.at.join("filler")).unwrap();
        for size in [1 << 20, 4096] {
            while file.write_all(&vec![1; size]).is_ok() && file.sync_all().is_ok() {}
        }
    }

    fn free(&self) {
        fs::remove_file(self.at.join("filler")).unwrap();
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        tool("umount", &["-l", text(&self.at)]);
    }
}

/// Three nodes, each on a small file system of its own.
fn on_small_disks(bytes: u64) -> Option<(Cluster, Vec<Mounted>)> {
    let mut cluster = Cluster::new(3);
    let mut mounted = Vec::new();
    for node in cluster.nodes() {
        let image = cluster.dir.path().join(format!("image{node}"));
        mounted.push(Mounted::new(&image, bytes, cluster.data(node))?);
    }
    cluster.start_all();
    Some((cluster, mounted))
}

fn index(node: u64) -> usize {
    usize::try_from(node).unwrap() - 1
}

fn disk_of(cluster: &Cluster, node: u64) -> Option<String> {
    cluster.statuses().into_iter().find(|s| s.node == node).map(|s| s.disk.state)
}

/// Puts values of 256 KiB, more than a segment of the log in all, each acknowledged.
fn put_more_than_a_segment(cluster: &Cluster) {
    runtime().block_on(async {
        let client = cluster.client().await;
        for key in 0..80 {
            client.put(format!("big{}", key % 4), vec![key; 256 << 10], LIMIT).await.unwrap();
        }
    });
}

#[test]
fn a_full_disk_costs_the_leader_its_office_and_nothing_else() {
    let Some((cluster, disks)) = on_small_disks(96 << 20) else { return };
    let leader = cluster.leader();
    cluster.put_works();
    disks[index(leader)].fill();
    put_more_than_a_segment(&cluster);
    wait_for("the full disk to be seen", || disk_of(&cluster, leader).filter(|state| state == "full"));
    assert_ne!(cluster.leader(), leader, "another leads");
    cluster.put_works();
    disks[index(leader)].free();
    wait_for("room to be seen", || disk_of(&cluster, leader).filter(|state| state == "ok"));
    wait_for("the node to take part again", || {
        let all = cluster.statuses();
        all.iter().all(|s| s.last_applied == all[0].last_applied).then_some(())
    });
}

#[test]
fn full_disks_everywhere_are_told_to_clients_and_end_with_room() {
    let Some((mut cluster, disks)) = on_small_disks(96 << 20) else { return };
    cluster.leader();
    disks.iter().for_each(Mounted::fill);
    let refused = wait_for("a refusal", || {
        let put = cluster.cli_with_stdin(&["--timeout", "2s", "put", "k"], &vec![b'x'; 1 << 20]);
        (put.code != Some(0) && put.stderr.contains("disk is full")).then_some(put)
    });
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    for node in cluster.nodes() {
        assert!(cluster.is_running(node), "node {node} ended");
    }
    disks.iter().for_each(Mounted::free);
    wait_for("a leader", || (cluster.cli(&["put", "k", "v"]).code == Some(0)).then_some(()));
}

/// Writes numbers to a key, from behind one that is there until the node is gone; the last that was acknowledged.
fn count_until_the_end(cluster: &mut Cluster, node: u64, from: u64) -> u64 {
    count(cluster, from, 1, |cluster| cluster.is_running(node))
}

/// Writes numbers of so many digits to a key for as long as that holds; the last that was acknowledged.
fn count(cluster: &mut Cluster, from: u64, digits: usize, goes_on: impl Fn(&mut Cluster) -> bool) -> u64 {
    runtime().block_on(async {
        let client = cluster.client().await;
        let (mut acknowledged, begun) = (from, std::time::Instant::now());
        while goes_on(cluster) {
            assert!(begun.elapsed() < 2 * LIMIT, "what was to end it does not happen");
            let next = format!("{:0digits$}", acknowledged + 1);
            match client.put("count", next, Duration::from_secs(1)).await {
                Ok(_) => acknowledged += 1,
                // It may have been applied: what follows must not go below it.
                Err(_) => continue,
            }
        }
        acknowledged
    })
}

fn counted(cluster: &Cluster) -> u64 {
    let got = cluster.cli(&["--timeout", "20s", "get", "--raw", "count"]);
    assert_eq!(got.code, Some(0), "{got:?}");
    got.stdout.parse().unwrap()
}

/// A log that is written past the page cache: the write is the sync.
#[test]
fn a_failed_write_ends_the_node_and_loses_nothing() {
    fails_and_loses_nothing(Cluster::new(1), "pwrite64");
}

/// Where a file system has no way past the cache, and where one has it but is not known to make anything durable there.
#[test]
fn a_failed_sync_ends_the_node_and_loses_nothing() {
    for overlay in [false, true] {
        let cluster = Cluster::new(1);
        let at = cluster.data(1);
        let mounted =
            if overlay { Mounted::overlay(cluster.dir.path(), at) } else { Mounted::with("ramfs", "rw", at) };
        let Some(mounted) = mounted else { continue };
        fails_and_loses_nothing(cluster, "fdatasync");
        drop(mounted);
    }
}

/// The sixtieth such call of a thread ends with an error.
fn fails_and_loses_nothing(mut cluster: Cluster, call: &str) {
    if !tool("strace", &["-V"]) {
        println!("skipped: strace is not installed");
        return;
    }
    cluster.start(1);
    cluster.put_works();
    cluster.terminate(1);
    let inject = format!("inject={call}:error=EIO:when=60");
    cluster.start_under(1, &["strace", "-f", "-qq", "-o", "/dev/null", "-e", &inject]);
    let acknowledged = count_until_the_end(&mut cluster, 1, 0);
    let ended = cluster.end_of(1);
    assert_eq!(ended.code, Some(10), "{ended:?}");
    assert!(ended.stderr.contains("storage failed: cannot write and sync wal/"), "{}", ended.stderr);
    assert!(acknowledged > 0);
    cluster.start(1);
    assert!(counted(&cluster) >= acknowledged);
    cluster.terminate(1);
}

#[test]
fn a_power_cut_loses_nothing_acknowledged() {
    let mut cluster = Cluster::new(1);
    let image = cluster.dir.path().join("image");
    let Some(disk) = Mounted::new(&image, 128 << 20, cluster.data(1)) else { return };
    cluster.start(1);
    let cut = cluster.data(1);
    let cutter = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(1500));
        // EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH: what no sync covered is gone.
        let script = "import fcntl, os, struct, sys\n\
                      fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";
        tool("python3", &["-c", script, text(&cut)])
    });
    let acknowledged = count_until_the_end(&mut cluster, 1, 0);
    if !cutter.join().unwrap() {
        println!("skipped: python3 is not installed, or this kernel cannot shut an ext4 down");
        return;
    }
    assert_eq!(cluster.end_of(1).code, Some(10));
    assert!(acknowledged > 0);
    drop(disk);
    assert!(tool("mount", &["-o", "loop", text(&image), text(&cluster.data(1))]));
    let disk = Mounted { at: cluster.data(1) };
    cluster.start(1);
    assert!(counted(&cluster) >= acknowledged);
    cluster.terminate(1);
    drop(disk);
}

/// Storage that keeps no zeros, and then has no room for what was reserved by writing them.
#[test]
fn a_thin_disk_that_fails_a_write_loses_nothing() {
    runs_out_and_loses_nothing(false);
}

/// The same through the page cache: the write succeeds, the sync fails, and the next sync of the same file says that
/// all is well.
#[test]
fn a_thin_disk_that_fails_a_sync_and_then_denies_it_loses_nothing() {
    runs_out_and_loses_nothing(true);
}

/// What fails is the first write to a segment that was made ahead. A write that has room for its beginning would not
/// do: loop devices call it done (Linux 6.18).
fn runs_out_and_loses_nothing(cached: bool) {
    let mut cluster = Cluster::new(1);
    let data = cluster.data(1);
    let Some(memory) = Mounted::with("tmpfs", "size=96m", cluster.dir.path().join("memory")) else { return };
    let image = memory.at.join("image");
    let below = if cached { cluster.dir.path().join("disk") } else { data.clone() };
    let Some(disk) = Mounted::new(&image, 90 << 20, below) else { return };
    let over = cached.then(|| Mounted::overlay(&disk.at, data.clone()));
    if matches!(over, Some(None)) {
        return;
    }
    cluster.start(1);
    let ahead = Path::new("wal/0000000002.log");
    let mut acknowledged = count(&mut cluster, 0, 60_000, |_| !data.join(ahead).exists());
    cluster.terminate(1);
    assert!(tool("fsfreeze", &["-f", text(&disk.at)]), "fsfreeze is of util-linux, as mount is");
    let keeps_no_zeros =
        punch(&image, &if cached { Path::new("upper").join(ahead) } else { ahead.to_owned() });
    memory.fill();
    assert!(tool("fsfreeze", &["-u", text(&disk.at)]) && keeps_no_zeros);

    cluster.start(1);
    acknowledged = count_until_the_end(&mut cluster, 1, acknowledged);
    let ended = cluster.end_of(1);
    assert_eq!(ended.code, Some(10), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("storage failed: cannot write and sync wal/0000000002.log at"),
        "{}",
        ended.stderr
    );
    memory.free();
    drop(over);
    tool("umount", &[text(&disk.at)]);
    tool("e2fsck", &["-fy", text(&image)]);
    assert!(tool("mount", &["-o", "loop", text(&image), text(&disk.at)]));
    let _over = cached.then(|| Mounted::overlay(&disk.at, data));
    cluster.start(1);
    assert!(counted(&cluster) >= acknowledged);
    cluster.terminate(1);
}

/// Takes the room from under a file that nothing has been written to but zeros.
fn punch(image: &Path, file: &Path) -> bool {
    let blocks = Command::new("debugfs")
        .args(["-R", &format!("blocks {}", text(file)), text(image)])
        .output()
        .unwrap();
    let blocks = String::from_utf8(blocks.stdout).unwrap();
    let blocks: Vec<u64> = blocks.split_whitespace().map(|block| block.parse().unwrap()).collect();
    assert!(!blocks.is_empty(), "debugfs does not find {} in {}", file.display(), image.display());
    blocks.chunk_by(|block, next| block + 1 == *next).all(|run| {
        let [at, length] = [run[0] * BLOCK, run.len() as u64 * BLOCK].map(|bytes| bytes.to_string());
        tool("fallocate", &["--punch-hole", "-o", &at, "-l", &length, text(image)])
    })
}
