//! What goes wrong between nodes, above any transport.
//!
//! | file | what |
//! |---|---|
//! | [`network`] | which links are up, and the fate of each frame |
//! | [`faulty`] | the decorator that makes a transport suffer it |

pub mod faulty;
pub mod network;

pub use faulty::Faulty;
pub use network::Network;
