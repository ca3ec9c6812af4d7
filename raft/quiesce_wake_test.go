package raft

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft/confchange"
)

// inputs are all ways in which something is wanted of a replica, but for messages.
var inputs = map[string]func(*solo){
	"wake":               func(s *solo) { s.Wake(s.now) },
	"proposal":           func(s *solo) { _, _, _ = s.Propose(s.now, [][]byte{{1}}) },
	"nothing":            func(s *solo) { _, _, _ = s.Propose(s.now, nil) },
	"read":               func(s *solo) { s.Read(s.now, 1) },
	"transfer":           func(s *solo) { _ = s.Transfer(s.now, 3) },
	"anyone":             func(s *solo) { _ = s.Transfer(s.now, 0) },
	"change":             func(s *solo) { _, _, _ = s.ProposeChange(s.now, []confchange.Change{change(confchange.Demote, 3)}) },
	"snapshot":           func(s *solo) { _ = s.Restore(s.now, markAt(9, 5, 1, 2, 3)) },
	"senseless snapshot": func(s *solo) { _ = s.Restore(s.now, Mark{}) },
}

// Goal: whatever is wanted of a sleeping leader wakes it: it sends heartbeats of a new round to all at once, and its timers run. Method: each
// input, and each message that a leader can get.
func TestWhateverComesWakesTheLeader(t *testing.T) {
	woken := func(name string, s *solo, before uint64) {
		s.check()
		require.False(t, s.Quiescent(), name)
		require.Equal(t, Leader, s.Role(), name)
		require.Equal(t, s.now+testHeartbeat, s.Deadline(), name)
		beats := of(s.flush(), MsgHeartbeat)
		require.Len(t, beats, 2, name)
		for _, m := range beats {
			require.False(t, m.Quiesce, name)
			require.Zero(t, m.LogIndex, name)
			require.Greater(t, m.Round, before, name)
		}
	}
	for name, input := range inputs {
		s := asleep(t, nil)
		before := s.leading.round
		input(s)
		woken(name, s, before)
	}
	for typ := firstMessage; typ <= lastMessage; typ++ {
		if handlers[Leader][typ] == nil || typ == MsgAppend || typ == MsgHeartbeat || typ == MsgTimeoutNow {
			// Only a second leader sends these.
			continue
		}
		s := asleep(t, nil)
		before := s.leading.round
		m := Message{Type: typ, From: 2, Term: 6, LogIndex: 1, LogTerm: 6}
		if typ == MsgPreVote || typ == MsgVote {
			m.Term = 7
		}
		s.get(m)
		woken(fmt.Sprint(typ), s, before)
	}
}

// Goal: an answer that was on its way when the leader fell asleep does not wake it, for the word of sleep came after what it answers; the answer
// to that word does, and so does a follower's call, and any answer of a later term. Method: the rounds around the last one.
func TestLateAnswersDoNotWakeTheLeader(t *testing.T) {
	for _, c := range []struct {
		term  uint64
		back  uint64
		wakes bool
	}{{6, 2, false}, {6, 1, false}, {6, 0, true}, {7, 0, true}, {7, 1, true}, {5, 1, true}} {
		s := asleep(t, nil)
		s.get(Message{Type: MsgHeartbeatResp, From: 2, Term: c.term, LogIndex: 1, Round: s.leading.round - c.back})
		require.Equal(t, c.wakes, !s.Quiescent(), c)
		require.Equal(t, c.term > 6, s.Role() == Follower, c)
	}
	s := asleep(t, nil)
	s.get(Message{Type: MsgHeartbeatResp, From: 2, Term: 6, LogIndex: 1})
	require.False(t, s.Quiescent(), "a call")
	s = asleep(t, nil)
	s.Receive(s.now, Message{Type: MsgPreVote, Group: 8, From: 2, To: 1, Term: 7})
	require.True(t, s.Quiescent(), "another group's message")
}

// Goal: nothing has been said yet when the leader is woken between the tick that sent it to sleep and its output. Method: do that.
func TestLeaderThatIsWokenAtOnceHasSaidNothing(t *testing.T) {
	s := drowsy(t, nil)
	s.tick()
	require.True(t, s.Quiescent())
	s.Read(s.now, 1)
	for _, m := range of(s.flush(), MsgHeartbeat) {
		require.False(t, m.Quiesce)
	}
}

