package raft

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft/confchange"
)

// after is what changes make of a configuration.
func after(t *testing.T, c confchange.Config, changes ...confchange.Change) confchange.Config {
	next, err := c.Apply(changes)
	require.NoError(t, err)
	return next
}

// entryOf is the entry of a configuration.
func entryOf(index, term uint64, c confchange.Config) Entry {
	return Entry{Index: index, Term: term, Kind: EntryConfig, Data: c.Append(nil)}
}

// appended delivers an append with these entries after prev from replica 2, in the term of the last one.
func (s *solo) appended(prev, prevTerm, commit uint64, entries ...Entry) []Message {
	return s.answer(Message{
		Type: MsgAppend, From: 2, Term: entries[len(entries)-1].Term, LogIndex: prev, LogTerm: prevTerm, Entries: entries, Commit: commit,
	})
}

// ackTo has a follower acknowledge everything up to index.
func (s *solo) ackTo(from ReplicaID, index uint64) []Message {
	return s.answer(Message{Type: MsgAppendResp, From: from, Term: s.Term(), LogIndex: index})
}

// mustChange has the leader append changes of the configuration.
func (s *solo) mustChange(changes ...confchange.Change) uint64 {
	index, term, err := s.ProposeChange(s.now, changes)
	require.NoError(s.t, err)
	require.Equal(s.t, s.Term(), term)
	s.check()
	return index
}

// Claim (§6, MEMB-03): a configuration is in effect as soon as it is in the log, on leader and follower, and the shell learns
// of it once. Method: append one on each.
func TestConfigurationIsInEffectWhenAppended(t *testing.T) {
	l := leading(t, 3, nil)
	require.Equal(t, "voters(1 2 3)", l.Configuration().String())
	require.False(t, l.out().ConfigChanged)
	index := l.mustChange(change(confchange.Remove, 3), change(confchange.AddLearner, MakeReplicaID(4, 1)))
	require.Equal(t, []uint64{2, 2}, []uint64{index, l.ConfigIndex()})
	require.Equal(t, "voters(1 2) replacing(1 2 3) learners(4.1)", l.Configuration().String())
	require.Equal(t, "voters(1 2 3)", l.CommittedConfiguration().String())
	require.Equal(t, []ReplicaID{1, 2, 3}, l.Voters())
	out := l.out()
	require.True(t, out.ConfigChanged)
	require.Len(t, of(to(out.Messages, MakeReplicaID(4, 1)), MsgAppend), 1)
	require.False(t, l.out().ConfigChanged)

	f := newSolo(t, 3, nil, 5, 1)
	f.get(Message{Type: MsgAppend, From: 2, Term: 5, LogIndex: 1, LogTerm: 1, Entries: []Entry{entryOf(2, 5, l.Configuration())}})
	require.True(t, f.Configuration().Equal(l.Configuration()))
	require.True(t, f.out().ConfigChanged)
	require.Equal(t, l.Configuration().Quorum(), f.config)
}

// Claim (MEMB-05): a truncation takes back the configurations of all entries that it removes, however many, also after a restart; what is
// handed over with the new entries holds. Method: three configurations, truncated at each depth.
func TestTruncationRollsBackConfigurations(t *testing.T) {
	initial := confchange.Initial([]uint64{1, 2, 3})
	joint := after(t, initial, change(confchange.Remove, 3))
	left := joint.Leave()
	more := after(t, left, change(confchange.AddLearner, MakeReplicaID(4, 1)))
	want := []confchange.Config{initial, joint, left, more}
	for from := uint64(2); from <= 5; from++ {
		for _, restart := range []bool{false, true} {
			s := newSolo(t, 3, nil, 5, 1)
			entries := []Entry{entryOf(2, 5, joint), entryOf(3, 5, left), entryOf(4, 5, more)}
			s.appended(1, 1, 0, entries...)
			if restart {
				d := disk{state: HardState{Term: 5}, entries: append([]Entry{{Index: 1, Term: 1}}, entries...)}
				r, err := New(testConfig(1, 3), d.restored(0), 0)
				require.NoError(t, err)
				s = &solo{Raft: r, t: t}
			}
			require.True(t, s.Configuration().Equal(more))
			s.flush()
			prevTerm := uint64(5)
			if from == 2 {
				prevTerm = 1
			}
			s.get(Message{
				Type: MsgAppend, From: 3, Term: 6, LogIndex: from - 1, LogTerm: prevTerm, Entries: []Entry{{Index: from, Term: 6}},
			})
			require.Equal(t, want[from-2].String(), s.Configuration().String())
			require.Equal(t, from < 5, s.out().ConfigChanged)
			require.Equal(t, want[from-2].Quorum(), s.config)
		}
	}
}

