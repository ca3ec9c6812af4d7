package node

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/raft/confchange"
)

// empty returns the rig of a node without any log, of the given kind, in a cluster of three.
func empty(t *testing.T, start Start) *rig {
	r := &rig{t: t, cfg: DefaultConfig(), disk: netsim.NewDisk(1, netsim.DiskConfig{}), wall: 1000}
	r.cfg.ID, r.cfg.Cluster, r.cfg.Start, r.cfg.Address = 1, 9, start, "here"
	for id := env.NodeID(1); id <= 3; id++ {
		r.cfg.Members = append(r.cfg.Members, Member{ID: id})
	}
	require.NoError(t, r.start())
	r.settle()
	return r
}

// join is what leader 2 of the term says to replica 1 of the generation, added for the store.
func (r *rig) join(generation uint32, store, term uint64) {
	r.n.Receive(2, r.message(raft.Message{
		Type: raft.MsgHeartbeat, Group: TheGroup, From: 2, To: raft.MakeReplicaID(1, generation), Term: term, Join: store,
	}))
}

// appendTo has leader 2 of term 2 append a configuration at 1, in which replica 1 of the generation is a learner, and commit it or not.
func (r *rig) appendTo(generation uint32, store uint64, commit uint64) {
	id := raft.MakeReplicaID(1, generation)
	config, err := confchange.Initial([]uint64{2, 3}).Apply([]confchange.Change{
		{Kind: confchange.AddLearner, Member: confchange.Member{ID: uint64(id), Learner: true, Store: store}},
	})
	require.NoError(r.t, err)
	r.n.Receive(2, r.message(raft.Message{
		Type: raft.MsgAppend, Group: TheGroup, From: 2, To: id, Term: 2, Join: store, Commit: commit,
		Entries: []raft.Entry{{Index: 1, Term: 1, Kind: raft.EntryConfig, Data: config.Append(nil)}},
	}))
	r.settle()
}

// Goal: NODE-5 (MEMB-14, WAL-15), a replica comes to be only by the word of a leader to a learner that was added for this very log, under a higher
// generation than any before; a restart remembers. Method: words that are wrong in one thing, then the right one, then late ones.
func TestReplicaIsCreatedOnlyByTheWordForThisLog(t *testing.T) {
	for _, start := range []Start{StartAsIs, StartRejoin} {
		r := empty(t, start)
		require.Nil(t, r.n.Replica(0))
		c := r.call(putting("k", "v"))
		require.Equal(t, kvpb.Code_UNAVAILABLE, c.code())
		r.join(1, 0, 2)
		r.join(1, 54, 2)
		r.n.Receive(2, r.message(raft.Message{Type: raft.MsgHeartbeat, From: 2, To: raft.MakeReplicaID(1, 1), Term: 2, Join: 55}))
		r.n.Receive(2, r.message(raft.Message{Type: raft.MsgHeartbeat, Group: 2, From: 2, To: raft.MakeReplicaID(1, 1), Term: 2, Join: 55}))
		r.n.Receive(2, r.message(raft.Message{Type: raft.MsgHeartbeat, Group: 1, From: 2, To: raft.MakeReplicaID(4, 1), Term: 2, Join: 55}))
		r.settle()
		require.Nil(t, r.n.Replica(0))
		r.join(3, 55, 2)
		require.Nil(t, r.n.Replica(0), "not before the log knows")
		r.join(3, 55, 2)
		r.settle()
		require.Equal(t, raft.MakeReplicaID(1, 3), r.n.Replica(0).ID())
		r.join(2, 55, 2)
		r.settle()
		require.Equal(t, raft.MakeReplicaID(1, 3), r.n.Replica(0).ID(), "a late word")
		require.NoError(t, r.n.Failed())

		r.disk.PowerLoss()
		require.NoError(t, r.start())
		require.Equal(t, raft.MakeReplicaID(1, 3), r.n.Replica(0).ID(), "the log remembers")
		r.join(2, 55, 2)
		r.settle()
		require.Equal(t, raft.MakeReplicaID(1, 3), r.n.Replica(0).ID())
	}
}