// Goal: check-quorum gives a woken leader one election timeout to hear a quorum, and not more. Method: with answers and without.
func TestWokenLeaderIsNotDeposedForItsSleep(t *testing.T) {
	for _, answers := range []bool{true, false} {
		s := asleep(t, nil)
		s.Wake(s.now)
		until := s.now + testElection
		for s.Deadline() < until {
			s.tick()
			require.Equal(t, Leader, s.Role())
			for _, m := range of(s.flush(), MsgHeartbeat) {
				if answers && m.To == 2 {
					s.echo(2, m.Round)
				}
			}
		}
		s.now = until
		s.Tick(s.now)
		require.Equal(t, answers, s.Role() == Leader)
	}
}

// Goal: what a leader knew of its members before its sleep does not let it sleep again: each must answer once more. Method: wake it for a member
// that is gone, with a QuiesceAfter below the election timeout; then let that member come back.
func TestWokenLeaderHearsAllBeforeItSleepsAgain(t *testing.T) {
	s := asleep(t, nil)
	s.Wake(s.now)
	round := of(s.flush(), MsgHeartbeat)[0].Round
	s.echo(2, round)
	for range 2 * testElection / testHeartbeat {
		s.tick()
		require.False(t, s.Quiescent())
		s.echo(2, of(s.flush(), MsgHeartbeat)[0].Round)
	}
	s.echo(3, round)
	s.tick()
	require.True(t, s.Quiescent())
}

// Goal: a lease ends with its leader's sleep, and no echo of a round from before brings it back; one of a round since does. Method: sleep with a fresh lease, and
// wake at once.
func TestSleepEndsTheLease(t *testing.T) {
	s := drowsy(t, leases)
	require.True(t, s.holdsLease())
	s.tick()
	require.True(t, s.Quiescent())
	require.False(t, s.holdsLease())
	lull := of(s.flush(), MsgHeartbeat)[0].Round
	s.echo(2, lull)
	require.False(t, s.Quiescent())
	require.False(t, s.holdsLease(), "an echo of the round that brought sleep")
	require.False(t, s.grantsAt(s.now))
	m := of(s.flush(), MsgHeartbeat)
	require.Empty(t, m, "it was sent with the read")
	s.echo(3, s.leading.round)
	require.True(t, s.holdsLease())
	require.Len(t, s.out().Reads, 1)
	require.True(t, s.grantsAt(s.now))
}

// Goal: whatever is wanted of a sleeping follower wakes it, its timer starts as if it had just heard its leader, and it calls the leader, once, unless the leader spoke
// or is asked for a read anyway. Method: each input, and each message, from the leader and from the other follower.
func TestWhateverComesWakesTheFollower(t *testing.T) {
	woken := func(name string, s *solo, calls int) {
		s.check()
		require.False(t, s.Quiescent(), name)
		require.Equal(t, s.now, s.election.heard, name)
		require.GreaterOrEqual(t, s.Deadline(), s.now+testElection, name)
		require.Less(t, s.Deadline(), s.now+2*testElection, name)
		called := 0
		for _, m := range of(append(s.flush(), s.flush()...), MsgHeartbeatResp) {
			require.Equal(t, ReplicaID(2), m.To, name)
			called += map[bool]int{true: 1}[m.Round == 0]
		}
		require.Equal(t, calls, called, name)
	}
	for name, input := range inputs {
		s := sleeper(t, nil)
		input(s)
		calls := 1
		if name == "read" {
			calls = 0
			ms := s.flush()
			require.Len(t, ms, 1, "the request is the call")
			m := only(t, ms, MsgReadIndex)
			require.Equal(t, s.now+testElection, s.Deadline(), "the read is given up then")
			s.get(reply(m, 1))
		}
		woken(name, s, calls)
	}
	for from := ReplicaID(2); from <= 3; from++ {
		for typ := firstMessage; typ <= lastMessage; typ++ {
			leads := typ == MsgAppend || typ == MsgHeartbeat || typ == MsgTimeoutNow
			if leads && (from == 3 || typ == MsgTimeoutNow) {
				continue
			}
			s := sleeper(t, nil)
			m := Message{Type: typ, From: from, Term: 5, LogIndex: 1, LogTerm: 5}
			s.get(m)
			if typ == MsgHeartbeat {
				require.Len(t, of(s.flush(), MsgHeartbeatResp), 1)
			}
			s.removed = false
			woken(fmt.Sprint(typ, from), s, map[ReplicaID]int{2: 0, 3: 1}[from])
		}
	}
	s := sleeper(t, nil)
	s.get(Message{Type: MsgTimeoutNow, From: 2, Term: 5})
	require.Equal(t, Candidate, s.Role())
	s = sleeper(t, nil)
	require.Empty(t, s.answer(lull(1)))
	require.True(t, s.Quiescent(), "the same word again")
}

