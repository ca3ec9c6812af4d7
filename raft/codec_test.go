package raft

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func drawMessage(t *rapid.T) Message {
	num := rapid.OneOf(rapid.Just(uint64(0)), rapid.Uint64Range(1, 300), rapid.Uint64Range(0, maxNumber-100))
	m := Message{
		Type:  MessageType(rapid.IntRange(int(firstMessage), int(lastMessage)).Draw(t, "type")),
		Group: GroupID(num.Draw(t, "group")), From: ReplicaID(num.Draw(t, "from")), To: ReplicaID(num.Draw(t, "to")),
		Term: num.Draw(t, "term"), LogIndex: num.Draw(t, "index"), LogTerm: num.Draw(t, "logterm"),
		Commit: num.Draw(t, "commit"), Reject: rapid.Bool().Draw(t, "reject"), HintIndex: num.Draw(t, "hint"),
		HintTerm: num.Draw(t, "hintterm"), Round: num.Draw(t, "round"),
		Transfer: rapid.Bool().Draw(t, "transfer"), Join: num.Draw(t, "join"),
		Quiesce: rapid.Bool().Draw(t, "quiesce"),
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "entries") {
		e := Entry{
			Index: m.LogIndex + 1 + uint64(i), Term: num.Draw(t, "eterm"),
			Kind: EntryKind(rapid.IntRange(0, int(EntryConfig)).Draw(t, "kind")),
		}
		if data := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "data"); len(data) > 0 {
			e.Data = data
		}
		m.Entries = append(m.Entries, e)
	}
	return m
}

// Claim: every message survives the codec unchanged, cut anywhere it is refused, and so it is with more behind it.
// Method: rapid messages.
func TestMessageRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMessage(t)
		b := AppendMessage([]byte("before"), &m)[len("before"):]
		got, err := DecodeMessage(b)
		require.NoError(t, err)
		require.Equal(t, m, got)
		cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut")
		_, err = DecodeMessage(b[:cut])
		require.Error(t, err)
		_, err = DecodeMessage(append(b, 0))
		require.Error(t, err)
	})
}

// Claim: entries survive one after the other, and the announced size is right. Method: rapid entries.
func TestEntryRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMessage(t)
		var b []byte
		for i := range m.Entries {
			before := len(b)
			b = AppendEntry(b, &m.Entries[i])
			require.Equal(t, EncodedEntrySize(&m.Entries[i]), len(b)-before)
		}
		for i := range m.Entries {
			e, rest, err := DecodeEntry(b)
			require.NoError(t, err)
			require.Equal(t, m.Entries[i], e)
			b = rest
		}
		require.Empty(t, b)
		_, _, err := DecodeEntry(b)
		require.ErrorIs(t, err, errShort)
	})
}

// Claim: what does not make sense is refused, with the reason. Method: one damage at a time.
func TestDecodeRefusesMalformedInput(t *testing.T) {
	m := Message{Type: MsgAppend, Group: 1, From: 1, To: 2, Term: 3, LogIndex: 4, LogTerm: 3, Entries: []Entry{{Index: 5, Term: 3}}}
	good := AppendMessage(nil, &m)
	_, err := DecodeMessage(good)
	require.NoError(t, err)
	damage := func(change func(b []byte) []byte) error {
		_, err := DecodeMessage(change(bytes.Clone(good)))
		return err
	}
	set := func(at int, v byte) func([]byte) []byte {
		return func(b []byte) []byte { b[at] = v; return b }
	}
	require.ErrorIs(t, damage(set(0, 1)), errVersion, "the version before")
	require.ErrorIs(t, damage(set(0, 4)), errVersion)
	require.ErrorIs(t, damage(set(0, 3)), errMessage, "a version that it does not need")
	require.ErrorIs(t, damage(set(1, 0)), errMessage)
	require.ErrorIs(t, damage(set(1, 99)), errMessage)
	require.ErrorIs(t, damage(set(7, 0)), errMessage, "a zero that is not left out")
	require.ErrorIs(t, damage(set(9, 0)), errMessage, "no entries though announced")
	require.ErrorIs(t, damage(set(9, 100)), errMessage, "more entries than bytes")
	require.ErrorIs(t, damage(set(10, 6)), errMessage, "a gap")
	require.ErrorIs(t, damage(set(12, 9)), errEntry, "unknown kind")
	require.ErrorIs(t, damage(set(13, 1)), errShort)
	require.ErrorIs(t, damage(func(b []byte) []byte { return append(b, 0) }), errTrailing)
	require.ErrorIs(t, damage(func([]byte) []byte { return nil }), errShort)
	unknown := binary.AppendUvarint([]byte{codecVersion, byte(MsgVote)}, fieldsKnown+1)
	_, err = DecodeMessage(append(unknown, 1, 2, 3, 4))
	require.ErrorIs(t, err, errMessage, "a field of a later version")
	overlong := append([]byte{codecVersion, byte(MsgVote), 0, 0x81, 0x00}, 1, 2, 3)
	_, err = DecodeMessage(overlong)
	require.ErrorIs(t, err, errNumber)
	huge := binary.AppendUvarint([]byte{1, 1, 0}, MaxEntryBytes+1)
	_, _, err = DecodeEntry(huge)
	require.ErrorIs(t, err, errEntry)
}

