//! Loads on made-up services, in made-up time.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep, sleep_until};

use super::plan::{Operation, Plan};
use super::{Ending, LoadArgs, Measured, Target, run};

/// Takes its time, and for a while answers nobody.
#[derive(Clone)]
struct Service {
    started: Instant,
    takes: Duration,
    stalls: Range<Duration>,
    ending: Ending,
    written: Arc<Mutex<Vec<(Bytes, Bytes)>>>,
}

impl Service {
    fn new(takes_ms: u64) -> Service {
        Service {
            started: Instant::now(),
            takes: Duration::from_millis(takes_ms),
            stalls: Duration::ZERO..Duration::ZERO,
            ending: Ending::Done,
            written: Arc::default(),
        }
    }

    async fn work(&self) -> Ending {
        sleep(self.takes).await;
        if self.stalls.contains(&self.started.elapsed()) {
            sleep_until(self.started + self.stalls.end).await;
        }
        self.ending
    }

    fn written(&self) -> Vec<(Bytes, Bytes)> {
        self.written.lock().unwrap().clone()
    }
}

impl Target for Service {
    async fn put(&self, key: Bytes, value: Bytes) -> Ending {
        self.written.lock().unwrap().push((key, value));
        self.work().await
    }

    async fn get(&self, _: Bytes) -> Ending {
        self.work().await
    }
}

fn args(clients: u32, seconds: u64) -> LoadArgs {
    LoadArgs { clients, seconds: Duration::from_secs(seconds), ..LoadArgs::default() }
}

fn at_rate(rate: u32, args: &LoadArgs) -> LoadArgs {
    LoadArgs { rate: NonZeroU32::new(rate), ..args.clone() }
}

async fn measure(service: &Service, args: &LoadArgs) -> Measured {
    run(std::slice::from_ref(service), args, || ()).await
}

fn millis(measured: &Measured, share: f64) -> u128 {
    measured.quantile(share).unwrap().as_millis()
}

fn stalling() -> Service {
    Service { stalls: Duration::from_secs(5)..Duration::from_secs(6), ..Service::new(10) }
}

#[tokio::test(start_paused = true)]
async fn a_closed_loop_hides_a_stall_in_its_percentiles() {
    let measured = measure(&stalling(), &args(10, 10)).await;
    assert!(millis(&measured, 0.99) < 20 && millis(&measured, 1.0) > 900, "{measured:?}");
}

#[tokio::test(start_paused = true)]
async fn an_open_loop_shows_a_stall_in_its_percentiles() {
    // A tenth of what was to be done fell into the stall.
    let measured = measure(&stalling(), &at_rate(500, &args(1000, 10))).await;
    assert!(millis(&measured, 0.5) < 20, "{measured:?}");
    assert!((400..600).contains(&millis(&measured, 0.95)), "{measured:?}");
    assert_eq!(measured.late, 0);
}

#[tokio::test(start_paused = true)]
async fn what_could_not_begin_in_time_is_late_and_no_faster_for_it() {
    let measured = measure(&stalling(), &at_rate(500, &args(20, 10))).await;
    // What came due while the backlog was worked off was late too.
    assert!((400..900).contains(&measured.late), "{}", measured.late);
    assert!((400..800).contains(&millis(&measured, 0.95)), "{:?}", measured.quantile(0.95));
}

#[tokio::test(start_paused = true)]
async fn what_never_began_is_told() {
    // 10 at a time, 100 ms each: a tenth of what is asked.
    let service = Service::new(100);
    let measured = measure(&service, &at_rate(1000, &args(10, 9))).await;
    assert!((800..=900).contains(&measured.done), "{measured:?}");
    assert!((8990..=9020).contains(&measured.unfinished), "{measured:?}");
    assert!(millis(&measured, 1.0) > 8000, "{measured:?}");
}

#[tokio::test(start_paused = true)]
async fn an_open_loop_begins_as_many_as_it_should() {
    let service = Service::new(1);
    let measured = measure(&service, &at_rate(300, &args(50, 10))).await;
    assert!((2990..=3010).contains(&measured.done), "{measured:?}");
    assert_eq!(measured.per_second.len(), 10);
    assert!(measured.per_second.iter().all(|count| (290..=310).contains(count)), "{measured:?}");
}

