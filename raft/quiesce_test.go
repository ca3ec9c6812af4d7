package raft

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft/confchange"
)

const testQuiesce = 3 * testHeartbeat

func sleepy(c *Config) { c.QuiesceAfter = testQuiesce }

// beatAll lets the leader's next tick come, and all followers echo what it brings.
func (s *solo) beatAll() []Message {
	s.tick()
	ms := s.flush()
	for _, m := range of(ms, MsgHeartbeat) {
		s.echo(m.To, m.Round)
	}
	return ms
}

// drowsy is a leader of three whose next tick sends its group to sleep.
func drowsy(t *testing.T, change func(*Config)) *solo {
	s := leading(t, 3, func(c *Config) {
		sleepy(c)
		if change != nil {
			change(c)
		}
	})
	s.ackAll(3)
	s.SetApplied(s.Applicable())
	s.rest()
	return s
}

// rest lets time pass, with answers to all heartbeats, up to the tick at which the leader may sleep.
func (s *solo) rest() {
	for since := s.now; s.Deadline()-since < testQuiesce; {
		s.beatAll()
		require.False(s.t, s.Quiescent())
	}
}

// asleep is a leader of three that sleeps, and has slept for an hour.
func asleep(t *testing.T, change func(*Config)) *solo {
	s := drowsy(t, change)
	s.tick()
	require.True(t, s.Quiescent())
	require.Len(t, s.flush(), 2)
	s.now += time.Hour
	return s
}

// lull is the word of replica 2, leader of term 5, that the group sleeps at the entry index.
func lull(index uint64) Message {
	return Message{Type: MsgHeartbeat, From: 2, Term: 5, LogIndex: index, LogTerm: 5, Commit: index, Round: 7, Quiesce: true}
}

// sleeper is a follower of replica 2 in term 5 that sleeps with one entry, and has slept for an hour.
func sleeper(t *testing.T, change func(*Config)) *solo {
	s := attentive(t, change)
	require.Empty(t, s.answer(lull(1)))
	require.True(t, s.Quiescent())
	s.now += time.Hour
	return s
}

// attentive is the same while it is awake.
func attentive(t *testing.T, change func(*Config)) *solo {
	s := newSolo(t, 3, func(c *Config) {
		sleepy(c)
		if change != nil {
			change(c)
		}
	}, 5)
	s.answer(app(5, 0, 0, 1, 5))
	require.Equal(t, []uint64{1, 1}, []uint64{s.Commit(), s.Durable()})
	return s
}

// Goal: the leader of an idle group tells all members to sleep, where its log ends and how far it is committed, and sleeps itself: then there is no
// deadline, a tick does nothing, and nothing is sent. Method: let it fall asleep, and a day pass.
func TestIdleLeaderSendsItsGroupToSleep(t *testing.T) {
	s := drowsy(t, nil)
	s.tick()
	require.True(t, s.Quiescent())
	require.Equal(t, Never, s.Deadline())
	ms := s.flush()
	require.Len(t, ms, 2)
	for i, m := range ms {
		require.Equal(t, Message{
			Type: MsgHeartbeat, Group: 7, From: 1, To: ReplicaID(i + 2), Term: 6, LogIndex: 1, LogTerm: 6, Commit: 1, Round: m.Round, Quiesce: true,
		}, m)
	}
	for range 24 {
		s.now += time.Hour
		s.Tick(s.now)
		out := s.out()
		require.Equal(t, Output{Messages: out.Messages, Reads: out.Reads, DroppedReads: out.DroppedReads, Fetches: out.Fetches}, out)
		require.Zero(t, len(out.Messages)+len(out.Reads)+len(out.DroppedReads)+len(out.Fetches))
		require.True(t, s.Quiescent())
	}
	require.True(t, s.Status().Quiescent)
	require.False(t, s.Status().Lease)
	require.Equal(t, Leader, s.Role())
}

