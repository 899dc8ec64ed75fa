//! A line on the terminal while somebody waits.

use std::io::{self, IsTerminal, Write};

/// Overwrites one line of standard error; silent where that is no terminal.
pub(super) struct Progress {
    names: Vec<String>,
    sink: Option<Box<dyn Write + Send>>,
    /// What is shown, in percent of the keys: only what changes is written.
    percent: usize,
}

impl Progress {
    pub(super) fn new(names: Vec<String>) -> Progress {
        let terminal = io::stderr().is_terminal();
        let sink = terminal.then(|| Box::new(io::stderr()) as Box<dyn Write + Send>);
        Progress { names, sink, percent: 0 }
    }

    /// The file of this number is read.
    pub(super) fn file(&mut self, number: usize) {
        self.percent = 0;
        self.show(number, "reading");
    }

    /// So many of its keys are decided.
    pub(super) fn keys(&mut self, file: usize, done: usize, all: usize) {
        let percent = done * 100 / all.max(1);
        if percent > self.percent {
            self.percent = percent;
            self.show(file, &format!("{done} of {all} keys"));
        }
    }

    /// A search that takes long has come so far.
    pub(super) fn searching(&mut self, file: usize, how_far: &str) {
        self.show(file, how_far);
    }

    /// Makes room for what is printed.
    pub(super) fn clear(&mut self) {
        self.write("\r\x1b[K");
    }

    fn show(&mut self, number: usize, what: &str) {
        let (file, files) = (number + 1, self.names.len());
        let name = self.names.get(number).map_or("", String::as_str);
        self.write(&format!("\r\x1b[K{file}/{files} {name}: {what}"));
    }

    /// Nobody is the wiser if the terminal is gone.
    fn write(&mut self, text: &str) {
        if let Some(sink) = &mut self.sink {
            let _shown = sink.write_all(text.as_bytes()).and_then(|()| sink.flush());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Screen(Arc<Mutex<Vec<u8>>>);

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_overwritten_when_it_says_something_new() {
        let screen = Screen::default();
        let names = vec!["a".to_owned(), "b".to_owned()];
        let mut progress = Progress { names, sink: Some(Box::new(screen.clone())), percent: 0 };
        progress.file(0);
        progress.file(1);
        for done in 1..=1_000 {
            progress.keys(1, done, 1_000);
        }
        progress.clear();
        let text = String::from_utf8(screen.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<&str> = text.split("\r\x1b[K").collect();
        assert_eq!(lines[..4], ["", "1/2 a: reading", "2/2 b: reading", "2/2 b: 10 of 1000 keys"]);
        assert_eq!(lines[102..], ["2/2 b: 1000 of 1000 keys", ""]);
    }
}
