package raft

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func app(term, prev, prevTerm, commit uint64, terms ...uint64) Message {
	m := Message{Type: MsgAppend, From: 2, Term: term, LogIndex: prev, LogTerm: prevTerm, Commit: commit, Round: 1}
	for i, et := range terms {
		m.Entries = append(m.Entries, Entry{Index: prev + uint64(i) + 1, Term: et})
	}
	return m
}

func (s *solo) terms() []uint64 {
	var ts []uint64
	for i := uint64(1); i <= s.LastIndex(); i++ {
		t, _ := s.TermAt(i)
		ts = append(ts, t)
	}
	return ts
}

// Claim (§5.3, Figure 2 AppendEntries 2-4): gaps and mismatches are refused, conflicts replaced, known
// entries kept. Method: a table on one log. REPL-02, REPL-05, REPL-18.
func TestAppendConsistency(t *testing.T) {
	for name, c := range map[string]struct {
		m    Message
		want []uint64
		ack  uint64
		hint [2]uint64
	}{
		"extends":                 {m: app(5, 4, 3, 0, 5, 5), want: []uint64{1, 1, 3, 3, 5, 5}, ack: 6},
		"gap":                     {m: app(5, 6, 3, 0, 5), want: []uint64{1, 1, 3, 3}, hint: [2]uint64{4, 3}},
		"previous has other term": {m: app(5, 4, 2, 0, 5), want: []uint64{1, 1, 3, 3}, hint: [2]uint64{2, 1}},
		"previous is newer":       {m: app(5, 3, 4, 0, 5), want: []uint64{1, 1, 3, 3}, hint: [2]uint64{3, 3}},
		"conflict is replaced":    {m: app(5, 2, 1, 0, 4), want: []uint64{1, 1, 4}, ack: 3},
		"conflict in the middle":  {m: app(5, 1, 1, 0, 1, 4, 5), want: []uint64{1, 1, 4, 5}, ack: 4},
		"known entries are kept":  {m: app(5, 1, 1, 0, 1, 3), want: []uint64{1, 1, 3, 3}, ack: 3},
		"empty keeps the tail":    {m: app(5, 2, 1, 0), want: []uint64{1, 1, 3, 3}, ack: 2},
		"from the start":          {m: app(5, 0, 0, 0, 1), want: []uint64{1, 1, 3, 3}, ack: 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSolo(t, 3, nil, 5, 1, 1, 3, 3)
			r := only(t, s.answer(c.m), MsgAppendResp)
			require.Equal(t, c.want, s.terms())
			require.Equal(t, c.hint, [2]uint64{r.HintIndex, r.HintTerm})
			require.Equal(t, c.hint != [2]uint64{}, r.Reject)
			if r.Reject {
				require.Equal(t, c.m.LogIndex, r.LogIndex)
			} else {
				require.Equal(t, c.ack, r.LogIndex)
			}
			require.Equal(t, uint64(1), r.Round)
		})
	}
}

// Claim (Figure 2 AppendEntries 5, REPL-14, REPL-15): commit is the least of the leader's and what is known to match,
// and never goes back. Method: a tail that only looks long enough.
func TestFollowerCommitStaysWithinMatch(t *testing.T) {
	s := newSolo(t, 3, nil, 5, 1, 1, 3, 3)
	s.answer(app(5, 1, 1, 4, 1))
	require.Equal(t, uint64(2), s.Commit(), "3 and 4 are not known to match")
	s.answer(app(5, 2, 1, 9, 4))
	require.Equal(t, uint64(3), s.Commit())
	s.answer(app(5, 3, 4, 1, 5))
	require.Equal(t, uint64(3), s.Commit())
}

