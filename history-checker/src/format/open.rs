//! What each process has under way: whoever reads events must pair every completion with its invocation.

use std::collections::HashMap;

use super::LineError;

/// Something for each process that has an operation under way. Few histories have a process beyond the first
/// thousands, and those need no hashing.
#[derive(Debug)]
pub(crate) struct InFlight<T> {
    near: Vec<Option<T>>,
    far: HashMap<u64, T>,
}

impl<T> Default for InFlight<T> {
    fn default() -> InFlight<T> {
        InFlight { near: Vec::new(), far: HashMap::new() }
    }
}

impl<T> InFlight<T> {
    const NEAR: u64 = 4096;

    /// Whether a process may begin an operation. `line` says where the one that it has under way was invoked.
    ///
    /// # Errors
    /// It has one under way.
    pub(crate) fn begin(&self, process: u64, line: impl FnOnce(&T) -> usize) -> Result<(), LineError> {
        match self.get(process) {
            Some(earlier) => Err(LineError::AlreadyOpen { process, line: line(earlier) }),
            None => Ok(()),
        }
    }

    /// Takes what a process has under way, if it `fits` what ended; otherwise it stays.
    ///
    /// # Errors
    /// It has nothing under way, or something else.
    pub(crate) fn end(
        &mut self,
        process: u64,
        fits: impl FnOnce(&T) -> Result<(), LineError>,
    ) -> Result<T, LineError> {
        fits(self.get(process).ok_or(LineError::NotInvoked { process })?)?;
        self.remove(process).ok_or(LineError::NotInvoked { process })
    }

    pub(crate) fn insert(&mut self, process: u64, open: T) {
        let Some(slot) = Self::near(process) else {
            self.far.insert(process, open);
            return;
        };
        if slot >= self.near.len() {
            self.near.resize_with(slot + 1, || None);
        }
        if let Some(place) = self.near.get_mut(slot) {
            *place = Some(open);
        }
    }

    /// How many are under way.
    pub(crate) fn len(&self) -> usize {
        self.near.iter().flatten().count() + self.far.len()
    }

    fn near(process: u64) -> Option<usize> {
        usize::try_from(process).ok().filter(|_| process < Self::NEAR)
    }

    fn get(&self, process: u64) -> Option<&T> {
        match Self::near(process) {
            Some(slot) => self.near.get(slot)?.as_ref(),
            None => self.far.get(&process),
        }
    }

    fn remove(&mut self, process: u64) -> Option<T> {
        match Self::near(process) {
            Some(slot) => self.near.get_mut(slot)?.take(),
            None => self.far.remove(&process),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_stays_under_way() {
        for process in [3, 5000] {
            let mut open = InFlight::default();
            open.insert(process, 7_usize);
            let differs = LineError::Differs { what: "op", line: 7 };
            assert_eq!(open.end(process, |_| Err(differs.clone())), Err(differs));
            assert_eq!(open.begin(process, |&line| line), Err(LineError::AlreadyOpen { process, line: 7 }));
            assert_eq!((open.len(), open.end(process, |_| Ok(()))), (1, Ok(7)));
            assert_eq!(open.end(process, |_| Ok(())), Err(LineError::NotInvoked { process }));
            assert_eq!(open.len(), 0);
        }
    }
}