#[tokio::test(start_paused = true)]
async fn only_what_ends_in_time_counts() {
    let slow_at_first = Service { stalls: Duration::ZERO..Duration::from_millis(900), ..Service::new(100) };
    let mut begun = None;
    let targets = [slow_at_first];
    let measured = run(&targets, &args(3, 2), || begun = Some(Instant::now())).await;
    assert_eq!(begun.unwrap() - targets[0].started, Duration::from_secs(1));
    assert!((54..=60).contains(&measured.done), "{measured:?}");
    assert!(millis(&measured, 1.0) < 110, "warming up was measured: {measured:?}");
    assert_eq!(measured.per_second.iter().sum::<u64>(), measured.done);
    assert_eq!((measured.unfinished, measured.nanos / 1_000_000_000), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn what_was_not_done_has_no_latency() {
    let refusing = Service { ending: Ending::NotApplied, ..Service::new(10) };
    let measured = measure(&refusing, &args(1, 2)).await;
    assert!(measured.not_applied > 50 && measured.done == 0 && measured.latencies.is_empty(), "{measured:?}");
    let silent = Service { ending: Ending::Unknown, ..Service::new(10) };
    let measured = measure(&silent, &at_rate(10, &args(5, 2))).await;
    assert_eq!((measured.unknown, measured.done), (20, 0));
}

#[tokio::test(start_paused = true)]
async fn a_number_of_operations_may_end_it() {
    let limited =
        LoadArgs { operations: Some(1000), warm_up: Duration::ZERO, keys: 20, reads: 50, ..args(10, 600) };
    for limited in [limited.clone(), at_rate(100, &limited)] {
        let service = Service::new(10);
        let measured = measure(&service, &limited).await;
        assert_eq!((measured.done, measured.unfinished), (1000, 0));
        assert!(measured.nanos < 20_000_000_000, "{measured:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_read_was_written_before() {
    let service = Service::new(1);
    let reads = LoadArgs { reads: 100, keys: 300, ..args(4, 1) };
    measure(&service, &reads).await;
    let keys: BTreeSet<Bytes> = service.written().into_iter().map(|(key, _)| key).collect();
    assert_eq!((service.written().len(), keys.len()), (300, 300));
}

#[tokio::test(start_paused = true)]
async fn no_value_is_written_twice() {
    let service = Service::new(1);
    measure(&service, &LoadArgs { value_bytes: 16, ..args(50, 1) }).await;
    let values: BTreeSet<Bytes> = service.written().into_iter().map(|(_, value)| value).collect();
    assert!(values.len() > 1000 && values.iter().all(|value| value.len() == 16));
    assert_eq!(values.len(), service.written().len());
}

#[tokio::test(start_paused = true)]
async fn clients_are_spread_over_the_targets() {
    let targets = [Service::new(10), Service::new(10), Service::new(10)];
    run(&targets, &args(6, 1), || ()).await;
    let counts = targets.each_ref().map(|target| target.written().len());
    assert!(counts.iter().all(|count| count.abs_diff(counts[0]) <= 2), "{counts:?}");
    assert_eq!(run::<Service>(&[], &args(6, 1), || ()).await, Measured::default());
}

#[test]
fn the_same_seed_chooses_the_same_keys() {
    let choices = |seed, client| -> Vec<Operation> {
        let mut plan = Plan::new(&LoadArgs { seed, reads: 30, ..LoadArgs::default() }, client);
        (0..100).map(|_| plan.next()).collect()
    };
    assert_eq!(choices(1, 2), choices(1, 2));
    assert_ne!(choices(1, 2), choices(1, 3));
    assert_ne!(choices(1, 2), choices(2, 2));
    let reads = choices(1, 2).iter().filter(|choice| matches!(choice, Operation::Get { .. })).count();
    assert!((15..45).contains(&reads), "{reads}");
}