// Claim: one configuration replaces another at the same index. Method: a truncation that brings its own.
func TestConfigurationIsReplacedInPlace(t *testing.T) {
	initial := confchange.Initial([]uint64{1, 2, 3})
	s := newSolo(t, 3, nil, 5, 1)
	s.appended(1, 1, 0, entryOf(2, 5, after(t, initial, change(confchange.Remove, 3))))
	s.appended(1, 1, 0, entryOf(2, 6, after(t, initial, change(confchange.Remove, 2))))
	require.Equal(t, "voters(1 3) replacing(1 2 3)", s.Configuration().String())
	require.Equal(t, uint64(2), s.ConfigIndex())
}

// Claim (MEMB-01, MEMB-02, MEMB-04): a change is refused until the leader has committed an entry of its term, while another one
// is not committed, and while the configuration is joint; whatever its kind, and whoever appended what is pending. Method: each.
func TestOneChangeAtATime(t *testing.T) {
	kinds := []confchange.Change{
		change(confchange.Remove, 3), change(confchange.AddLearner, MakeReplicaID(5, 1)), change(confchange.Demote, 2), change(confchange.Update, 2),
	}
	refused := func(s *solo) {
		for _, c := range kinds {
			_, _, err := s.ProposeChange(s.now, []confchange.Change{c})
			require.ErrorIs(t, err, ErrChangePending, "%v", c)
		}
	}
	_, _, err := newSolo(t, 3, nil, 5).ProposeChange(0, kinds)
	require.ErrorIs(t, err, ErrNotLeader)

	s := newSolo(t, 3, nil, 5, 1)
	s.lead()
	refused(s)
	s.flush()
	refused(s)
	s.ackAll(2)
	_, _, err = s.ProposeChange(s.now, []confchange.Change{change(confchange.Promote, 2)})
	require.ErrorIs(t, err, ErrBadChange)
	require.ErrorContains(t, err, "voter already")
	for _, c := range kinds[1:] {
		s := leading(t, 3, nil)
		s.mustChange(c)
		refused(s)
		s.flush()
		refused(s)
	}

	inherited := newSolo(t, 3, nil, 5, 1)
	inherited.appended(1, 1, 0, entryOf(2, 5, after(t, confchange.Initial([]uint64{1, 2, 3}), kinds[0])))
	inherited.lead()
	inherited.flush()
	inherited.ackTo(2, 2)
	require.Zero(t, inherited.Commit())
	refused(inherited)
}

// Claim (MEMB-07): in the joint phase an entry is committed only by a majority of each half, and the phase ends by itself. Method: 3 voters replaced by
// others; acknowledge by one half only, then by the other.
func TestJointPhaseNeedsBothHalves(t *testing.T) {
	s := leading(t, 4, nil)
	s.caughtUpLearner(5, 1)
	s.caughtUpLearner(6, 2)
	five, six := MakeReplicaID(5, 1), MakeReplicaID(6, 2)
	joint := s.mustChange(
		change(confchange.Remove, 3), change(confchange.Remove, 4), change(confchange.Promote, five), change(confchange.Promote, six))
	s.flush()
	s.ackAll(5)
	s.ackAll(five)
	s.ackAll(six)
	require.Less(t, s.Commit(), joint, "1, 5 and 6 are a majority of the new half, and of the union")
	s.ackAll(3)
	require.Less(t, s.Commit(), joint, "2 of 4 of the old half")
	s.ackAll(4)
	require.Equal(t, joint, s.Commit())
	require.Equal(t, "voters(1 2 5.1 6.2)", s.Configuration().String(), "and then it is left")
	require.Equal(t, joint+1, s.ConfigIndex())
	s.ackAll(five)
	require.Equal(t, joint, s.Commit(), "2 of 4")
	s.ackAll(six)
	require.Equal(t, joint+1, s.Commit())
}

