//! Several futures at once without spawning: a test is one future, whoever runs it, so a world needs
//! no executor, and the tasks may borrow from the test.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

/// A future that borrows from the test.
type Task<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Tasks that run while somebody waits in [`Crew::during`] or [`Crew::finish`].
pub struct Crew<'a, T> {
    running: RefCell<Vec<Task<'a, T>>>,
    done: RefCell<Vec<T>>,
    /// How many were started since the last poll: they want to be polled at once.
    fresh: Cell<bool>,
}

impl<T> Default for Crew<'_, T> {
    fn default() -> Self {
        Crew { running: RefCell::default(), done: RefCell::default(), fresh: Cell::new(false) }
    }
}

impl<'a, T> Crew<'a, T> {
    /// Adds a task.
    pub fn start(&self, task: impl Future<Output = T> + 'a) {
        self.running.borrow_mut().push(Box::pin(task));
        self.fresh.set(true);
    }

    /// Runs the tasks until `main` has ended.
    pub async fn during<M>(&self, main: impl Future<Output = M>) -> M {
        let mut main = pin!(main);
        poll_fn(|context| {
            let ended = main.as_mut().poll(context);
            if ended.is_pending() {
                self.poll_all(context);
            }
            ended
        })
        .await
    }

    /// Runs the tasks to their ends, and answers what they did, in the order of their ends.
    pub async fn finish(&self) -> Vec<T> {
        poll_fn(|context| {
            self.poll_all(context);
            if self.running.borrow().is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        self.done.take()
    }

    fn poll_all(&self, context: &mut Context<'_>) {
        loop {
            self.fresh.set(false);
            // Taken out, so that a task may start another one.
            let mut tasks = self.running.take();
            tasks.retain_mut(|task| match task.as_mut().poll(context) {
                Poll::Ready(value) => {
                    self.done.borrow_mut().push(value);
                    false
                }
                Poll::Pending => true,
            });
            let mut running = self.running.borrow_mut();
            tasks.append(&mut running);
            *running = tasks;
            if !self.fresh.get() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn poll<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    /// Ready when polled for the `n`th time.
    fn after<T>(mut n: u32, value: T) -> impl Future<Output = T> {
        let mut value = Some(value);
        poll_fn(move |_| {
            n -= 1;
            if n == 0 { Poll::Ready(value.take().unwrap()) } else { Poll::Pending }
        })
    }

    #[test]
    fn tasks_run_beside_the_main_one_and_to_their_ends() {
        let crew = Crew::default();
        let mut main = pin!(crew.during(async {
            crew.start(after(2, 'b'));
            crew.start(after(1, 'a'));
            after(3, 'm').await
        }));
        assert_eq!(poll(main.as_mut()), Poll::Pending);
        assert_eq!(poll(main.as_mut()), Poll::Pending);
        assert_eq!(poll(main.as_mut()), Poll::Ready('m'));
        crew.start(after(1, 'c'));
        assert_eq!(poll(pin!(crew.finish())), Poll::Ready(vec!['a', 'b', 'c']));
    }
}