// Goal: an awake replica takes no notice of Wake. Method: leader, follower and candidate, just before their deadlines.
func TestWakeDoesNothingToAnAwakeReplica(t *testing.T) {
	candidate := attentive(t, nil)
	candidate.tick()
	candidate.flush()
	for _, s := range []*solo{drowsy(t, nil), attentive(t, nil), candidate} {
		before, status := s.Deadline(), s.Status()
		s.now = before - 1
		s.Wake(s.now)
		require.Empty(t, s.flush())
		require.Equal(t, before, s.Deadline())
		s.now -= testHeartbeat
		status.Peers, s.now = s.Status().Peers, s.now+testHeartbeat
		require.Equal(t, status, s.Status())
	}
}

// Goal: followers that slept take no part in an election before their leader had an election timeout to be heard, whoever asks, in whatever
// term, with a log as good as theirs: a replica that is cut off does not disrupt the group. After that, and never later, they do, so that
// a leader that is gone is replaced. Method: requests at the end of an hour of sleep.
func TestSleepersProtectTheirLeader(t *testing.T) {
	for _, typ := range []MessageType{MsgPreVote, MsgVote} {
		for _, change := range []func(*Config){nil, leases} {
			s := sleeper(t, change)
			ask := Message{Type: typ, From: 3, Term: 9, LogIndex: 1, LogTerm: 5}
			require.Equal(t, MsgHeartbeatResp, only2(t, s.answer(ask)), "nothing but the call")
			for range 9 {
				s.now += testElection / 10
				require.Empty(t, s.answer(ask))
			}
			require.Equal(t, uint64(5), s.Term())
			s.now += testElection / 10
			require.False(t, s.answer(ask)[0].Reject)
		}
	}
	s := sleeper(t, nil)
	ms := s.answer(Message{Type: MsgVote, From: 3, Term: 6, LogIndex: 1, LogTerm: 5, Transfer: true})
	require.False(t, only(t, ms, MsgVoteResp).Reject, "the leader itself wants that")
}

// only2 is the type of the one message there is, which goes to replica 2.
func only2(t *testing.T, ms []Message) MessageType {
	require.Len(t, ms, 1)
	require.Equal(t, ReplicaID(2), ms[0].To)
	return ms[0].Type
}

// Goal: a follower that is woken and hears no leader campaigns, with all switches: nothing of the sleep is in the way. Method: wake it and let its timer fire.
func TestWokenFollowerCampaigns(t *testing.T) {
	for _, change := range []func(*Config){nil, leases, noPreVote, noSwitches} {
		s := sleeper(t, change)
		s.Wake(s.now)
		s.flush()
		s.tick()
		require.Contains(t, []Role{PreCandidate, Candidate}, s.Role())
	}
}

// Goal: a sleeping leader that hears of a later term steps down, and is awake. Method: every message that can tell it.
func TestSleepingLeaderHearsOfALaterTerm(t *testing.T) {
	for _, m := range []Message{
		{Type: MsgAppend, From: 2, Term: 8, LogIndex: 1, LogTerm: 6},
		{Type: MsgHeartbeat, From: 2, Term: 8},
		{Type: MsgAppendResp, From: 2, Term: 8},
		{Type: MsgVote, From: 2, Term: 8, LogIndex: 1, LogTerm: 6, Transfer: true},
	} {
		s := asleep(t, nil)
		s.get(m)
		require.Equal(t, Follower, s.Role())
		require.Equal(t, uint64(8), s.Term())
		require.NotEqual(t, Never, s.Deadline())
		for _, sent := range s.flush() {
			require.False(t, sent.Type == MsgHeartbeatResp && sent.Round == 0 && sent.Term != 8, "%v", sent)
		}
	}
}