// caughtUpLearner adds a learner to the leader's group, which acknowledges at once.
func (s *solo) caughtUpLearner(node uint64, generation uint32) {
	id := MakeReplicaID(node, generation)
	s.mustChange(change(confchange.AddLearner, id))
	s.flush()
	for _, p := range s.Status().Peers {
		s.ackAll(p.ID)
	}
	require.LessOrEqual(s.t, s.ConfigIndex(), s.Commit())
	require.True(s.t, s.CaughtUp(id))
}

// Claim (MEMB-08): a joint configuration of an earlier leader is left only when it is committed. Method: a new leader with a joint configuration in its log,
// and one whose log starts in the joint phase.
func TestInheritedJointPhaseIsLeftWhenCommitted(t *testing.T) {
	joint := after(t, confchange.Initial([]uint64{1, 2, 3}), change(confchange.Remove, 3))
	s := newSolo(t, 3, nil, 5, 1)
	s.appended(1, 1, 0, entryOf(2, 5, joint))
	s.lead()
	s.flush()
	s.ackTo(2, 2)
	require.True(t, s.Configuration().Joint())
	require.Equal(t, uint64(3), s.LastIndex())
	s.ackTo(2, 3)
	require.Equal(t, []uint64{3, 4}, []uint64{s.Commit(), s.ConfigIndex()})
	require.Equal(t, "voters(1 2)", s.Configuration().String())

	r, err := New(testConfig(1, 3), Restored{
		HardState: HardState{Term: 5}, SnapIndex: 10, SnapTerm: 4, SnapConfig: joint.Append(nil), LastIndex: 10, Applied: 10,
	}, 0)
	require.NoError(t, err)
	s = &solo{Raft: r, t: t}
	require.True(t, s.Configuration().Joint())
	s.lead()
	s.flush()
	require.True(t, s.Configuration().Joint(), "a new leader does not know yet that it may")
	s.ackAll(2)
	require.Equal(t, "voters(1 2)", s.Configuration().String())
}

// Claim (MEMB-09, MEMB-10, dissertation §4.2.2): a leader that is removed, or demoted, leads on, its own log does not count in the
// new half, and when that has committed it goes. Method: 4 voters without their leader, acknowledged one by one.
func TestRemovedLeaderLeadsOnWithoutCountingItself(t *testing.T) {
	for _, kind := range []confchange.Kind{confchange.Remove, confchange.Demote} {
		s := leading(t, 4, nil)
		joint := s.mustChange(change(kind, 1))
		s.flush()
		s.ackTo(2, joint)
		require.Less(t, s.Commit(), joint)
		s.ackTo(3, joint)
		require.Equal(t, joint, s.Commit())
		require.Equal(t, Leader, s.Role())
		require.Equal(t, joint+1, s.ConfigIndex())
		s.ackTo(2, joint+1)
		require.Equal(t, joint, s.Commit(), "2 of 3: itself is not one of them")
		require.Equal(t, Leader, s.Role())
		told := s.ackTo(3, joint+1)
		require.Equal(t, joint+1, s.Commit())
		told = append(told, s.flush()...)
		target := only(t, told, MsgTimeoutNow).To
		s.answer(Message{Type: MsgVote, From: target, Term: s.Term() + 1, LogIndex: joint + 1, LogTerm: s.Term(), Transfer: true})
		require.Equal(t, Follower, s.Role())
		require.Equal(t, Never, s.Deadline())
	}
}

// Claim (COMM-05, ELEC-15): learners get the log and count for nothing, neither for commits nor for votes nor for the quorum that keeps a leader; nor do
// strangers. Method: answers of learners only.
func TestLearnersCountForNothing(t *testing.T) {
	s := leading(t, 3, nil)
	s.caughtUpLearner(4, 1)
	s.caughtUpLearner(5, 2)
	before := s.Commit()
	s.mustPropose(1)
	s.flush()
	s.ackAll(MakeReplicaID(4, 1))
	s.ackAll(MakeReplicaID(5, 2))
	s.ackAll(77)
	require.Equal(t, before, s.Commit())
	for s.Role() == Leader {
		s.tick()
		for _, m := range of(s.flush(), MsgHeartbeat) {
			if m.To > 3 {
				s.answer(Message{Type: MsgHeartbeatResp, From: m.To, Term: s.Term(), Round: m.Round})
			}
		}
	}
	s.tick()
	for _, m := range s.flush() {
		require.LessOrEqual(t, m.To, ReplicaID(3), "learners are not asked")
	}
	for _, id := range []ReplicaID{MakeReplicaID(4, 1), MakeReplicaID(5, 2), 77} {
		s.answer(Message{Type: MsgPreVoteResp, From: id, Term: s.Term() + 1, Round: s.election.attempt})
	}
	require.Equal(t, PreCandidate, s.Role())
	s.answer(Message{Type: MsgPreVoteResp, From: 2, Term: s.Term() + 1, Round: s.election.attempt})
	require.Equal(t, Candidate, s.Role())
	for _, id := range []ReplicaID{MakeReplicaID(4, 1), MakeReplicaID(5, 2), 77} {
		s.answer(Message{Type: MsgVoteResp, From: id, Term: s.Term()})
	}
	require.Equal(t, Candidate, s.Role())
}