// Claim (REPL-01, READ-10): a heartbeat moves the commit index only over what is known to match. Method: a divergent tail.
func TestHeartbeatDoesNotCommitDivergentTail(t *testing.T) {
	s := newSolo(t, 3, nil, 5, 1, 1, 3, 3)
	hb := Message{Type: MsgHeartbeat, From: 2, Term: 5, Commit: 4, Round: 3}
	m := only(t, s.answer(hb), MsgHeartbeatResp)
	require.Zero(t, s.Commit())
	require.Equal(t, []uint64{0, 3}, []uint64{m.LogIndex, m.Round})
	s.answer(app(5, 2, 1, 0, 5))
	m = only(t, s.answer(hb), MsgHeartbeatResp)
	require.Equal(t, uint64(3), s.Commit())
	require.Equal(t, uint64(3), m.LogIndex)
}

// Claim: what is known to match is forgotten with the term. Method: a heartbeat of a newer leader.
func TestMatchIsForgottenWithTheTerm(t *testing.T) {
	s := newSolo(t, 3, nil, 5, 1, 1)
	s.answer(app(5, 2, 1, 0, 5))
	s.answer(Message{Type: MsgHeartbeat, From: 3, Term: 6, Commit: 3})
	require.Zero(t, s.Commit())
}

// Claim (DESIGN principle 3, RAFT-8): acknowledgements wait for the disk, one stands for many, and carry the newest
// round. Method: several appends while the disk is busy.
func TestAckWaitsForDiskAndCoalesces(t *testing.T) {
	s := newSolo(t, 3, nil, 4)
	s.get(app(5, 0, 0, 0, 5, 5))
	require.Empty(t, s.out().Messages)
	first := s.held[0].Seq
	for i := uint64(2); i < 5; i++ {
		m := app(5, i, 5, 0, 5)
		m.Round = i
		s.get(m)
	}
	require.Empty(t, s.out().Messages)
	s.Persisted(first)
	m := only(t, s.out().Messages, MsgAppendResp)
	require.Equal(t, []uint64{2, 4}, []uint64{m.LogIndex, m.Round}, "what is durable so far")
	s.complete()
	m = only(t, s.out().Messages, MsgAppendResp)
	require.Equal(t, []uint64{5, 4}, []uint64{m.LogIndex, m.Round})
	again := only(t, s.answer(app(5, 1, 5, 0, 5)), MsgAppendResp)
	require.Equal(t, uint64(5), again.LogIndex, "durable already: at once, and never less than before")
}

// Claim: even entries that are durable already are not acknowledged before the term is. Method: hold the disk on a term change.
func TestAckWaitsForTheTerm(t *testing.T) {
	s := newSolo(t, 3, nil, 4, 1)
	s.get(app(5, 1, 1, 0))
	require.Empty(t, s.out().Messages)
	s.complete()
	require.Equal(t, uint64(1), only(t, s.flush(), MsgAppendResp).LogIndex)
}

// Claim: an owed acknowledgement dies with its term, and goes to its leader even if that one is no longer followed.
// Method: change the term, or time out, before the disk is done.
func TestOwedAckBelongsToItsTerm(t *testing.T) {
	s := newSolo(t, 3, nil, 5, 1)
	s.get(app(5, 1, 1, 0, 5))
	s.out()
	s.get(Message{Type: MsgHeartbeat, From: 3, Term: 6})
	s.complete()
	require.Empty(t, of(s.flush(), MsgAppendResp))

	s = newSolo(t, 3, nil, 5, 1)
	s.get(app(5, 1, 1, 0, 5))
	s.tick()
	require.Equal(t, PreCandidate, s.Role())
	require.Equal(t, ReplicaID(2), only(t, s.flush(), MsgAppendResp).To)
}

// Claim (REPL-17): replaced entries are not acknowledged by the completion of the write of the old ones.
// Method: leader change between hand-off and completion.
func TestReplacedEntriesAreNotAcknowledged(t *testing.T) {
	s := newSolo(t, 3, nil, 5)
	s.get(app(5, 0, 0, 0, 5, 5, 5))
	s.out()
	old := s.held[0].Seq
	m := app(6, 0, 0, 0, 6, 6)
	m.From = 3
	s.get(m)
	s.out()
	s.Persisted(old)
	require.Empty(t, s.out().Messages)
	require.Zero(t, s.Durable())
	s.complete()
	require.Equal(t, uint64(2), only(t, s.flush(), MsgAppendResp).LogIndex)
}

