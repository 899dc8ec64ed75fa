//! What is said to etcd and what it answers: those parts of its `rpc.proto` and `kv.proto` that are needed, by hand,
//! with the field numbers from there. Fields that are not named are skipped.

use bytes::Bytes;

/// `etcdserverpb.PutRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PutRequest {
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub value: Bytes,
}

/// `etcdserverpb.PutResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PutResponse {
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
}

/// `etcdserverpb.RangeRequest` for one key. `serializable` is left at its default, false: the read is linearizable.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RangeRequest {
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
    #[prost(bool, tag = "7")]
    pub serializable: bool,
}

/// `etcdserverpb.RangeResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RangeResponse {
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    #[prost(message, repeated, tag = "2")]
    pub kvs: Vec<KeyValue>,
}

/// `mvccpb.KeyValue`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct KeyValue {
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
    #[prost(bytes = "bytes", tag = "5")]
    pub value: Bytes,
}

/// `etcdserverpb.ResponseHeader`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ResponseHeader {
    #[prost(uint64, tag = "2")]
    pub member_id: u64,
    #[prost(int64, tag = "3")]
    pub revision: i64,
}

/// `etcdserverpb.StatusRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StatusRequest {}

/// `etcdserverpb.StatusResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StatusResponse {
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    #[prost(string, tag = "2")]
    pub version: String,
    #[prost(uint64, tag = "4")]
    pub leader: u64,
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    #[test]
    fn a_put_is_written_as_etcd_reads_it() {
        let put = PutRequest { key: "a".into(), value: "bc".into() };
        assert_eq!(put.encode_to_vec(), b"\x0a\x01a\x12\x02bc");
    }

    #[test]
    fn a_read_is_linearizable_because_nothing_is_said() {
        let range = RangeRequest { key: "a".into(), serializable: false };
        assert_eq!(range.encode_to_vec(), b"\x0a\x01a");
    }

    #[test]
    fn answers_may_hold_more_than_is_needed() {
        // A header with cluster, member, revision and term; one pair with all its revisions; a count.
        let answer = b"\x0a\x08\x08\x09\x10\x07\x18\x05\x20\x02\x12\x0d\x0a\x01a\x10\x02\x18\x05\x20\x04\x2a\x02bc\x20\x01";
        let answer = RangeResponse::decode(&answer[..]).unwrap();
        assert_eq!(answer.header, Some(ResponseHeader { member_id: 7, revision: 5 }));
        assert_eq!(answer.kvs, [KeyValue { key: "a".into(), value: "bc".into() }]);
    }
}
