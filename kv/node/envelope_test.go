package node

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfastdb/holdfast/kv/placement"
	"github.com/holdfastdb/holdfast/kv/transfer"
	"github.com/holdfastdb/holdfast/raft"
)

func someMessage() raft.Message {
	return raft.Message{
		Type: raft.MsgAppend, Group: TheGroup, From: 2, To: 1, Term: 3, LogIndex: 4, LogTerm: 2, Commit: 4, Round: 7,
		Entries: []raft.Entry{{Index: 5, Term: 3, Data: []byte("data")}, {Index: 6, Term: 3, Kind: raft.EntryNoOp}},
	}
}

// Goal: what is encoded is decoded. Method: a message of raft, and random hash reports.
func TestEnvelopeRoundTrip(t *testing.T) {
	m := someMessage()
	peeked, ok := PeekRaft(appendRaft(nil, &m))
	require.True(t, ok)
	require.Equal(t, m.Entries[0], peeked.Entries[0])
	require.Equal(t, appendRaft(nil, &m), appendRaft(nil, &peeked))
	_, err := decode(appendRaft(nil, &m))
	require.Error(t, err, "it is decoded apart")
	rapid.Check(t, func(t *rapid.T) {
		h := hashReport{
			raft.GroupID(rapid.Uint64().Draw(t, "group")), raft.ReplicaID(rapid.Uint64().Draw(t, "from")),
			rapid.Uint64().Draw(t, "index"), rapid.Uint64().Draw(t, "hash"),
		}
		b := appendHash(nil, h)
		d, err := decode(b)
		require.NoError(t, err)
		require.Equal(t, h, d.hash)
		_, ok := PeekRaft(b)
		require.False(t, ok)
		_, err = decode(append(b, 0))
		require.ErrorContains(t, err, "1 bytes left over")
		_, err = decode(b[:rapid.IntRange(0, len(b)-1).Draw(t, "cut")])
		require.Error(t, err)
	})
}

// Goal: an unknown version or kind is an error that says so. Method: change these bytes.
func TestUnknownEnvelopesAreErrors(t *testing.T) {
	m := someMessage()
	good := appendRaft(nil, &m)
	for _, c := range []struct {
		at      int
		value   byte
		message string
	}{
		{0, 0, "message format 0, this node understands 1"},
		{0, 2, "message format 2, this node understands 1"},
		{1, 0, "unknown message kind 0"},
		{1, 99, "unknown message kind 99"},
	} {
		bad := append([]byte(nil), good...)
		bad[c.at] = c.value
		_, err := decode(bad)
		require.ErrorContains(t, err, c.message)
	}
}

// Goal: NODE-4, no bytes make the decoder panic, and what it accepts is what its encoding says. Method: fuzz.
func FuzzDecode(f *testing.F) {
	m := someMessage()
	f.Add(appendRaft(nil, &m))
	f.Add(appendHash(nil, hashReport{1, 2, 1024, 1 << 63}))
	f.Add(appendRejoin(nil, rejoin{group: 1, node: 2, store: 1 << 63, address: "127.0.0.1:7002"}))
	ack := transfer.Ack{Group: 1, From: 2, To: 1, Identity: transfer.Identity{Index: 9}, Try: 1, Status: transfer.Refused, Reason: 1}
	f.Add(transfer.AppendAck([]byte{envelopeVersion, kindTransfer}, &ack))
	chunk := transfer.Chunk{Kind: transfer.Data, Group: 1, From: 1, To: 2, Mark: raft.Mark{Index: 9}, Try: 1, Data: []byte("d")}
	f.Add(transfer.AppendChunk([]byte{envelopeVersion, kindTransfer}, &chunk))
	f.Add(appendAlive(nil, 1<<63))
	f.Add(appendReport(nil, &report{join: true, version: 7, zone: "z", weight: 3, body: placement.Report{
		Node: 1, Store: 9, Address: "127.0.0.1:7001", Replicas: []placement.ReplicaReport{{Group: 2, Replica: 1}},
	}}))
	f.Add(appendOrders(nil, &orders{
		leader: 1, address: "127.0.0.1:7001", table: []byte("t"), leaders: []leaderOf{{2, 3}},
		gone: []placement.Gone{{Group: 2, Replica: 1}}, refused: "no",
	}))
	f.Add([]byte{envelopeVersion})
	f.Add([]byte{2, 1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, ok := PeekRaft(b); ok {
			again, ok := PeekRaft(appendRaft(nil, &m))
			require.True(t, ok)
			require.Equal(t, appendRaft(nil, &m), appendRaft(nil, &again))
			return
		}
		d, err := decode(b)
		if err != nil {
			return
		}
		again := reencode(&d)
		d2, err := decode(again)
		require.NoError(t, err)
		require.Equal(t, d.kind, d2.kind)
		require.Equal(t, again, reencode(&d2))
	})
}

// reencode is the inverse of decode.
func reencode(d *decoded) []byte {
	switch {
	case d.kind == kindHash:
		return appendHash(nil, d.hash)
	case d.kind == kindRejoin:
		return appendRejoin(nil, d.rejoin)
	case d.kind == kindAlive:
		return appendAlive(nil, d.life)
	case d.kind == kindReport:
		return appendReport(nil, &d.report)
	case d.kind == kindOrders:
		return appendOrders(nil, &d.orders)
	case d.isAck:
		return transfer.AppendAck([]byte{envelopeVersion, kindTransfer}, &d.ack)
	default:
		return transfer.AppendChunk([]byte{envelopeVersion, kindTransfer}, &d.chunk)
	}
}

// Goal: NODE-4, what does not decode, comes from somebody else or is for a group that is not here is dropped and counted, and
// has no effect; after a stop all is dropped. Method: one of each next to a good one.
func TestForeignMessagesAreDroppedAndCounted(t *testing.T) {
	r := newRig(t, 3)
	r.settle()
	r.sent = nil
	beat := raft.Message{Type: raft.MsgHeartbeat, Group: TheGroup, From: 3, To: 1, Term: 9}
	elsewhere, nowhere := beat, beat
	elsewhere.Group, nowhere.Group = 2, 0
	good := r.message(beat)
	for i, payload := range [][]byte{
		nil,
		{1},
		append([]byte{2}, good[1:]...), append([]byte{1, 7}, good[2:]...), good[:len(good)-1],
		r.message(elsewhere), r.message(nowhere),
		appendHash(nil, hashReport{2, 3, 1024, 1}), appendHash(nil, hashReport{0, 3, 1024, 1}),
	} {
		r.n.Receive(3, payload)
		require.Equal(t, uint64(i+1), r.n.rejected, "payload %d", i)
	}
	before := r.n.rejected
	r.n.Receive(2, good)
	require.Equal(t, before+1, r.n.rejected, "sent by 2 in the name of 3")
	r.settle()
	require.Equal(t, uint64(1), r.n.Replica(TheGroup).Raft().Term())
	require.Empty(t, r.sent)
	r.n.Receive(3, good)
	require.Equal(t, before+1, r.n.rejected)
	require.Equal(t, uint64(9), r.n.Replica(TheGroup).Raft().Term())
	r.n.Stop()
	beat.Term = 10
	r.n.Receive(3, r.message(beat))
	require.Equal(t, uint64(9), r.n.Replica(TheGroup).Raft().Term())
}
