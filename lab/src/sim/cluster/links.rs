//! What becomes of a frame between two nodes.

use std::time::Duration;

use raft::Timestamp;
use raft::consensus::message::Message;
use raft::wire::Kind;
use serde::{Deserialize, Serialize};

use crate::sim::random::{Random, Stream};

/// Decides about frames. Nodes are counted from 0.
pub trait Links {
    /// What a frame that is on its way must show on its arrival.
    type Pass: Clone;

    /// A frame is sent: how late each copy of it comes. None: it is lost.
    fn send(&mut self, now: Timestamp, from: usize, to: usize, kind: Kind) -> Vec<(Duration, Self::Pass)>;

    /// Whether a frame that has arrived is let in.
    fn lets_in(&self, from: usize, to: usize, pass: &Self::Pass) -> bool;

    /// A node says this, whatever becomes of it, in a frame of this kind and so many bytes.
    fn leaves(&mut self, from: usize, to: usize, message: &Message, (kind, bytes): (Kind, usize)) {
        let _ = (from, to, message, kind, bytes);
    }
}

/// How a network behaves when none of its links is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weather {
    /// The delay of nearly every frame, in nanoseconds, from and to.
    pub delay: (u64, u64),
    /// So many of a million frames take up to a hundred times as long, by a heavy tail.
    pub late_ppm: u32,
    /// So many of a million are lost.
    pub loss_ppm: u32,
    /// So many of a million come twice, the second time soon.
    pub twice_ppm: u32,
    /// So many of a million come once more much later, up to [`REPLAY`].
    pub replay_ppm: u32,
    /// What is sent later may come earlier; else each class of frames keeps its order, as on the streams of a
    /// connection.
    pub disorder: bool,
}

impl Weather {
    /// Nothing goes wrong.
    pub const FAIR: Weather = Weather {
        delay: (50_000, 300_000),
        late_ppm: 0,
        loss_ppm: 0,
        twice_ppm: 0,
        replay_ppm: 0,
        disorder: false,
    };
    /// The same, and all frames take equally long.
    pub const EVEN: Weather = Weather { delay: (200_000, 200_000), ..Weather::FAIR };
}

/// How late a frame may be replayed.
pub const REPLAY: Duration = Duration::from_secs(5);

const DELAY: Stream = Stream::named("links.delay");
const LATE: Stream = Stream::named("links.late");
const HOW_LATE: Stream = Stream::named("links.how-late");
const LOSS: Stream = Stream::named("links.loss");
const TWICE: Stream = Stream::named("links.twice");
const REPLAYED: Stream = Stream::named("links.replay");
const AGAIN: Stream = Stream::named("links.again");

/// The links of a cluster, each in one direction.
#[derive(Clone, Debug)]
pub struct Net {
    random: Random,
    size: usize,
    weather: Weather,
    healed: u32,
    /// By how many faults each is cut.
    cuts: Vec<u32>,
    /// Frames sent on each link.
    sent: Vec<u64>,
    /// When what was sent last arrives, by link and class.
    last: Vec<[Timestamp; 3]>,
    /// Frames that never arrived, came twice, or came late.
    pub(crate) disturbed: Disturbed,
}

/// Frames that suffered something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disturbed {
    /// Lost at random.
    pub lost: u64,
    /// Lost on a link that was cut.
    pub cut: u64,
    /// Came twice.
    pub doubled: u64,
    /// Came again much later.
    pub replayed: u64,
    /// Were late.
    pub late: u64,
}

impl Net {
    /// Every link up.
    #[must_use]
    pub fn new(random: Random, size: usize, weather: Weather) -> Net {
        let links = size * size;
        let disturbed = Disturbed::default();
        Net {
            random,
            size,
            weather,
            healed: 0,
            cuts: vec![0; links],
            sent: vec![0; links],
            last: vec![[Timestamp::default(); 3]; links],
            disturbed,
        }
    }

    /// Cuts a link, once more if it is cut already. What is on its way arrives if the link is back by then.
    pub fn cut(&mut self, from: usize, to: usize) {
        let place = self.place(from, to);
        self.cuts[place] += 1;
    }

    /// Takes back one [`Net::cut`].
    pub fn mend(&mut self, from: usize, to: usize) {
        let place = self.place(from, to);
        self.cuts[place] = self.cuts[place].saturating_sub(1);
    }

    /// Fair weather from now on. What is still to be replayed is not: heartbeats of a leader that is gone would
    /// keep an election off for as long as they come.
    pub fn heal(&mut self, even: bool) {
        self.weather = if even { Weather::EVEN } else { Weather::FAIR };
        self.healed += 1;
    }

    /// From now on the network behaves like this.
    pub fn set_weather(&mut self, weather: Weather) {
        self.weather = weather;
    }

