//! The core alone, in criterion's hands: see `bench::suite::core`.
//!
//! Durability: memory. TLS: none. Client: the same thread. Payload: 256 B, allocated per command.
#![allow(clippy::expect_used, reason = "a bench that cannot run says so and ends")]
#![allow(missing_docs, reason = "criterion's macros make the functions")]

use bench::suite::core::{BATCHES, run_batches};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

fn core(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("core, 3 nodes, 256 B");
    for batch in BATCHES {
        group.throughput(Throughput::Elements(batch));
        group.bench_with_input(BenchmarkId::new("batch", batch), &batch, |bencher, batch| {
            bencher.iter_custom(|batches| run_batches(batches, *batch).expect("the core commits"));
        });
    }
    group.finish();
}

criterion_group!(benches, core);
criterion_main!(benches);