// newLearner is a replica that was added later and has nothing yet.
func newLearner(t *testing.T) *solo {
	cfg := testConfig(1, 0)
	r, err := New(cfg, Restored{}, 0)
	require.NoError(t, err)
	return &solo{Raft: r, t: t}
}

// Claim (ELEC-11, ELEC-16): a replica that is no voter never campaigns and wants no tick, be it new, a learner, the learner of a lone voter, or
// demoted; once it is promoted it does. Method: configurations from another leader, and time.
func TestOnlyVotersCampaign(t *testing.T) {
	s := newLearner(t)
	require.Zero(t, len(s.Configuration().Members)+len(s.Voters()))
	idle := func() {
		s.Tick(s.now)
		for range 3 {
			require.Equal(t, Never, s.Deadline())
			s.now += 10 * testElection
			s.Tick(s.now)
			require.Equal(t, Follower, s.Role())
			require.Empty(t, s.flush())
		}
	}
	idle()
	lone := confchange.Initial([]uint64{2})
	learner := lone
	learner.Members = append([]confchange.Member{{ID: 1, Learner: true}}, lone.Members...)
	s.appended(0, 0, 1, entryOf(1, 5, lone), entryOf(2, 5, learner))
	idle()
	joint := after(t, learner, change(confchange.Promote, 1))
	s.appended(2, 5, 1, entryOf(3, 5, joint))
	require.Less(t, s.Deadline(), Never)
	s.appended(3, 5, 4, entryOf(4, 5, joint.Leave()), entryOf(5, 5, after(t, joint.Leave(), change(confchange.Demote, 1))))
	s.appended(5, 5, 6, entryOf(6, 5, learner))
	idle()
	require.Equal(t, "voters(2) learners(1)", s.Configuration().String())
}

// Claim (ELEC-17): a replica that does not know that it is a voter grants its vote all the same, to whoever asks. Method: a new replica.
func TestVoteOfAnUnawareVoterIsGranted(t *testing.T) {
	s := newLearner(t)
	m := only(t, s.answer(Message{Type: MsgVote, From: 77, Term: 3, LogIndex: 9, LogTerm: 2}), MsgVoteResp)
	require.False(t, m.Reject)
	require.Equal(t, ReplicaID(77), m.To)
}

// Claim (dissertation §4.2.2): a replica that lost its vote in a configuration that is not committed still campaigns, as it may be the only one
// that can be elected; its own vote does not count. Once that is committed it does not. Method: a removed leader that restarts.
func TestHolderOfAnUncommittedRemovalCampaigns(t *testing.T) {
	for _, commit := range []uint64{2, 3} {
		joint := after(t, confchange.Initial([]uint64{1, 2, 3}), change(confchange.Remove, 1))
		s := newSolo(t, 3, nil, 5, 1)
		s.appended(1, 1, commit, entryOf(2, 5, joint), entryOf(3, 5, joint.Leave()))
		if commit == 3 {
			require.Equal(t, Never, s.Deadline())
			continue
		}
		s.tick()
		require.Equal(t, PreCandidate, s.Role())
		round := s.election.attempt
		s.answer(Message{Type: MsgPreVoteResp, From: 2, Term: 6, Round: round})
		require.Equal(t, PreCandidate, s.Role(), "2 of {2, 3} are needed")
		s.answer(Message{Type: MsgPreVoteResp, From: 3, Term: 6, Round: round})
		s.answer(Message{Type: MsgVoteResp, From: 2, Term: 6})
		require.Equal(t, Candidate, s.Role())
		s.answer(Message{Type: MsgVoteResp, From: 3, Term: 6})
		require.Equal(t, Leader, s.Role())
		s.ackAll(2)
		require.Equal(t, uint64(2), s.Commit())
		s.ackAll(3)
		require.Equal(t, uint64(4), s.Commit())
	}
}