// Goal: NODE-6, a replica gives way to its successor whatever it has under way: nothing of it follows in the log, its waits end, and the new
// one begins when all its jobs have ended. Method: replace a leader with a write in the log's hands, one gathering and a job out.
func TestReplicaGivesWayToItsSuccessor(t *testing.T) {
	r := newRig(t, 1).lead()
	r.cfg.Members = append(r.cfg.Members, Member{ID: 2})
	first := r.call(putting("k", "v"))
	r.turn()
	read := r.call(reading("k"))
	r.turn()
	gathering := r.call(putting("k", "w"))
	r.turn()
	old := r.n.Replica(0)
	stale := r.call(&kvpb.Request{Kind: kvpb.RequestKind_READ, Stale: true, Ops: reading("k").Ops})
	r.turn()
	require.NotEmpty(t, r.jobs[env.LaneWAL])
	require.False(t, old.Idle())
	r.join(1, 55, 9)
	require.True(t, old.Stopped())
	require.Equal(t, kvpb.Code_OUTCOME_UNKNOWN, first.code())
	require.Equal(t, kvpb.Code_OUTCOME_UNKNOWN, gathering.code())
	require.Same(t, old, r.n.Replica(0), "a job has its state")
	for r.run(env.LaneApply) || r.run(env.LaneFetch) {
	}
	require.NotEmpty(t, read.answers)
	require.NotEmpty(t, stale.answers)
	r.join(1, 55, 9)
	r.n.Persist(old, &raft.Persist{Seq: 1 << 20, State: raft.HardState{Term: 1 << 20}})
	r.settle()
	require.NoError(t, r.n.Failed())
	require.Equal(t, raft.MakeReplicaID(1, 1), r.n.Replica(0).ID())
	applied, _ := r.n.Replica(0).Applied()
	require.Zero(t, applied)
	r.disk.PowerLoss()
	require.NoError(t, r.start())
	require.Equal(t, raft.MakeReplicaID(1, 1), r.n.Replica(0).ID())
}

// Goal: NODE-6, a crash while a replica is being replaced is no damage. Method: crash after each job.
func TestCrashDuringReplacementIsNoDamage(t *testing.T) {
	for jobs := range 4 {
		r := newRig(t, 1).lead()
		r.call(putting("k", "v"))
		r.settle()
		require.NoError(t, r.engine.Flush())
		r.join(1, 55, 9)
		r.turn()
		for range jobs {
			r.run(env.LaneWAL)
		}
		require.NoError(t, r.engine.Flush())
		r.disk.PowerLoss()
		require.NoError(t, r.start(), "after %d jobs", jobs)
	}
}

// rejoins counts the requests to be taken back among what was sent.
func (r *rig) rejoins() (n int) {
	for _, e := range r.sent {
		if d, err := decode(e.payload); err == nil && d.kind == kindRejoin {
			require.Equal(r.t, rejoin{group: TheGroup, node: 1, store: 55, address: "here"}, d.rejoin)
			n++
		}
	}
	r.sent = nil
	return n
}

// Goal: NODE-7, a node that lost its data asks all others every second until it is a member again by a configuration that is committed: one that is
// not may be taken back. Method: no replica; then one whose configuration is not committed, over a restart; then one that is.
func TestNodeAsksBackUntilItIsAMemberForGood(t *testing.T) {
	r := empty(t, StartRejoin)
	require.Equal(t, 2, r.rejoins())
	r.settle()
	require.Zero(t, r.rejoins(), "not twice in a second")
	require.LessOrEqual(t, r.armed, r.now.Add(time.Second))
	again := func() int {
		r.now = r.now.Add(time.Second)
		r.n.Tick()
		r.settle()
		return r.rejoins()
	}
	require.Equal(t, 2, again())
	require.Equal(t, kvpb.Health_REJOINING, r.n.Status().Health)
	r.join(1, 55, 2)
	r.settle()
	r.appendTo(1, 55, 0)
	require.NotNil(t, r.n.Replica(0))
	require.Equal(t, 2, again(), "its configuration may be taken back")
	require.NoError(t, r.start())
	r.settle()
	require.True(t, r.n.Rejoining())
	require.Equal(t, 2, r.rejoins())
	r.appendTo(1, 55, 1)
	require.False(t, r.n.Rejoining())
	r.rejoins()
	require.Zero(t, again())
	require.NotEqual(t, kvpb.Health_REJOINING, r.n.Status().Health)

	other := empty(t, StartAsIs)
	require.Zero(t, other.rejoins(), "it was never a member")
}

// Goal: NODE-9, a node that was added for a log it does not have asks the leader for a replica in the one it has, once a second, and
// not on account of late words about replicas that are gone. Method: words for another store, to a node without
// a replica and to one with an older and a newer one.
func TestNodeCorrectsTheStoreItWasAddedFor(t *testing.T) {
	r := empty(t, StartAsIs)
	asked := func(generation uint32, store uint64) int {
		r.now = r.now.Add(2 * time.Second)
		r.join(generation, store, 1)
		r.join(generation, store, 1)
		r.settle()
		return r.rejoins()
	}
	require.Equal(t, 1, asked(1, 77), "two words, one question")
	r.join(2, 55, 1)
	r.settle()
	require.NotNil(t, r.n.Replica(0))
	r.rejoins()
	require.Zero(t, asked(1, 77), "of a replica that is gone")
	require.Zero(t, asked(2, 77), "of the one that is here")
	require.Equal(t, 1, asked(3, 77))
}