// Claim: no input makes the decoder panic, and each has one encoding: what decodes encodes to the same bytes.
// Receive stands whatever decodes. Method: fuzzing from real messages.
func FuzzDecodeMessage(f *testing.F) {
	for _, m := range []Message{
		{Type: MsgHeartbeat, Group: 7, From: 2, To: 1, Term: 9, Commit: 1 << 40, Round: 300},
		{Type: MsgAppend, Group: 7, From: 2, To: 1, Term: 9, LogIndex: 0, Entries: []Entry{{Index: 1, Term: 1, Data: []byte("x")}, {Index: 2, Term: 9, Kind: EntryNoOp}}},
		{Type: MsgAppendResp, Group: 7, From: 3, To: 1, Term: 9, LogIndex: 5, Reject: true, HintIndex: 3, HintTerm: 2},
		{Type: MsgVote, Group: 7, From: 3, To: 1, Term: 1<<62 - 1, LogIndex: 1, LogTerm: 1},
		{Type: MsgPreVoteResp, Group: 7, From: 3, To: 1, Term: 1, Round: 1},
		{Type: MsgVote, Group: 7, From: 3, To: 1, Term: 2, Transfer: true},
		{Type: MsgTimeoutNow, Group: 7, From: 3, To: 1, Term: 2},
		{Type: MsgReadIndex, Group: 7, From: 3, To: 1, Term: 2, Round: 1<<61 + 7},
		{Type: MsgReadIndexResp, Group: 7, From: 3, To: 1, Term: 2, LogIndex: 9, Round: 1<<61 + 7},
		{Type: MsgRemoved, Group: 7, From: 3, To: 1, Term: 2, LogIndex: 9},
		{Type: MsgHeartbeat, Group: 7, From: 3, To: 1, Term: 2, Round: 3, Join: 1<<64 - 1},
		{Type: MsgHeartbeat, Group: 7, From: 3, To: 1, Term: 2, LogIndex: 9, LogTerm: 2, Commit: 9, Round: 3, Quiesce: true},
	} {
		f.Add(AppendMessage(nil, &m))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeMessage(b)
		if err != nil {
			return
		}
		require.Equal(t, b, AppendMessage(nil, &m))
		r, err := New(testConfig(1, 3), Restored{}, 0)
		require.NoError(t, err)
		r.Receive(0, m)
		require.NoError(t, r.CheckInvariants())
		r.Output()
	})
}

// Goal: builds that know no sleep understand all but the word of it, and this one understands theirs. Method: what an old
// build wrote, byte for byte; the same with Quiesce, and with the version that it cannot have.
func TestFormatIsTheOldestThatCanSayIt(t *testing.T) {
	old := []byte{2, byte(MsgHeartbeat), fieldCommit | fieldRound, 7, 3, 1, 2, 9, 4}
	m, err := DecodeMessage(old)
	require.NoError(t, err)
	require.Equal(t, Message{Type: MsgHeartbeat, Group: 7, From: 3, To: 1, Term: 2, Commit: 9, Round: 4}, m)
	require.Equal(t, old, AppendMessage(nil, &m))

	m.Quiesce = true
	b := AppendMessage(nil, &m)
	require.Equal(t, byte(codecQuiesce), b[0])
	got, err := DecodeMessage(b)
	require.NoError(t, err)
	require.Equal(t, m, got)
	b[0] = codecVersion
	_, err = DecodeMessage(b)
	require.ErrorIs(t, err, errMessage)
}
