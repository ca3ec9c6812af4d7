package raft

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// solo drives one replica by hand; the test plays all others.
type solo struct {
	*Raft
	t   *testing.T
	now time.Duration
	// held are hand-offs that the test has not completed yet.
	held []Persist
}

// newSolo starts replica 1 of n at a term, with a durable log of these entry terms.
func newSolo(t *testing.T, n int, change func(*Config), term uint64, terms ...uint64) *solo {
	cfg := testConfig(1, n)
	if change != nil {
		change(&cfg)
	}
	d := disk{state: HardState{Term: term}}
	for i, et := range terms {
		d.entries = append(d.entries, Entry{Index: uint64(i + 1), Term: et, Data: []byte{byte(et)}})
	}
	restored := d.restored(0)
	restored.Tail = d.entries
	r, err := New(cfg, restored, 0)
	require.NoError(t, err)
	return &solo{Raft: r, t: t}
}

func (s *solo) check() {
	require.NoError(s.t, s.CheckInvariants())
}

// out takes the output and keeps its hand-off open.
func (s *solo) out() Output {
	s.check()
	out := s.Output()
	s.check()
	if out.HasPersist {
		s.held = append(s.held, out.Persist)
	}
	return out
}

// complete lets the disk finish all hand-offs.
func (s *solo) complete() {
	if n := len(s.held); n > 0 {
		s.Persisted(s.held[n-1].Seq)
		s.held = nil
	}
	s.check()
}

// flush returns all messages until the replica rests, with a disk that is done at once.
func (s *solo) flush() []Message {
	var all []Message
	for {
		out := s.out()
		all = append(all, out.Messages...)
		if len(s.held) == 0 {
			return all
		}
		s.complete()
	}
}

func (s *solo) get(m Message) {
	m.Group, m.To = 7, 1
	s.Receive(s.now, m)
	s.check()
}

// answer delivers a message and returns what leaves once the disk is done.
func (s *solo) answer(m Message) []Message {
	s.get(m)
	return s.flush()
}

func (s *solo) tick() {
	s.now = max(s.now, s.Deadline())
	s.Tick(s.now)
	s.check()
}

// lead makes the replica leader with the votes of all; it leaves the messages of the
// new leader in the core.
func (s *solo) lead() {
	s.tick()
	for range 2 {
		s.flushUntilVotes()
	}
	require.Equal(s.t, Leader, s.Role())
}

func (s *solo) flushUntilVotes() {
	for _, m := range s.flush() {
		switch m.Type {
		case MsgPreVote:
			s.get(Message{Type: MsgPreVoteResp, From: m.To, Term: m.Term, Round: m.Round})
		case MsgVote:
			s.get(Message{Type: MsgVoteResp, From: m.To, Term: m.Term})
		}
	}
}

// ackAll has a follower acknowledge everything.
func (s *solo) ackAll(from ReplicaID) []Message {
	return s.answer(Message{Type: MsgAppendResp, From: from, Term: s.Term(), LogIndex: s.LastIndex()})
}

func only(t *testing.T, ms []Message, mt MessageType) Message {
	t.Helper()
	found := of(ms, mt)
	require.Len(t, found, 1, "%v", ms)
	return found[0]
}

func of(ms []Message, mt MessageType) []Message {
	var found []Message
	for _, m := range ms {
		if m.Type == mt {
			found = append(found, m)
		}
	}
	return found
}

func noPreVote(c *Config) { c.PreVote = false }

func noSwitches(c *Config) { c.PreVote, c.CheckQuorum = false, false }
