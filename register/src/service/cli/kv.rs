//! `get`, `put`, `cas`, `del`.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;

use bytes::Bytes;

use super::output::{self, Report};
use super::session::{not_done, with_client};
use super::{Cas, Ended, Global};
use crate::outcome::{Expect, MAX_VALUE, Swap, Version};
use crate::service::exit::Exit;

pub(super) fn get(global: &Global, key: OsString, raw: bool) -> Result<Exit, Ended> {
    let key = bytes(key);
    let seen = with_client(global, |client| {
        let key = key.clone();
        async move { client.get(key, global.timeout).await.map_err(|e| not_done(&client, e.into())) }
    })?;
    match seen {
        Some(seen) if raw => output::bytes(&seen.value),
        Some(seen) => output::report(global.output, &Report::seen("done", &key, Some(&seen))),
        None => {
            output::report(global.output, &Report::seen("missing", &key, None));
            return Ok(Exit::KeyMissing);
        }
    }
    Ok(Exit::Done)
}

pub(super) fn put(global: &Global, key: OsString, value: Option<OsString>) -> Result<Exit, Ended> {
    let (key, value) = (bytes(key), or_stdin(value)?);
    let version = with_client(global, |client| {
        let key = key.clone();
        async move { client.put(key, value, global.timeout).await.map_err(|e| not_done(&client, e)) }
    })?;
    output::report(global.output, &Report::written(&key, version));
    Ok(Exit::Done)
}

pub(super) fn cas(global: &Global, cas: Cas) -> Result<Exit, Ended> {
    let Cas { key, values, if_version, missing } = cas;
    let key = bytes(key);
    let condition =
        if missing { Some(Expect::Missing) } else { if_version.map(|n| Expect::Version(Version(n))) };
    let mut values = values.into_iter();
    let expect = match condition {
        Some(condition) => condition,
        None => match values.next() {
            Some(from) => Expect::Value(bytes(from)),
            None => return Err(Ended::new(Exit::Usage, "cas: say FROM, --if-version or --missing")),
        },
    };
    let to = values.next();
    if values.next().is_some() {
        return Err(Ended::new(Exit::Usage, "cas: with --if-version or --missing there is no FROM"));
    }
    let to = or_stdin(to)?;
    let swap = with_client(global, |client| {
        let key = key.clone();
        async move { client.cas(key, expect, to, global.timeout).await.map_err(|e| not_done(&client, e)) }
    })?;
    match swap {
        Swap::Swapped { version } => {
            output::report(global.output, &Report::written(&key, version));
            Ok(Exit::Done)
        }
        Swap::NotSwapped { seen } => {
            output::report(global.output, &Report::seen("not swapped", &key, seen.as_ref()));
            Ok(Exit::NotSwapped)
        }
    }
}

pub(super) fn delete(global: &Global, key: OsString) -> Result<Exit, Ended> {
    let key = bytes(key);
    let went = with_client(global, |client| {
        let key = key.clone();
        async move { client.delete(key, global.timeout).await.map_err(|e| not_done(&client, e)) }
    })?;
    output::report(global.output, &Report::deleted(&key, went));
    Ok(if went.is_some() { Exit::Done } else { Exit::KeyMissing })
}

fn bytes(text: OsString) -> Bytes {
    text.into_vec().into()
}

fn or_stdin(value: Option<OsString>) -> Result<Bytes, Ended> {
    if let Some(value) = value {
        return Ok(bytes(value));
    }
    let mut value = Vec::new();
    // One byte more than is allowed, so that too long is told from just right.
    let limit = MAX_VALUE as u64 + 1;
    let read = std::io::stdin().take(limit).read_to_end(&mut value);
    read.map_err(|error| Ended::new(Exit::Error, format!("standard input: {error}")))?;
    Ok(value.into())
}
