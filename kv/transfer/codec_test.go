package transfer

import (
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfastdb/holdfast/raft"
)

func drawBytes(t *rapid.T, label string, least int) []byte {
	if b := rapid.SliceOfN(rapid.Byte(), least, 40).Draw(t, label); len(b) > 0 {
		return b
	}
	return nil
}

func drawChunk(t *rapid.T) Chunk {
	some := rapid.Uint64Min(1)
	c := Chunk{
		Kind: Kind(rapid.IntRange(1, 3).Draw(t, "kind")), Group: raft.GroupID(some.Draw(t, "group")),
		From: raft.ReplicaID(some.Draw(t, "from")), To: raft.ReplicaID(some.Draw(t, "to")),
		Term: rapid.Uint64().Draw(t, "term"), Join: rapid.Uint64().Draw(t, "join"),
		Mark:      raft.Mark{Index: some.Draw(t, "index"), Term: rapid.Uint64().Draw(t, "mark term"), Config: drawBytes(t, "config", 0)},
		StateHash: rapid.Uint64().Draw(t, "hash"), Stream: rapid.Uint64().Draw(t, "stream"), Try: some.Draw(t, "try"),
	}
	if c.Kind != Probe && rapid.Bool().Draw(t, "not the first") {
		c.Number, c.After = rapid.Uint64Range(1, maxNumber).Draw(t, "number"), drawBytes(t, "after", 0)
	}
	switch c.Kind {
	case Data:
		c.Data = drawBytes(t, "data", 1)
	case End:
		c.Pairs, c.Sum = rapid.Uint64().Draw(t, "pairs"), rapid.Uint64().Draw(t, "sum")
	}
	return c
}

func drawAck(t *rapid.T) Ack {
	some := rapid.Uint64Min(1)
	a := Ack{
		Group: raft.GroupID(some.Draw(t, "group")), From: raft.ReplicaID(some.Draw(t, "from")), To: raft.ReplicaID(some.Draw(t, "to")),
		Term:     rapid.Uint64().Draw(t, "term"),
		Identity: Identity{some.Draw(t, "index"), rapid.Uint64().Draw(t, "mark term"), rapid.Uint64().Draw(t, "hash")},
		Stream:   rapid.Uint64().Draw(t, "stream"), Try: some.Draw(t, "try"),
		Status: Status(rapid.IntRange(1, 5).Draw(t, "status")),
	}
	switch a.Status {
	case Refused:
		a.Reason = Reason(rapid.IntRange(1, 5).Draw(t, "reason"))
	case Going:
		if rapid.Bool().Draw(t, "not at the begin") {
			a.At = Position{rapid.Uint64Range(1, maxNumber).Draw(t, "next"), drawBytes(t, "after", 0), 0}
		}
		a.At.Sum = rapid.Uint64().Draw(t, "sum")
		a.Want = rapid.Uint64Min(a.At.Next).Draw(t, "want")
	}
	return a
}

// Goal: what is encoded decodes to the same message, and behind other bytes too (XFER-10).
// Method: random chunks and acks.
func TestMessagesSurviveTheWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, a := drawChunk(t), drawAck(t)
		bc := AppendChunk([]byte("head"), &c)[4:]
		require.False(t, IsAck(bc))
		gotC, err := DecodeChunk(bc)
		require.NoError(t, err)
		require.Equal(t, c, gotC)
		ba := AppendAck([]byte("head"), &a)[4:]
		require.True(t, IsAck(ba))
		gotA, err := DecodeAck(ba)
		require.NoError(t, err)
		require.Equal(t, a, gotA)
	})
}