// Goal: a leader that becomes unfit in its sleep goes at its next tick, which is due; a follower and a lone leader sleep on. Method: call each unfit.
func TestUnfitLeaderDoesNotSleepOn(t *testing.T) {
	s := asleep(t, nil)
	s.SetUnfit(false)
	require.True(t, s.Quiescent())
	s.SetUnfit(true)
	s.check()
	require.LessOrEqual(t, s.Deadline(), s.now)
	s.tick()
	require.Equal(t, Follower, s.Role())

	f := sleeper(t, nil)
	f.SetUnfit(true)
	require.True(t, f.Quiescent())

	lone := newSolo(t, 1, sleepy, 5)
	lone.lead()
	lone.flush()
	lone.SetApplied(1)
	lone.now += testElection
	lone.tick()
	lone.SetUnfit(true)
	require.True(t, lone.Quiescent())
}

// Goal: a log can be compacted in its replica's sleep; a write that began then does not count as hanging since before the sleep was over. Method: compact after an hour, wake
// before the write is complete, and let it hang.
func TestDiskPatienceStartsWhenSleepEnds(t *testing.T) {
	s := asleep(t, nil)
	s.Compact(1)
	out := s.out()
	require.Equal(t, uint64(1), out.Persist.Mark.Index)
	require.Empty(t, out.Messages)
	require.True(t, s.Quiescent())
	s.Wake(s.now)
	woken := s.now
	for s.Role() == Leader {
		s.beatAllHeld()
	}
	require.Greater(t, s.now-woken, diskPatience*testElection)
	require.Less(t, s.now-woken, (diskPatience+1)*testElection)

	f := sleeper(t, nil)
	f.SetApplied(1)
	f.Compact(1)
	require.Empty(t, f.flush())
	require.True(t, f.Quiescent())
}

// beatAllHeld is beatAll with a disk that hangs.
func (s *solo) beatAllHeld() {
	s.tick()
	for _, m := range of(s.out().Messages, MsgHeartbeat) {
		if s.Role() == Leader {
			s.echo(m.To, m.Round)
		}
	}
}

// Goal: transfers and changes that a sleeping leader is asked for go on as on an awake one. Method: hand over to the best one, and remove a member.
func TestSleepingLeaderDoesWhatItIsAskedFor(t *testing.T) {
	s := asleep(t, nil)
	require.NoError(t, s.Transfer(s.now, 0))
	only(t, s.flush(), MsgTimeoutNow)

	s = asleep(t, nil)
	index, _, err := s.ProposeChange(s.now, []confchange.Change{change(confchange.Remove, 3)})
	require.NoError(t, err)
	require.Len(t, of(to(s.flush(), 3), MsgAppend), 1, "the one that goes is told")
	s.ackTo(2, index)
	require.False(t, s.Configuration().Joint())
}

// Goal: a learner that knows no leader, having restarted while the group slept, calls all members when something is wanted of it, and then only; a voter, whose
// timer does that, and a learner in a group that does not sleep do not. Method: a read on each.
func TestLearnerWithoutALeaderCallsForOne(t *testing.T) {
	for _, c := range []struct {
		quiesce time.Duration
		learns  bool
		calls   int
	}{{testQuiesce, true, 2}, {testQuiesce, false, 0}, {0, true, 0}} {
		s := newSolo(t, 3, func(cfg *Config) { cfg.QuiesceAfter = c.quiesce }, 5, 5)
		if c.learns {
			joint := after(t, s.Configuration(), change(confchange.Demote, 1))
			s.appended(1, 5, 3, entryOf(2, 5, joint), entryOf(3, 5, joint.Leave()))
			s.get(Message{Type: MsgAppendResp, From: 3, Term: 6})
		}
		require.Zero(t, s.Leader())
		require.Empty(t, s.flush())
		s.Read(s.now, 1)
		out := s.out()
		require.Equal(t, []uint64{1}, out.DroppedReads)
		require.Len(t, out.Messages, c.calls)
		for i, m := range out.Messages {
			require.Equal(t, Message{Type: MsgHeartbeatResp, Group: 7, From: 1, To: ReplicaID(i + 2), Term: s.Term()}, m)
		}
		require.Empty(t, s.flush())
	}
}

// Goal: a voter that is woken by what ends its leader's term calls nobody: its timer runs. Method: a later term.
func TestWokenVoterOfALaterTermCallsNobody(t *testing.T) {
	s := sleeper(t, nil)
	s.get(Message{Type: MsgAppendResp, From: 3, Term: 8})
	require.Equal(t, []uint64{8, 0}, []uint64{s.Term(), uint64(s.Leader())})
	require.Empty(t, s.flush())
}