// Claim (RAFT-9): committed entries are never replaced: it panics. Method: a conflicting append.
func TestReplacingCommittedEntryPanics(t *testing.T) {
	s := newSolo(t, 3, nil, 5, 1, 1)
	s.answer(app(5, 2, 1, 2))
	m := app(6, 1, 1, 0, 6)
	require.PanicsWithValue(t, "raft: RAFT-9: group 7: leader 2 of term 6 wants to replace entry 2, but 2 is committed",
		func() { s.get(m) })
}

// Claim: appends that reach below the snapshot are taken as far as they reach above it (REPL-04, REPL-22).
// Method: late appends to a log that starts at a snapshot.
func TestAppendBelowSnapshot(t *testing.T) {
	r, err := New(testConfig(1, 3), Restored{HardState: HardState{Term: 5}, SnapIndex: 10, SnapTerm: 4, SnapConfig: conf(1, 2, 3), LastIndex: 10, Applied: 10}, 0)
	require.NoError(t, err)
	s := &solo{Raft: r, t: t}
	require.Equal(t, uint64(10), only(t, s.answer(app(5, 3, 2, 0, 2, 2)), MsgAppendResp).LogIndex)
	require.Equal(t, uint64(10), s.LastIndex())
	require.Equal(t, uint64(12), only(t, s.answer(app(5, 8, 4, 11, 4, 4, 5, 5)), MsgAppendResp).LogIndex)
	require.Equal(t, uint64(11), s.Commit())
	require.True(t, only(t, s.answer(app(5, 14, 0, 0)), MsgAppendResp).Reject)
}

// Claim: messages that no correct peer can have sent are dropped, counted and have no effect. Method: each defect.
func TestInvalidMessagesAreDropped(t *testing.T) {
	good := app(5, 1, 1, 0, 5, 5)
	good.Group, good.To = 7, 1
	for name, change := range map[string]func(*Message){
		"group":            func(m *Message) { m.Group = 8 },
		"to another":       func(m *Message) { m.To = 2 },
		"from nobody":      func(m *Message) { m.From = 0 },
		"from itself":      func(m *Message) { m.From = 1 },
		"no type":          func(m *Message) { m.Type = 0 },
		"unknown type":     func(m *Message) { m.Type = lastMessage + 1 },
		"no term":          func(m *Message) { m.Term, m.LogTerm, m.Entries = 0, 0, nil },
		"huge term":        func(m *Message) { m.Term = maxNumber },
		"huge index":       func(m *Message) { m.LogIndex, m.Entries = maxNumber, nil },
		"huge hint":        func(m *Message) { m.HintIndex = maxNumber },
		"log above term":   func(m *Message) { m.LogTerm, m.Entries = 6, nil },
		"gap":              func(m *Message) { m.Entries[1].Index = 4 },
		"terms go back":    func(m *Message) { m.Entries[1].Term = 4 },
		"entry above term": func(m *Message) { m.Entries[1].Term = 6 },
		"entry of term 0":  func(m *Message) { m.LogTerm, m.Entries[0].Term = 0, 0 },
		"kind":             func(m *Message) { m.Entries[0].Kind = 9 },
		"transfer":         func(m *Message) { m.Transfer = true },
		"read at index 0":  func(m *Message) { *m = Message{Type: MsgReadIndexResp, Group: 7, From: 2, To: 1, Term: 5} },
		"entries in vote":  func(m *Message) { m.Type = MsgVote },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSolo(t, 3, nil, 5, 1)
			m := good
			m.Entries = append([]Entry(nil), good.Entries...)
			change(&m)
			s.Receive(0, m)
			s.check()
			require.Equal(t, uint64(1), s.Status().Dropped)
			require.Empty(t, s.flush())
			require.Equal(t, []uint64{1}, s.terms())
		})
	}
}