// Goal: the leader does not send its group to sleep while anything is left to do, or known of nobody to do it. Method: what is in the way, one
// at a time, just before it would; nothing, as a check of the method.
func TestBusyLeaderDoesNotSendItsGroupToSleep(t *testing.T) {
	learner := MakeReplicaID(4, 1)
	for name, c := range map[string]struct {
		change func(*Config)
		before func(*solo)
		sleeps bool
	}{
		"nothing":           {before: func(*solo) {}, sleeps: true},
		"not by its config": {change: func(c *Config) { c.QuiesceAfter = 0 }, before: func(*solo) {}},
		"a proposal lately": {before: func(s *solo) { s.mustPropose(1); s.flush(); s.ackAll(2); s.ackAll(3); s.SetApplied(2) }},
		"a refused proposal": {before: func(s *solo) {
			_, _, err := s.Propose(s.now, nil)
			require.Error(t, err)
		}},
		"a read lately":             {before: func(s *solo) { s.Read(s.now, 1); s.echoAll(s.flush()) }},
		"a message lately":          {before: func(s *solo) { s.ackAll(2) }},
		"a refused transfer":        {before: func(s *solo) { require.Error(t, s.Transfer(s.now, 99)) }},
		"an entry that one lacks":   {before: func(s *solo) { s.mustPropose(1); s.flush(); s.ackAll(2); s.SetApplied(2); s.sleep.busy = 0 }},
		"an entry nobody has":       {before: func(s *solo) { s.mustPropose(1); s.flush(); s.sleep.busy = 0 }},
		"an entry to be applied":    {before: func(s *solo) { s.mustPropose(1); s.flush(); s.ackAll(2); s.ackAll(3); s.sleep.busy = 0 }},
		"an entry only others have": {before: func(s *solo) { s.mustPropose(1); s.out(); s.ackTo(2, 2); s.ackTo(3, 2); s.sleep.busy = 0 }},
		"a write under way":         {before: func(s *solo) { s.Compact(1); s.out() }},
		"a read that waits":         {before: func(s *solo) { s.Read(s.now, 1); s.sleep.busy = 0 }},
		"a follower's read":         {before: func(s *solo) { s.get(Message{Type: MsgReadIndex, From: 2, Term: 6, Round: 1}); s.sleep.busy = 0 }},
		"a transfer":                {before: func(s *solo) { require.NoError(t, s.Transfer(s.now, 2)); s.sleep.busy = 0 }},
		"a member that is silent":   {before: func(s *solo) { s.peer(3).heard = s.now - testElection + testHeartbeat }},
		"a member of unknown log":   {before: func(s *solo) { s.mustPropose(1); s.flush(); s.sleep.busy = 0; s.refuseAll(3) }},
		"a fetch":                   {before: func(s *solo) { s.peer(3).progress.FetchStarted() }},
		"a joint configuration":     {before: func(s *solo) { s.mustChange(change(confchange.Remove, 3)); s.sleep.busy = 0 }},
		"a learner that lacks all": {before: func(s *solo) {
			s.mustChange(change(confchange.AddLearner, learner))
			s.flush()
			s.ackAll(2)
			s.ackAll(3)
			s.SetApplied(2)
			s.sleep.busy = 0
		}},
		"a learner that has all":     {before: func(s *solo) { s.caughtUpLearner(4, 1); s.SetApplied(s.Commit()); s.sleep.busy = 0 }, sleeps: true},
		"a leader's own demotion":    {before: func(s *solo) { s.mustChange(change(confchange.Demote, 1)); s.sleep.busy = 0 }},
		"a term without a commit":    {before: func(s *solo) { s.leading.start = 2 }},
		"a member that needs a copy": {before: func(s *solo) { s.sendSnapshot(s.peer(3)) }},
	} {
		s := drowsy(t, c.change)
		c.before(s)
		s.now = max(s.now, s.leading.heartbeat)
		s.Tick(s.now)
		require.Equal(t, c.sleeps, s.Quiescent(), name)
		require.Equal(t, c.sleeps, s.Deadline() == Never, name)
	}
}

// refuseAll has a follower refuse what it was sent last.
func (s *solo) refuseAll(from ReplicaID) {
	s.get(Message{Type: MsgAppendResp, From: from, Term: s.Term(), Reject: true, LogIndex: s.peerStatus(from).Next - 1})
	s.sleep.busy = 0
}