// Goal: a learner sleeps with the others, and when it is woken it neither campaigns nor wants a tick; a voter that was removed in its sleep, and does
// not know, learns it when it is woken and asks. Method: make each, wake it.
func TestLearnersAndRemovedReplicasSleepAndWake(t *testing.T) {
	s := newSolo(t, 3, sleepy, 5, 5)
	joint := after(t, s.Configuration(), change(confchange.Demote, 1))
	s.appended(1, 5, 3, entryOf(2, 5, joint), entryOf(3, 5, joint.Leave()))
	require.Empty(t, s.answer(lull(3)))
	require.True(t, s.Quiescent())
	s.Wake(s.now)
	require.False(t, s.Quiescent())
	require.Equal(t, Never, s.Deadline())
	require.Equal(t, MsgHeartbeatResp, only2(t, s.flush()))

	gone := sleeper(t, nil)
	gone.Wake(gone.now)
	gone.tick()
	require.Len(t, of(gone.flush(), MsgPreVote), 2)
	gone.get(Message{Type: MsgRemoved, From: 2, Term: 5, LogIndex: 9})
	require.True(t, gone.Status().Removed)
	require.Equal(t, Never, gone.Deadline())
	require.False(t, gone.Quiescent())
}

// Goal: CheckInvariants is able to fail for sleep, and names what broke. Method: as in TestCheckInvariantsFindsEachViolation.
func TestCheckInvariantsFindsViolationsOfSleep(t *testing.T) {
	leader, follower := func() *solo { return asleep(t, leases) }, func() *solo { return sleeper(t, nil) }
	for _, c := range []breakage{
		{"RAFT-17: sleeps though", follower, func(s *solo) { s.cfg.QuiesceAfter = 0 }},
		{"RAFT-17: sleeps without a leader", follower, func(s *solo) { s.leader = 0 }},
		{"RAFT-17: sleeps without a leader", follower, func(s *solo) { s.role = PreCandidate }},
		{"RAFT-17: sleeps with commit 1", follower, func(s *solo) {
			s.log.append([]Entry{{Index: 2, Term: 5}})
		}},
		{"RAFT-17: sleeps while term", follower, func(s *solo) { s.vote = 3; s.checkpoint.vote = 3 }},
		{"RAFT-17: sleeps and owes", follower, func(s *solo) { s.promises.ack = 2 }},
		{"RAFT-17: sleeps while reads", follower, func(s *solo) { s.reads.waiting = []uint64{1} }},
		{"RAFT-17: changed", follower, func(s *solo) {
			s.log.append([]Entry{{Index: 2, Term: 5}})
			s.log.durable, s.log.handed, s.commit = 2, 2, 2
		}},
		{"RAFT-17: sleeps with a leader's work", leader, func(s *solo) { s.leading.transfer.to = 2 }},
		{"RAFT-17: sleeps while peer 2", leader, func(s *solo) { s.peers[0].progress.Resume(); s.mustRefuse(2) }},
		{"RAFT-18: sleeps", leader, func(s *solo) { s.leading.starts.add(1, s.now) }},
		{"RAFT-18: remembers", func() *solo {
			s := leader()
			s.Wake(s.now)
			return s
		}, func(s *solo) {
			s.leading.starts = roundStarts{}
			s.leading.starts.add(s.leading.woken-1, s.now)
		}},
	} {
		c.check(t)
	}
}

// mustRefuse brings the progress of a peer back to probing, behind the core's back.
func (s *solo) mustRefuse(id ReplicaID) {
	p := s.peer(id)
	p.progress.Sent(2, 1)
	require.True(s.t, p.progress.Refuse(2, 1))
}

// Goal: a day of sleep costs neither a tick nor a message, in a group of each size. Method: count both.
func TestSleepCostsNothing(t *testing.T) {
	for _, n := range []int{1, 2, 3, 5} {
		c := newCluster(t, n, 1, sleepy)
		c.elect()
		c.agree("all have all")
		c.runUntil("the group sleeps", c.asleep)
		sent := c.sent
		for _, id := range c.ids {
			require.Equal(t, Never, c.nodes[id].Deadline())
		}
		c.now += 24 * time.Hour
		c.run(testElection)
		require.Equal(t, sent, c.sent)
		require.Empty(t, c.mail)
		require.NotZero(t, c.propose(c.leader(), "good morning"))
		c.agree("all have it")
		require.Len(t, c.leaders, 1)
	}
}