// Goal: a bootstrapped node begins with the initial configuration, committed, the same everywhere. Method: start and look.
func TestBootstrapBeginsWithACommittedConfiguration(t *testing.T) {
	r := newRig(t, 3)
	core := r.n.Replica(0).Raft()
	require.Equal(t, []uint64{1, 1, 1}, []uint64{core.Commit(), core.ConfigIndex(), core.LastIndex()})
	config := core.CommittedConfiguration()
	require.True(t, config.Equal(confchange.Initial([]uint64{1, 2, 3})))
}

// Goal: operators get true answers: where to go, what cannot be, what to try again, and an end. Method: transfers of all kinds.
func TestTransferOfLeadership(t *testing.T) {
	r := newRig(t, 3)
	r.settle()
	ask := func(to uint64) *[]*kvpb.TransferLeaderResponse {
		got := &[]*kvpb.TransferLeaderResponse{}
		r.n.TransferLeader(&kvpb.TransferLeaderRequest{ToNode: to}, func(resp *kvpb.TransferLeaderResponse) { *got = append(*got, resp) })
		return got
	}
	require.Equal(t, kvpb.Code_NOT_LEADER, (*ask(9))[0].Code, "a follower may not know the members")
	r.lead()
	require.Equal(t, kvpb.Code_OK, (*ask(1))[0].Code, "it leads already")
	require.Equal(t, kvpb.Code_INVALID, (*ask(9))[0].Code)
	wrong := ask(2)
	require.Empty(t, *wrong)
	require.Equal(t, kvpb.Code_OVERLOADED, (*ask(3))[0].Code, "one at a time")
	r.depose() // node 3 takes over
	r.settle()
	require.Equal(t, kvpb.Code_UNAVAILABLE, (*wrong)[0].Code)
	require.Equal(t, uint64(3), (*wrong)[0].LeaderNode)

	r = newRig(t, 3).lead()
	slow := ask(2)
	for range maxTransfers - 1 {
		ask(2)
	}
	require.Equal(t, kvpb.Code_OVERLOADED, (*ask(2))[0].Code, "the waiting are bounded")
	r.now = r.now.Add(handOverPatience * r.cfg.ElectionTimeout)
	r.n.Tick()
	r.settle()
	require.Len(t, *slow, 1)
	require.Equal(t, kvpb.Code_UNAVAILABLE, (*slow)[0].Code)
	require.Empty(t, r.n.transfers)

	lone := newRig(t, 1).lead()
	done := 0
	lone.n.HandOver(func() { done++ })
	require.Equal(t, 1, done, "nobody could take over")
	r = newRig(t, 3).lead()
	r.n.HandOver(func() { done++ })
	require.Equal(t, 1, done)
	r.depose()
	r.settle()
	require.Equal(t, 2, done)
}

// Goal: changes of members are answered by what they come to. Method: one of each code.
func TestChangeOfMembersIsAnsweredTruly(t *testing.T) {
	r := newRig(t, 3)
	r.settle()
	ask := func(req *kvpb.ChangeMembersRequest) (got *kvpb.ChangeMembersResponse) {
		r.n.ChangeMembers(req, func(resp *kvpb.ChangeMembersResponse) { got = resp })
		return got
	}
	remove := func(node uint64) *kvpb.ChangeMembersRequest {
		return &kvpb.ChangeMembersRequest{Change: &kvpb.ChangeMembersRequest_Remove{Remove: &kvpb.RemoveMember{Node: node}}}
	}
	require.Equal(t, kvpb.Code_NOT_LEADER, ask(remove(3)).Code)
	require.Equal(t, kvpb.Code_INVALID, ask(&kvpb.ChangeMembersRequest{}).Code)
	require.Equal(t, kvpb.Code_INVALID, ask(remove(0)).Code)
	require.Equal(t, kvpb.Code_UNAVAILABLE, ask(&kvpb.ChangeMembersRequest{Partition: 7}).Code)
	r.lead()
	r.answerPeers()
	require.Equal(t, kvpb.Code_OK, ask(remove(9)).Code)
	got := ask(remove(3))
	require.Equal(t, []any{kvpb.Code_OK, false}, []any{got.Code, got.Done})
	require.Equal(t, kvpb.Code_OVERLOADED, ask(remove(2)).Code, "one change at a time")
	r.n.Stop()
	require.Equal(t, kvpb.Code_UNAVAILABLE, ask(remove(3)).Code)
}