// Goal: a follower sleeps at its leader's word and says nothing, if it has all that its leader has, durably, and nothing to do; if
// not, it answers as to any heartbeat, and its timer runs. Method: what is in the way, one at a time.
func TestFollowerSleepsOnlyIfItAgrees(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		before func(*solo)
		word   Message
		sleeps bool
	}{
		"nothing":             {word: lull(1), sleeps: true},
		"no such word":        {word: Message{Type: MsgHeartbeat, From: 2, Term: 5, Commit: 1, Round: 7}},
		"an entry it lacks":   {word: lull(2)},
		"an entry too many":   {before: func(s *solo) { s.answer(app(5, 1, 5, 1, 5)) }, word: lull(1)},
		"an entry not stable": {before: func(s *solo) { s.get(app(5, 1, 5, 1, 5)); s.out() }, word: lull(2)},
		"an entry just come":  {before: func(s *solo) { s.get(app(5, 1, 5, 1, 5)) }, word: lull(2)},
		"a commit to come":    {before: func(s *solo) { s.answer(app(5, 1, 5, 1, 5)); s.following.matched = 1 }, word: lull(2)},
		"one word for both":   {before: func(s *solo) { s.answer(app(5, 1, 5, 1, 5)) }, word: lull(2), sleeps: true},
		"a read that waits":   {before: func(s *solo) { s.ask(1) }, word: lull(1)},
		"a write under way":   {before: func(s *solo) { s.SetApplied(1); s.Compact(1); s.out() }, word: lull(1)},
		"its own config":      {change: func(c *Config) { c.QuiesceAfter = 0 }, word: lull(1)},
		"a leader given up":   {before: func(s *solo) { s.tick(); require.Equal(s.t, PreCandidate, s.Role()) }, word: lull(1)},
	} {
		s := attentive(t, c.change)
		if c.before != nil {
			c.before(s)
		}
		s.get(c.word)
		ms := s.out().Messages
		require.Equal(t, c.sleeps, s.Quiescent(), name)
		if c.sleeps {
			require.Empty(t, ms, name)
			require.Equal(t, Never, s.Deadline())
			continue
		}
		require.Equal(t, uint64(7), only(t, ms, MsgHeartbeatResp).Round, name)
		require.GreaterOrEqual(t, s.election.deadline, s.now+testElection, name)
	}
	fresh := newSolo(t, 3, sleepy, 5, 5)
	fresh.answer(app(5, 1, 5, 1))
	fresh.complete()
	restarted := newSolo(t, 3, sleepy, 5, 5)
	for i, s := range []*solo{fresh, restarted} {
		require.Equal(t, i, len(of(s.answer(lull(1)), MsgHeartbeatResp)), "it did not follow that leader before the restart, as far as it knows")
	}
	other := newSolo(t, 3, sleepy, 5)
	other.answer(app(5, 0, 0, 1, 4))
	require.Len(t, of(other.answer(lull(1)), MsgHeartbeatResp), 1, "another entry there, if that could be")
	empty := newSolo(t, 3, sleepy, 5)
	for range 2 {
		require.Len(t, of(empty.answer(Message{Type: MsgHeartbeat, From: 2, Term: 5, Round: 1}), MsgHeartbeatResp), 1, "no word, no entry")
	}
	later := attentive(t, nil)
	word := lull(1)
	word.Term, word.LogTerm = 6, 6
	require.Len(t, of(later.answer(word), MsgHeartbeatResp), 1, "another term's entry")
	require.Equal(t, uint64(6), later.Term())
}

// Goal: a word of sleep that contradicts itself, or comes as another message, is dropped: no correct leader sends it. Method: each.
func TestSenselessWordsOfSleepAreDropped(t *testing.T) {
	for i, damage := range []func(*Message){
		func(m *Message) { m.Type = MsgAppend },
		func(m *Message) { m.Type = MsgHeartbeatResp },
		func(m *Message) { m.LogIndex = 0 },
		func(m *Message) { m.Commit = 0 },
		func(m *Message) { m.LogTerm = 4 },
	} {
		s := attentive(t, nil)
		m := lull(1)
		damage(&m)
		require.Empty(t, s.answer(m))
		require.False(t, s.Quiescent(), i)
		require.Equal(t, uint64(1), s.Status().Dropped, i)
	}
}

// Goal: a group of one sleeps when it is idle, not before; while something is in the way it looks again at each heartbeat interval. Method: a
// hand-off that is not complete.
func TestLoneReplicaSleeps(t *testing.T) {
	s := newSolo(t, 1, sleepy, 5)
	s.lead()
	s.flush()
	s.SetApplied(1)
	led := s.sleep.busy
	require.Equal(t, led+testQuiesce, s.Deadline())
	s.mustPropose(1)
	s.out()
	for want := s.now + testQuiesce; want < 10*testQuiesce; want += testHeartbeat {
		require.Equal(t, want, s.Deadline())
		s.tick()
		s.out()
	}
	s.complete()
	s.SetApplied(2)
	s.tick()
	require.True(t, s.Quiescent())
	require.Equal(t, Never, s.Deadline())

	off := newSolo(t, 1, nil, 5)
	off.lead()
	off.flush()
	require.Equal(t, Never, off.Deadline())
	require.False(t, off.Quiescent())
}

// Goal: QuiesceAfter is 0 to a day. Method: the ends.
func TestQuiesceAfterIsBounded(t *testing.T) {
	for after, ok := range map[time.Duration]bool{0: true, 1: true, 24 * time.Hour: true, -1: false, 24*time.Hour + 1: false} {
		cfg := testConfig(1, 3)
		cfg.QuiesceAfter = after
		_, err := New(cfg, Restored{}, 0)
		require.Equal(t, ok, err == nil, "%v: %v", after, err)
	}
}