    /// Whether this link is cut.
    #[must_use]
    pub fn is_cut(&self, from: usize, to: usize) -> bool {
        self.cuts[self.place(from, to)] > 0
    }

    fn place(&self, from: usize, to: usize) -> usize {
        from * self.size + to
    }
}

/// Of a replayed frame: when it was sent, counted in healings.
type Replayed = Option<u32>;

impl Links for Net {
    type Pass = Replayed;

    fn send(&mut self, now: Timestamp, from: usize, to: usize, kind: Kind) -> Vec<(Duration, Replayed)> {
        let place = self.place(from, to);
        let (link, number) = (place as u64, self.sent[place]);
        self.sent[place] += 1;
        let Weather { delay, late_ppm, loss_ppm, twice_ppm, replay_ppm, disorder } = self.weather;
        if self.cuts[place] > 0 {
            self.disturbed.cut += 1;
            return Vec::new();
        }
        if self.random.chance(LOSS, link, number, loss_ppm) {
            self.disturbed.lost += 1;
            return Vec::new();
        }
        let mut nanos = self.random.between(DELAY, link, number, delay);
        if self.random.chance(LATE, link, number, late_ppm) {
            self.disturbed.late += 1;
            // 1/u is heavy-tailed: a tenth of these is ten times as late and more.
            let part = self.random.between(HOW_LATE, link, number, (1, 100));
            nanos = nanos.saturating_mul(100 / part + 1);
        }
        let last = &mut self.last[place][kind.class() as usize];
        if !disorder {
            *last = (now + Duration::from_nanos(nanos)).max(*last);
            nanos = crate::sim::nanos(*last - now);
        }
        let mut copies = vec![(Duration::from_nanos(nanos), None)];
        if self.random.chance(TWICE, link, number, twice_ppm) {
            self.disturbed.doubled += 1;
            let soon = self.random.between(AGAIN, link, number, delay);
            copies.push((Duration::from_nanos(nanos + soon), None));
        }
        if self.random.chance(REPLAYED, link, number, replay_ppm) {
            self.disturbed.replayed += 1;
            let nanos = self.random.below(AGAIN, link, number, u64::try_from(REPLAY.as_nanos()).unwrap_or(0));
            copies.push((Duration::from_nanos(nanos), Some(self.healed)));
        }
        copies
    }

    fn lets_in(&self, from: usize, to: usize, replayed: &Replayed) -> bool {
        self.cuts[self.place(from, to)] == 0 && replayed.is_none_or(|healed| healed == self.healed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORM: Weather = Weather {
        delay: (1000, 2000),
        late_ppm: 100_000,
        loss_ppm: 100_000,
        twice_ppm: 50_000,
        replay_ppm: 50_000,
        disorder: true,
    };

    #[test]
    fn frames_suffer_as_often_as_the_weather_says() {
        let mut net = Net::new(Random::new(1), 2, STORM);
        let copies: Vec<_> =
            (0..100_000).map(|_| net.send(Timestamp::default(), 0, 1, Kind::Heartbeat)).collect();
        let Disturbed { lost, cut, doubled, replayed, late } = net.disturbed;
        assert!((9_000..11_000).contains(&lost) && cut == 0, "{lost}");
        assert_eq!(copies.iter().filter(|copies| copies.is_empty()).count() as u64, lost);
        assert!((8_000..10_000).contains(&late), "{late}");
        assert!((4_000..5_000).contains(&doubled) && (4_000..5_000).contains(&replayed));
        assert!(copies.iter().flatten().any(|(delay, _)| *delay > Duration::from_secs(4)));
    }

    #[test]
    fn what_one_link_suffers_changes_nothing_on_another() {
        let fates = |before: u64| {
            let mut net = Net::new(Random::new(5), 3, STORM);
            for _ in 0..before {
                net.send(Timestamp::default(), 0, 1, Kind::Heartbeat);
            }
            (0..50).map(|_| net.send(Timestamp::default(), 1, 2, Kind::PreVote)).collect::<Vec<_>>()
        };
        assert_eq!(fates(0), fates(17));
    }

    #[test]
    fn a_link_that_is_cut_lets_nothing_through_in_its_direction() {
        let mut net = Net::new(Random::new(1), 2, Weather::FAIR);
        net.cut(0, 1);
        net.cut(0, 1);
        net.mend(0, 1);
        assert!(net.send(Timestamp::default(), 0, 1, Kind::Heartbeat).is_empty());
        assert!(!net.lets_in(0, 1, &None) && net.lets_in(1, 0, &None));
        assert_eq!(net.send(Timestamp::default(), 1, 0, Kind::Heartbeat).len(), 1);
        net.mend(0, 1);
        assert!(net.lets_in(0, 1, &None) && net.lets_in(0, 1, &Some(0)));
        net.heal(false);
        assert!(net.lets_in(0, 1, &None) && !net.lets_in(0, 1, &Some(0)));
    }
}