// Claim (COMM-17): a lone voter that adds another one does not commit that, or anything after it, alone. Method: 1 to 2 voters with writes, in one batch.
func TestGrowingFromOneNeedsTheSecond(t *testing.T) {
	s := leading(t, 1, nil)
	two := MakeReplicaID(2, 1)
	s.mustChange(change(confchange.AddLearner, two))
	s.flush()
	require.Equal(t, s.LastIndex(), s.Commit(), "a learner is not needed")
	s.ackAll(two)
	before := s.mustChange(change(confchange.Promote, two))
	s.mustPropose(3)
	s.flush()
	require.Equal(t, before-1, s.Commit())
	s.ackAll(two)
	require.Equal(t, before+3, s.Commit())
	s.ackAll(two)
	require.Equal(t, "voters(1 2.1)", s.CommittedConfiguration().String())
}

// Claim (COMM-18, ELEC-16): a leader that is not the lone voter does not commit alone. Method: 2 voters, the leader demoted.
func TestLeaderBesideALoneVoterDoesNotCommitAlone(t *testing.T) {
	s := leading(t, 2, nil)
	joint := s.mustChange(change(confchange.Demote, 1))
	s.flush()
	require.Less(t, s.Commit(), joint)
	s.ackTo(2, joint)
	require.Equal(t, "voters(2) learners(1)", s.Configuration().String())
	s.mustPropose(1)
	s.flush()
	require.Equal(t, joint, s.Commit())
	s.ackAll(2)
	require.Equal(t, joint+2, s.Commit())
}

// Claim: a lone voter sends heartbeats to its learners, and nobody else's disk or silence stops it. Method: time.
func TestLoneVoterLooksAfterItsLearners(t *testing.T) {
	s := leading(t, 1, nil)
	require.Equal(t, Never, s.Deadline())
	id := MakeReplicaID(2, 1)
	s.mustChange(change(confchange.AddLearner, id))
	s.flush()
	for range 50 {
		s.tick()
		m := only(t, s.flush(), MsgHeartbeat)
		require.Equal(t, []uint64{uint64(id), storeOf(id)}, []uint64{uint64(m.To), m.Join})
	}
	s.SetUnfit(true)
	s.tick()
	require.Equal(t, Leader, s.Role(), "there is nobody else")
}

// Claim (LIVE-08): when the quorum shrinks, what is held by the new one is committed at once, and reads that it confirmed are granted.
// Method: the joint phase of a removal with an entry behind it that only the new half holds.
func TestCommitIsLookedAtAgainWhenTheQuorumShrinks(t *testing.T) {
	s := leading(t, 4, nil)
	joint := s.mustChange(change(confchange.Remove, 3), change(confchange.Remove, 4))
	s.mustPropose(1)
	s.flush()
	s.Read(s.now, 7)
	round := of(s.flush(), MsgHeartbeat)[0].Round
	s.answer(Message{Type: MsgHeartbeatResp, From: 2, Term: s.Term(), Round: round})
	s.ackTo(2, joint+1)
	require.Less(t, s.Commit(), joint)
	s.get(Message{Type: MsgAppendResp, From: 3, Term: s.Term(), LogIndex: joint})
	require.Equal(t, joint+1, s.Commit())
	require.Equal(t, []ReadGrant{{ID: 7, Index: 1}}, s.out().Reads)
}

