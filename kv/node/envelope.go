package node

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/transfer"
	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/raft/confchange"
)

// Between nodes a payload is: one byte format version, one byte kind, the body.
const (
	envelopeVersion = 1

	kindRaft = 1 // body: one raft message (raft.AppendMessage)
	kindHash = 2 // body: group, replica, index, hash as unsigned varints
	// kindRejoin: group, node, store as unsigned varints, then the node's address.
	kindRejoin = 3
	// kindTransfer: one message of a snapshot's transfer (transfer.AppendChunk, AppendAck).
	kindTransfer = 4
	// kindAlive: the sender's life as an unsigned varint (vigil.go).
	kindAlive = 5
	// kindReport: what a node tells the driver (appendReport).
	kindReport = 6
	// kindOrders: what the driver answers (appendOrders).
	kindOrders = 7
)

var errTruncated = errors.New("message ends early")

func appendRaft(dst []byte, m *raft.Message) []byte {
	dst = append(dst, envelopeVersion, kindRaft)
	return raft.AppendMessage(dst, m)
}

// hashReport tells a peer the sender's state hash at an index.
type hashReport struct {
	group       raft.GroupID
	from        raft.ReplicaID
	index, hash uint64
}

func appendHash(dst []byte, h hashReport) []byte {
	dst = append(dst, envelopeVersion, kindHash)
	dst = binary.AppendUvarint(dst, uint64(h.group))
	dst = binary.AppendUvarint(dst, uint64(h.from))
	dst = binary.AppendUvarint(dst, h.index)
	return binary.AppendUvarint(dst, h.hash)
}

// rejoin asks to replace the replica of a node that lost its data.
type rejoin struct {
	group   raft.GroupID
	node    env.NodeID
	store   uint64
	address string
}

// maxAddress bounds an address on the wire, in bytes.
const maxAddress = confchange.MaxInfo

func appendRejoin(dst []byte, j rejoin) []byte {
	dst = append(dst, envelopeVersion, kindRejoin)
	dst = binary.AppendUvarint(dst, uint64(j.group))
	dst = binary.AppendUvarint(dst, uint64(j.node))
	dst = binary.AppendUvarint(dst, j.store)
	return append(dst, j.address...)
}

func appendAlive(dst []byte, life uint64) []byte {
	return binary.AppendUvarint(append(dst, envelopeVersion, kindAlive), life)
}

// decoded is one message from a peer, but of raft; exactly one of its fields is meant.
type decoded struct {
	kind   byte
	hash   hashReport
	rejoin rejoin
	life   uint64
	report report
	orders orders
	// chunk or ack, as isAck says.
	chunk transfer.Chunk
	ack   transfer.Ack
	isAck bool
}

// numbers reads so many unsigned varints and returns what follows them.
func numbers(b []byte, into ...*uint64) ([]byte, error) {
	for _, v := range into {
		u, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, errTruncated
		}
		*v, b = u, b[n:]
	}
	return b, nil
}

// envelopeBytes is what comes before the body.
const envelopeBytes = 2

// isRaft tells whether a payload carries a raft message, which aliases it.
func isRaft(b []byte) bool {
	return len(b) >= envelopeBytes && b[0] == envelopeVersion && b[1] == kindRaft
}

// decode reads a payload of another kind. What it returns aliases b.
func decode(b []byte) (d decoded, err error) {
	if len(b) < envelopeBytes {
		return d, errTruncated
	}
	if b[0] != envelopeVersion {
		return d, fmt.Errorf("message format %d, this node understands %d", b[0], envelopeVersion)
	}
	d.kind = b[1]
	b = b[envelopeBytes:]
	switch d.kind {
	case kindHash:
		var group, from uint64
		rest, err := numbers(b, &group, &from, &d.hash.index, &d.hash.hash)
		if err == nil && len(rest) != 0 {
			err = fmt.Errorf("%d bytes left over", len(rest))
		}
		d.hash.group, d.hash.from = raft.GroupID(group), raft.ReplicaID(from)
		return d, err
	case kindRejoin:
		var group, node uint64
		rest, err := numbers(b, &group, &node, &d.rejoin.store)
		if err == nil && len(rest) > maxAddress {
			err = fmt.Errorf("an address of %d bytes", len(rest))
		}
		d.rejoin.group, d.rejoin.node, d.rejoin.address = raft.GroupID(group), env.NodeID(node), string(rest)
		return d, err
	case kindTransfer:
		if d.isAck = transfer.IsAck(b); d.isAck {
			d.ack, err = transfer.DecodeAck(b)
		} else {
			d.chunk, err = transfer.DecodeChunk(b)
		}
		return d, err
	case kindAlive:
		rest, err := numbers(b, &d.life)
		if err == nil && len(rest) != 0 {
			err = fmt.Errorf("%d bytes left over", len(rest))
		}
		return d, err
	case kindReport:
		d.report, err = decodeReport(b)
		return d, err
	case kindOrders:
		d.orders, err = decodeOrders(b)
		return d, err
	}
	return d, fmt.Errorf("unknown message kind %d", d.kind)
}

// PeekRaft decodes a payload if it carries a raft message: for tools that watch the
// traffic between nodes.
func PeekRaft(payload []byte) (raft.Message, bool) {
	if !isRaft(payload) {
		return raft.Message{}, false
	}
	m, err := raft.DecodeMessage(payload[envelopeBytes:])
	return m, err == nil
}
