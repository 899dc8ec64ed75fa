//! The README shows the example as it is compiled.

#[test]
fn the_readme_shows_the_example_as_it_is() {
    let readme = include_str!("../../README.md");
    let example = include_str!("../examples/counter.rs");
    assert!(readme.contains(example), "copy raft/examples/counter.rs into README.md");
}