// Claim (MEMB-12, dissertation §4.2.1): a learner may be promoted when a round of catching up took less than an ElectionTimeout and it was heard within one; new
// entries of a busy group do not keep it waiting for ever, nor does a rest let it pass. Method: acknowledgements in time and late.
func TestLearnerCatchesUpInRounds(t *testing.T) {
	s := leading(t, 3, nil)
	id := MakeReplicaID(4, 1)
	s.mustChange(change(confchange.AddLearner, id))
	s.flush()
	s.ackAll(2)
	promote := func() error {
		_, _, err := s.ProposeChange(s.now, []confchange.Change{change(confchange.Promote, id)})
		return err
	}
	wait := func(ms ReplicaID, n int) {
		for range n {
			s.now += testHeartbeat
			s.Tick(s.now)
			for _, m := range of(s.flush(), MsgHeartbeat) {
				if m.To <= ms || m.To == id {
					s.answer(Message{Type: MsgHeartbeatResp, From: m.To, Term: s.Term(), Round: m.Round})
				}
			}
		}
	}
	require.ErrorIs(t, promote(), ErrNotCaughtUp)
	wait(3, 12)
	s.mustPropose(1)
	s.flush()
	s.ackTo(id, 2)
	require.ErrorIs(t, promote(), ErrNotCaughtUp, "its first round took too long")
	s.ackTo(id, 3)
	require.True(t, s.CaughtUp(id))
	s.mustPropose(1)
	s.flush()
	s.ackAll(2)
	wait(3, 8)
	require.True(t, s.CaughtUp(id), "a round of 8 intervals")
	wait(3, 4)
	require.False(t, s.CaughtUp(id), "a round that goes on for 12")
	s.ackAll(id)
	require.False(t, s.CaughtUp(id))
	require.False(t, s.Status().Peers[2].CaughtUp)
	s.mustPropose(1)
	s.flush()
	s.ackAll(2)
	s.ackAll(id)
	require.True(t, s.CaughtUp(id))
	require.True(t, s.Status().Peers[2].CaughtUp)
	require.False(t, s.CaughtUp(2), "a voter is not promoted")
	require.False(t, s.CaughtUp(99))
	s.now += testElection
	require.ErrorIs(t, promote(), ErrNotCaughtUp, "not heard for an ElectionTimeout")
	s.ackAll(id)
	s.answer(Message{Type: MsgHeartbeatResp, From: id, Term: s.Term()})
	require.NoError(t, promote())
}

// Claim (MEMB-14): only appends and heartbeats to a learner say where it may be created. Method: look at all that a leader sends.
func TestJoinGoesToLearnersOnly(t *testing.T) {
	s := leading(t, 3, nil)
	id := MakeReplicaID(4, 1)
	s.mustChange(change(confchange.AddLearner, id))
	ms := s.flush()
	s.ackAll(2)
	s.answer(Message{Type: MsgAppendResp, From: id, Term: s.Term(), LogIndex: 1, Reject: true})
	s.tick()
	ms = append(ms, s.flush()...)
	require.NotEmpty(t, of(to(ms, id), MsgAppend))
	require.NotEmpty(t, of(to(ms, id), MsgHeartbeat))
	for _, m := range ms {
		require.Equal(t, m.To == id, m.Join == storeOf(id), "%+v", m)
	}
	s.ackAll(id)
	s.ackAll(2)
	s.mustChange(change(confchange.Promote, id))
	for _, m := range to(s.flush(), id) {
		require.Zero(t, m.Join)
	}
}

// Claim: what is known of members that stay, stays; a new one starts afresh and counts as heard; one that left is forgotten. Method: a change in the
// middle of replication.
func TestProgressSurvivesAChange(t *testing.T) {
	s := leading(t, 3, nil)
	s.mustPropose(2)
	s.flush()
	s.ackAll(2)
	two := s.peerStatus(2)
	s.mustChange(change(confchange.AddLearner, MakeReplicaID(4, 1)))
	require.Equal(t, two, s.peerStatus(2))
	four := s.peerStatus(MakeReplicaID(4, 1))
	require.Equal(t, []uint64{0, 5}, []uint64{four.Match, four.Next})
	require.True(t, four.Learner)
	require.Zero(t, four.SinceHeard)
	s.flush()
	s.ackAll(2)
	s.mustChange(change(confchange.Remove, MakeReplicaID(4, 1)))
	require.Nil(t, s.peer(MakeReplicaID(4, 1)))
	require.Zero(t, s.PeerMatch(MakeReplicaID(4, 1)))
}

// Claim: an append with a configuration that cannot be one is dropped whole. Method: garbage, and one without voters.
func TestAppendWithABrokenConfigurationIsDropped(t *testing.T) {
	for _, data := range [][]byte{nil, {9}, confchange.Config{}.Append(nil)} {
		s := newSolo(t, 3, nil, 5, 1)
		s.get(Message{
			Type: MsgAppend, From: 2, Term: 5, LogIndex: 1, LogTerm: 1, Entries: []Entry{{Index: 2, Term: 5, Kind: EntryConfig, Data: data}},
		})
		require.Equal(t, []uint64{1, 1}, []uint64{s.LastIndex(), s.Status().Dropped})
	}
}
