//! What a QUIC connection is configured with. The defaults are for peers in one data centre;
//! each field says why it is not left at what quinn does.

use std::sync::Arc;
use std::time::Duration;

use quinn::congestion::CubicConfig;
use quinn::{AckFrequencyConfig, EndpointConfig, IdleTimeout, TransportConfig, VarInt};

/// A connection's timing, windows and limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionSettings {
    /// The round trip assumed before one is measured. A lost first packet is sent again after three
    /// of them, which with quinn's 333 ms costs a second.
    pub initial_rtt: Duration,
    /// How long the other side may hold back an acknowledgement
    /// (draft-ietf-quic-ack-frequency). The loss of the last packet of a burst is noticed about
    /// three of them later.
    pub max_ack_delay: Duration,
    /// How many probe timeouts without an answer collapse the congestion window (RFC 9002 §7.6).
    /// With probes after 3 ms, quinn's 3 would take a 9 ms pause of the other host for congestion.
    pub persistent_congestion_threshold: u32,
    /// The congestion window at the start, in bytes: it does not grow while the application is what
    /// limits the rate, as it is between elections.
    pub initial_window: u64,
    /// A connection on which nothing arrives for so long is dead.
    pub max_idle_timeout: Duration,
    /// Something is sent at least so often, so that links between followers are known to work
    /// before the election that needs them.
    pub keep_alive: Duration,
    /// Bytes that may be received and not yet read, whole connection.
    pub receive_window: u32,
    /// Bytes that may be received and not yet read, per stream. Less than `receive_window`: a full
    /// log stream leaves room for control frames.
    pub stream_receive_window: u32,
    /// Bytes that may be sent and not yet acknowledged, whole connection.
    pub send_window: u64,
    /// Streams that the other side may have open.
    pub bidi_streams: u32,
    /// Packets that may be received before they are acknowledged at once. What Raft answers says more, and an
    /// acknowledgement costs as much as any packet: with quinn's 1 there is one for every second packet.
    pub ack_eliciting_threshold: u32,
    /// The largest UDP payload that path discovery (RFC 8899) tries, in bytes, [`LARGEST_PAYLOAD`] at most. A path that
    /// carries less loses a few probes, which congestion control does not count.
    pub mtu_upper_bound: u16,
}

/// What is received, in bytes of UDP payload: most of a jumbo frame. quinn hands ten packets at once to the kernel, which
/// takes less than 64 KiB; beyond about 6 500 bytes discovery falls back to 1 200.
pub const LARGEST_PAYLOAD: u16 = 6000;

/// What an endpoint is configured with.
#[must_use]
pub fn endpoint() -> EndpointConfig {
    let mut config = EndpointConfig::default();
    // It fails only out of the bounds of RFC 9000 §18.2.
    let _ = config.max_udp_payload_size(LARGEST_PAYLOAD);
    config
}

impl ConnectionSettings {
    /// Between the nodes of one data centre.
    #[must_use]
    pub fn lan_peers() -> ConnectionSettings {
        ConnectionSettings {
            initial_rtt: Duration::from_millis(20),
            max_ack_delay: Duration::from_millis(1),
            persistent_congestion_threshold: 20,
            initial_window: 256 << 10,
            max_idle_timeout: Duration::from_secs(3),
            keep_alive: Duration::from_millis(500),
            receive_window: 6 << 20,
            stream_receive_window: 4 << 20,
            send_window: 8 << 20,
            bidi_streams: 4,
            ack_eliciting_threshold: 10,
            mtu_upper_bound: LARGEST_PAYLOAD,
        }
    }

    /// Between a client and a node: any distance, and many connections per node, so smaller windows.
    #[must_use]
    pub fn client_port() -> ConnectionSettings {
        ConnectionSettings {
            initial_rtt: Duration::from_millis(50),
            max_idle_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(3),
            receive_window: 2 << 20,
            stream_receive_window: 1 << 20,
            send_window: 2 << 20,
            ..ConnectionSettings::lan_peers()
        }
    }

    /// As quinn wants them.
    pub(crate) fn transport(&self) -> TransportConfig {
        let mut acks = AckFrequencyConfig::default();
        acks.ack_eliciting_threshold(VarInt::from_u32(self.ack_eliciting_threshold))
            .max_ack_delay(Some(self.max_ack_delay));
        let mut cubic = CubicConfig::default();
        cubic.initial_window(self.initial_window);
        let mut mtu = quinn::MtuDiscoveryConfig::default();
        mtu.upper_bound(self.mtu_upper_bound);
        let idle_ms = u32::try_from(self.max_idle_timeout.as_millis()).unwrap_or(u32::MAX);

        let mut config = TransportConfig::default();
        config
            .initial_rtt(self.initial_rtt)
            .ack_frequency_config(Some(acks))
            .persistent_congestion_threshold(self.persistent_congestion_threshold)
            .congestion_controller_factory(Arc::new(cubic))
            .mtu_discovery_config(Some(mtu))
            .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(idle_ms))))
            .keep_alive_interval(Some(self.keep_alive))
            .receive_window(VarInt::from_u32(self.receive_window))
            .stream_receive_window(VarInt::from_u32(self.stream_receive_window))
            .send_window(self.send_window)
            .max_concurrent_bidi_streams(VarInt::from_u32(self.bidi_streams))
            .max_concurrent_uni_streams(VarInt::from_u32(0))
            .datagram_receive_buffer_size(None)
            // Not off: quinn then finishes a stream that it has begun before it looks at any other,
            // whatever the other's priority, and heartbeats would wait behind entries.
            .send_fairness(true)
            .allow_spin(false);
        config
    }
}

impl Default for ConnectionSettings {
    /// [`ConnectionSettings::lan_peers`].
    fn default() -> ConnectionSettings {
        ConnectionSettings::lan_peers()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_receives_what_discovery_tries() {
        assert_eq!(endpoint().get_max_udp_payload_size(), u64::from(LARGEST_PAYLOAD));
        assert!(10 * u32::from(LARGEST_PAYLOAD) < 1 << 16);
        for settings in [ConnectionSettings::lan_peers(), ConnectionSettings::client_port()] {
            assert!(settings.mtu_upper_bound <= LARGEST_PAYLOAD);
        }
    }
}
