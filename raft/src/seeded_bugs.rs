//! Deliberate bugs that prove that the tests bite. They exist only in a build with
//! `--cfg seeded_bugs`; the environment variable `SEEDED_BUG` then names the one that is on.
//! `EVIDENCE.md` lists them with what finds each.

/// Whether the seeded bug `$name` is on. In an ordinary build: the constant `false`.
#[macro_export]
macro_rules! seeded_bug {
    ($name:literal) => {{
        #[cfg(seeded_bugs)]
        let on = $crate::seeded_bugs::is_on($name);
        #[cfg(not(seeded_bugs))]
        let on = false;
        on
    }};
}

/// Whether `name` is the bug that this run was started with.
#[cfg(seeded_bugs)]
#[must_use]
pub fn is_on(name: &str) -> bool {
    static CHOSEN: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    CHOSEN.get_or_init(|| std::env::var("SEEDED_BUG").ok()).as_deref() == Some(name)
}
