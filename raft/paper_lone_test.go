package raft_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/raft/rafttest"
)

const (
	election  = 100 * time.Millisecond
	heartbeat = 20 * time.Millisecond
)

// plain switches off what the paper itself does not have.
func plain(c *raft.Config) { c.PreVote, c.CheckQuorum = false, false }

// lone is replica 1 among peers that the test plays by hand. Its disk is instant
// unless slow. Invariants are checked after every input.
type lone struct {
	t       require.TestingT
	r       *raft.Raft
	now     time.Duration
	disk    rafttest.Disk
	pending []raft.Persist
	slow    bool
	grants  []raft.ReadGrant
	dropped []uint64
}

// newLone starts replica 1 of n with a log of these terms, in this term.
func newLone(t require.TestingT, n int, term uint64, log []uint64, change ...func(*raft.Config)) *lone {
	l := &lone{t: t, disk: rafttest.Disk{State: raft.HardState{Term: term}, Entries: rafttest.LogOfTerms(log...)}}
	cfg := rafttest.DefaultConfig(n)
	cfg.ID, cfg.ElectionTimeout, cfg.HeartbeatInterval = 1, election, heartbeat
	plain(&cfg)
	for _, f := range change {
		f(&cfg)
	}
	l.start(cfg)
	return l
}

func (l *lone) start(cfg raft.Config) {
	r, err := raft.New(cfg, l.disk.Restored(math.MaxInt), l.now)
	require.NoError(l.t, err)
	l.r, l.pending = r, nil
	l.take()
}

// take returns all messages that the last input led to.
func (l *lone) take() []raft.Message {
	var sent []raft.Message
	for {
		require.NoError(l.t, l.r.CheckInvariants())
		out := l.r.Output()
		require.NoError(l.t, l.r.CheckInvariants())
		sent = append(sent, out.Messages...)
		l.grants = append(l.grants, out.Reads...)
		l.dropped = append(l.dropped, out.DroppedReads...)
		if out.HasPersist {
			l.pending = append(l.pending, out.Persist)
		}
		if l.slow || len(l.pending) == 0 {
			return sent
		}
		l.persist()
	}
}

// persist completes all hand-offs; what follows from it is left to take.
func (l *lone) persist() {
	if len(l.pending) == 0 {
		return
	}
	for _, p := range l.pending {
		l.disk.Write(p)
	}
	l.r.Persisted(l.pending[len(l.pending)-1].Seq)
	l.pending = nil
}

// receive delivers a message to the replica; Group and To are filled in.
func (l *lone) receive(m raft.Message) []raft.Message {
	m.Group, m.To = 1, 1
	dropped := l.r.Status().Dropped
	l.r.Receive(l.now, m)
	require.Equal(l.t, dropped, l.r.Status().Dropped, "the test sends what no peer can send: %+v", m)
	return l.take()
}

// timeout lets time pass until the replica acts on it.
func (l *lone) timeout() []raft.Message {
	l.now = max(l.now, l.r.Deadline())
	l.r.Tick(l.now)
	return l.take()
}

func (l *lone) wait(d time.Duration) []raft.Message {
	var sent []raft.Message
	end := l.now + d
	for range 1000 {
		if l.r.Deadline() > end {
			l.now = end
			return sent
		}
		sent = append(sent, l.timeout()...)
	}
	require.Fail(l.t, "the replica wants a tick for ever", "at %v", l.now)
	return nil
}

func (l *lone) propose(payloads ...string) []raft.Message {
	data := make([][]byte, len(payloads))
	for i, p := range payloads {
		data[i] = []byte(p)
	}
	_, _, err := l.r.Propose(l.now, data)
	require.NoError(l.t, err)
	return l.take()
}

// lead makes the replica the leader of the next term with everyone's vote.
func (l *lone) lead() []raft.Message {
	l.timeout()
	require.Equal(l.t, raft.Candidate, l.r.Role())
	var sent []raft.Message
	for _, v := range l.r.Voters() {
		if v != 1 {
			sent = append(sent, l.receive(raft.Message{Type: raft.MsgVoteResp, From: v, Term: l.r.Term()})...)
		}
	}
	require.Equal(l.t, raft.Leader, l.r.Role())
	return sent
}

// ack is a follower's answer that it durably holds everything up to index.
func (l *lone) ack(from raft.ReplicaID, index uint64) []raft.Message {
	return l.receive(raft.Message{Type: raft.MsgAppendResp, From: from, Term: l.r.Term(), LogIndex: index})
}

// terms returns the terms of the log's entries from index 1 on.
func (l *lone) terms() []uint64 {
	var terms []uint64
	for i := uint64(1); i <= l.r.LastIndex(); i++ {
		term, ok := l.r.TermAt(i)
		require.True(l.t, ok)
		terms = append(terms, term)
	}
	return terms
}

// entries returns entries after prev with these terms.
func entries(prev uint64, terms ...uint64) []raft.Entry {
	es := rafttest.LogOfTerms(terms...)
	for i := range es {
		es[i].Index += prev
	}
	return es
}

// of picks messages of one type.
func of(typ raft.MessageType, messages []raft.Message) []raft.Message {
	var picked []raft.Message
	for _, m := range messages {
		if m.Type == typ {
			picked = append(picked, m)
		}
	}
	return picked
}

// only returns the single message of a type.
func only(t require.TestingT, typ raft.MessageType, messages []raft.Message) raft.Message {
	picked := of(typ, messages)
	require.Len(t, picked, 1, "%+v", messages)
	return picked[0]
}

// group makes a cluster and checks at the end of the test that no invariant of it broke.
func group(t *testing.T, n int, change ...func(*raft.Config)) *rafttest.Cluster {
	cfg := rafttest.DefaultConfig(n)
	cfg.ElectionTimeout, cfg.HeartbeatInterval = election, heartbeat
	for _, f := range change {
		f(&cfg)
	}
	c, err := rafttest.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Err(), "%s", c.Trace()) })
	return c
}

// reset gives a replica a log of these terms.
func reset(t *testing.T, c *rafttest.Cluster, id raft.ReplicaID, term uint64, log ...uint64) {
	require.NoError(t, c.Reset(id, rafttest.Disk{State: raft.HardState{Term: term}, Entries: rafttest.LogOfTerms(log...)}))
}

// elect makes a replica the leader, with everyone's vote.
func elect(t *testing.T, c *rafttest.Cluster, id raft.ReplicaID) *raft.Raft {
	c.Tick(id)
	c.Stabilize()
	require.Equal(t, raft.Leader, c.Raft(id).Role())
	return c.Raft(id)
}

// leaderOf returns the leader of the highest term, nil if there is none.
func leaderOf(c *rafttest.Cluster, n int) *raft.Raft {
	var leader *raft.Raft
	for id := raft.ReplicaID(1); id <= raft.ReplicaID(n); id++ {
		if r := c.Raft(id); r != nil && r.Role() == raft.Leader && (leader == nil || r.Term() > leader.Term()) {
			leader = r
		}
	}
	return leader
}
