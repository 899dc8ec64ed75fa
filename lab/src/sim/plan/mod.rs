//! What a run follows from: a seed drawn out into settings, clients and a list of what goes wrong.
//!
//! | file | what |
//! |---|---|
//! | [`swarm`] | what a seed means |
//! | `draws` | how each part of it is drawn |
//! | `damage` | what goes wrong with disks, which no majority may suffer |
//! | [`fault`] | what goes wrong, as a list that can be shortened |
//! | [`case`] | all that a run follows from |

pub mod case;
mod damage;
mod draws;
pub mod fault;
pub mod swarm;