// Goal: no damaged message passes.
// Method: flip one bit, cut bytes off, or append one; every decoder must refuse.
func TestDamagedMessagesAreRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, a := drawChunk(t), drawAck(t)
		for i, b := range [][]byte{AppendChunk(nil, &c), AppendAck(nil, &a)} {
			switch rapid.IntRange(0, 2).Draw(t, "damage") {
			case 0:
				bit := rapid.IntRange(0, 8*len(b)-1).Draw(t, "bit")
				b[bit/8] ^= 1 << (bit % 8)
			case 1:
				b = b[:rapid.IntRange(0, len(b)-1).Draw(t, "length")]
			case 2:
				b = append(b, rapid.Byte().Draw(t, "more"))
			}
			var err error
			if i == 0 {
				_, err = DecodeChunk(b)
			} else {
				_, err = DecodeAck(b)
			}
			require.Error(t, err)
		}
	})
}

// resealed is a message body with the right checksum.
func resealed(body []byte) []byte { return seal(append([]byte(nil), body...), 0) }

// Goal: a decoder says what is wrong with a message that is not damaged but malformed.
// Method: valid messages with one thing changed, and their checksum put right.
func TestMalformedMessagesAreRefusedWithTheReason(t *testing.T) {
	c := Chunk{Kind: Data, Group: 1, From: 1, To: 2, Mark: raft.Mark{Index: 3}, Try: 1, Data: []byte("x")}
	good := AppendChunk(nil, &c)
	body := good[:len(good)-crc32.Size]
	change := func(at int, b ...byte) []byte {
		out := append([]byte(nil), body[:at]...)
		return resealed(append(append(out, b...), body[at+1:]...))
	}
	huge := append([]byte(nil), body[:len(body)-2]...)
	huge = resealed(binary.AppendUvarint(huge, MaxData+1))
	for _, tc := range []struct {
		name string
		msg  []byte
		want error
	}{
		{"version", change(0, 9), errVersion},
		{"kind", change(1, 7), errKind},
		{"no group", change(2, 0), errField},
		{"number not in its shortest form", change(2, 0x81, 0), errNumber},
		{"too much data", huge, errLong},
		{"left over", resealed(append(append([]byte(nil), body...), 0)), errTrailing},
		{"empty", nil, errShort},
		{"end is missing", resealed(body[:len(body)-1]), errShort},
	} {
		_, err := DecodeChunk(tc.msg)
		require.ErrorIs(t, err, tc.want, tc.name)
	}
	_, err := DecodeAck(good)
	require.ErrorIs(t, err, errKind)
	require.Panics(t, func() { AppendChunk(nil, &Chunk{}) })
	require.Panics(t, func() { AppendAck(nil, &Ack{}) })
}

// Goal: decoders never panic, and accept only the one encoding of a message (XFER-10).
// Method: fuzz the bytes below a right checksum; what decodes must encode to the same bytes.
func FuzzDecode(f *testing.F) {
	c := Chunk{Kind: Data, Group: 1, From: 1, To: 2, Mark: raft.Mark{Index: 3, Config: []byte("c")}, Try: 1, Data: []byte("x")}
	b := AppendChunk(nil, &c)
	f.Add(b[:len(b)-crc32.Size])
	c = Chunk{Kind: End, Group: 1, From: 1, To: 2, Mark: raft.Mark{Index: 3}, Try: 1, Number: 300, After: []byte("k"), Pairs: 4}
	b = AppendChunk(nil, &c)
	f.Add(b[:len(b)-crc32.Size])
	a := Ack{Group: 1, From: 2, To: 1, Identity: Identity{Index: 3}, Try: 1, Status: Going, At: Position{Next: 4, After: []byte("k")}, Want: 5}
	b = AppendAck(nil, &a)
	f.Add(b[:len(b)-crc32.Size])
	f.Fuzz(func(t *testing.T, body []byte) {
		msg := resealed(body)
		if c, err := DecodeChunk(msg); err == nil {
			require.Equal(t, msg, AppendChunk(nil, &c))
		}
		if a, err := DecodeAck(msg); err == nil {
			require.Equal(t, msg, AppendAck(nil, &a))
		}
	})
}
