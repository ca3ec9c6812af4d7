package node

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/holdfastdb/holdfast/raft"
)

// Between nodes a payload is: one byte format version, one byte kind, the body.
const (
	envelopeVersion = 1

	kindRaft = 1 // body: one raft message (raft.AppendMessage)
	kindHash = 2 // body: group, index, hash as unsigned varints
)

var errTruncated = errors.New("message ends early")

func appendRaft(dst []byte, m *raft.Message) []byte {
	dst = append(dst, envelopeVersion, kindRaft)
	return raft.AppendMessage(dst, m)
}

// hashReport tells a peer the sender's state hash at an index.
type hashReport struct {
	group       raft.GroupID
	index, hash uint64
}

func appendHash(dst []byte, h hashReport) []byte {
	dst = append(dst, envelopeVersion, kindHash)
	dst = binary.AppendUvarint(dst, uint64(h.group))
	dst = binary.AppendUvarint(dst, h.index)
	return binary.AppendUvarint(dst, h.hash)
}

// decoded is one message from a peer; exactly one of its fields is meant.
type decoded struct {
	kind byte
	raft raft.Message
	hash hashReport
}

// decode reads a payload. The message's entries alias b.
func decode(b []byte) (d decoded, err error) {
	if len(b) < 2 {
		return d, errTruncated
	}
	if b[0] != envelopeVersion {
		return d, fmt.Errorf("message format %d, this node understands %d", b[0], envelopeVersion)
	}
	d.kind = b[1]
	b = b[2:]
	switch d.kind {
	case kindRaft:
		d.raft, err = raft.DecodeMessage(b)
		return d, err
	case kindHash:
		var fields [3]uint64
		for i := range fields {
			v, n := binary.Uvarint(b)
			if n <= 0 {
				return d, errTruncated
			}
			fields[i], b = v, b[n:]
		}
		if len(b) != 0 {
			return d, fmt.Errorf("%d bytes left over", len(b))
		}
		d.hash = hashReport{group: raft.GroupID(fields[0]), index: fields[1], hash: fields[2]}
		return d, nil
	}
	return d, fmt.Errorf("unknown message kind %d", d.kind)
}

// PeekRaft decodes a payload if it carries a raft message: for tools that watch the
// traffic between nodes.
func PeekRaft(payload []byte) (raft.Message, bool) {
	d, err := decode(payload)
	return d.raft, err == nil && d.kind == kindRaft
}
