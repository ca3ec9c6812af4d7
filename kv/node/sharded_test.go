package node

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/hashing"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/placement"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/raft"
)

// shard returns the rig of a node that founds a cluster with partitions all by itself.
func shard(t require.TestingT, partitions int) *rig {
	r := &rig{t: t, cfg: DefaultConfig(), disk: netsim.NewDisk(1, netsim.DiskConfig{}), wall: 1000}
	r.cfg.ID, r.cfg.Cluster, r.cfg.ClusterName, r.cfg.Start, r.cfg.Address = 1, 9, "test", StartBootstrap, "here"
	r.cfg.Members = []Member{{ID: 1, ClientAddress: "here"}}
	r.cfg.Sharding = Sharding{
		Partitions: partitions, Replicas: 3, ReportEvery: time.Second, Driver: placement.DefaultDriverConfig(),
	}
	require.NoError(t, r.start())
	return r
}

// pass lets so much time pass, in the steps that the node asks for.
func (r *rig) pass(d time.Duration) {
	for end := r.now.Add(d); r.now < end; {
		r.now = min(end, max(r.armed, r.now.Add(time.Millisecond)))
		r.n.Tick()
		r.settle()
	}
}

// formed returns a cluster of one node whose partitions are all led.
func formed(t require.TestingT, partitions int) *rig {
	r := shard(t, partitions)
	r.pass(5 * time.Second)
	led := 0
	for rep := range r.n.Replicas() {
		if rep.Raft().Role() == raft.Leader {
			led++
		}
	}
	require.Equal(t, partitions+1, led, "all partitions and the metadata group are led")
	return r
}

// keyOf is a key of a partition.
func (r *rig) keyOf(partition uint64) string {
	c := r.n.Table().Cluster
	for i := 0; ; i++ {
		if k := fmt.Sprintf("k%d", i); uint64(hashing.Partition(c.Seed, c.Partitions, []byte(k))) == partition {
			return k
		}
	}
}

// in sends a request to a partition, and gives it time.
func (r *rig) in(partition uint64, req *kvpb.Request) *kvpb.Response {
	req.Partition = partition
	c := r.call(req)
	r.settle()
	r.pass(10 * time.Millisecond)
	require.Len(r.t, c.answers, 1)
	return c.answers[0]
}

// Goal: a node founds a cluster with partitions alone, each key is served by its partition and no other, by name or by hash, and
// a scan finds what is in its partition. Method: put a key into each partition, ask for it in all.
func TestEachKeyIsServedByItsPartitionAlone(t *testing.T) {
	r := formed(t, 4)
	for p := uint64(1); p <= 4; p++ {
		key := r.keyOf(p)
		require.Equal(t, kvpb.Code_OK, r.in(p, putting(key, "v")).Code)
		for other := uint64(1); other <= 4; other++ {
			resp := r.in(other, reading(key))
			if other == p {
				require.Equal(t, "v", string(resp.Results[0].Value))
				continue
			}
			require.Equal(t, kvpb.Code_INVALID, resp.Code)
			require.Contains(t, resp.Message, fmt.Sprintf("is of partition %d", p))
			require.Equal(t, kvpb.Code_INVALID, r.in(other, putting(key, "w")).Code)
		}
		resp := r.in(0, reading(key))
		require.Equal(t, p, resp.Partition, "without a partition the key tells")
		scan := r.in(p, &kvpb.Request{Kind: kvpb.RequestKind_SCAN, ScanPrefix: []byte("k")})
		require.Len(t, scan.Pairs, 1)
		require.Equal(t, key, string(scan.Pairs[0].Key))
	}
	for _, wrong := range []*kvpb.Request{
		{Kind: kvpb.RequestKind_OPEN_SESSION},
		{Kind: kvpb.RequestKind_SCAN},
		{Kind: kvpb.RequestKind_OPEN_SESSION, Partition: 5},
		{Kind: kvpb.RequestKind_READ, Partition: placement.MetaGroup, Ops: []*kvpb.Op{op(kvpb.OpKind_GET, "cluster", "")}},
	} {
		require.Equal(t, kvpb.Code_INVALID, r.in(wrong.Partition, wrong).Code, "%v", wrong)
	}
}

// Goal: clients get the table, with who leads, and its version with each refusal. Method: ask for it, and for a partition that is not here.
func TestClientsLearnWherePartitionsAre(t *testing.T) {
	r := shard(t, 2)
	require.Equal(t, kvpb.Code_UNAVAILABLE, r.in(0, &kvpb.Request{Kind: kvpb.RequestKind_TABLE}).Code)
	require.Equal(t, kvpb.Code_UNAVAILABLE, r.in(1, putting("k", "v")).Code)
	r = formed(t, 2)
	table := r.in(0, &kvpb.Request{Kind: kvpb.RequestKind_TABLE}).Table
	require.Equal(t, uint32(2), table.Partitions)
	require.Len(t, table.Places, 2)
	for _, p := range table.Places {
		require.Equal(t, []uint64{1}, p.Replicas)
		require.Equal(t, uint64(1), p.Leader)
	}
	r.n.destroy(r.n.groups.get(1), 1)
	r.settle()
	resp := r.in(1, putting(r.keyOf(1), "v"))
	require.Equal(t, kvpb.Code_WRONG_PARTITION, resp.Code)
	require.Equal(t, table.Version, resp.TableVersion)
}

// Goal: a destroyed replica leaves a tombstone before its data goes, and is never made again, neither by the record that it once began with, nor by
// a late word of a leader, also after a crash at each step (NODE-11). Method: crash before and after each job.
func TestADestroyedReplicaStaysDestroyed(t *testing.T) {
	for steps := range 4 {
		r := formed(t, 2)
		require.Equal(t, kvpb.Code_OK, r.in(1, putting(r.keyOf(1), "v")).Code)
		require.NoError(t, r.engine.Flush())
		g := r.n.groups.get(1)
		r.n.destroy(g, g.replica.ID())
		r.turn()
		for range steps {
			_ = r.run(env.LaneWAL) || r.run(env.LaneSnapshot)
		}
		r.disk.PowerLoss()
		require.NoError(t, r.start())
		r.pass(3 * time.Second)
		require.Equal(t, steps == 0, r.n.Replica(1) != nil, "step %d", steps)
		if steps == 0 {
			continue
		}
		lo, hi := []byte{0, 0, 0, 0, 0, 0, 0, 1}, []byte{0, 0, 0, 0, 0, 0, 0, 2}
		require.NoError(t, r.engine.Scan(lo, hi, func(k, _ []byte) bool {
			require.Fail(t, "the engine still has data of it", "%x", k)
			return false
		}))
		r.n.Receive(2, r.message(raft.Message{Type: raft.MsgHeartbeat, Group: 1, From: 2, To: 1, Term: 9, Join: 55}))
		r.settle()
		require.Nil(t, r.n.Replica(1))
		next := raft.MakeReplicaID(1, 1)
		r.n.Receive(2, r.message(raft.Message{Type: raft.MsgHeartbeat, Group: 1, From: 2, To: next, Term: 9, Join: 55}))
		r.settle()
		require.NotNil(t, r.n.Replica(1), "a later generation may begin")
	}
}

// Goal: a removed node does not keep a replica that a leader began there whose entry about it was lost (this was a bug); one that took something in is
// left to the driver, and a node that is not removed keeps both. Method: two such replicas, and tables.
func TestRemovedNodeKeepsNoEmptyReplica(t *testing.T) {
	founder := formed(t, 2)
	table := *founder.n.Table()
	for _, state := range []placement.NodeState{placement.Draining, placement.Removed} {
		r := &rig{t: t, cfg: founder.cfg, disk: netsim.NewDisk(1, netsim.DiskConfig{}), wall: 1000}
		r.cfg.ID, r.cfg.Start, r.cfg.Join, r.cfg.Members = 3, StartAsIs, true, []Member{{ID: 1, ClientAddress: "here"}}
		require.NoError(t, r.start())
		begin := func(group raft.GroupID) raft.ReplicaID {
			id := raft.MakeReplicaID(3, 2)
			r.n.Receive(1, r.message(raft.Message{Type: raft.MsgHeartbeat, Group: group, From: 1, To: id, Term: 2, Join: 55}))
			r.settle()
			require.NotNil(t, r.n.Replica(group))
			return id
		}
		begin(1)
		r.n.Receive(1, r.message(raft.Message{Type: raft.MsgHeartbeat, Group: 2, From: 1, To: begin(2), Term: 2, Join: 55}))
		r.settle()
		require.Positive(t, r.n.Replica(2).Raft().Term())
		next := table
		next.Nodes = append(slices.Clone(table.Nodes), placement.Node{ID: 3, Store: 55, State: state, Weight: 100, Version: table.Version + 1})
		next.Nodes[0].Store = 54 // all rigs have the same one
		if state != placement.Removed {
			next.Nodes[1].Address = "there"
		}
		next.Version++
		encoded := placement.AppendTable(nil, &next)
		_, err := placement.DecodeTable(encoded)
		require.NoError(t, err)
		r.n.Receive(1, appendOrders(nil, &orders{leader: 1, address: "here", table: encoded}))
		r.pass(5 * time.Second)
		require.Equal(t, next.Version, r.n.Table().Version)
		require.Equal(t, state == placement.Removed, r.n.Replica(1) == nil, "%v", state)
		require.NotNil(t, r.n.Replica(2))
	}
}

// Goal: a node that restarts knows the table at once, and a driver that restarts gives it away (both were bugs). Method: crash after the
// table was kept; another node reports.
func TestTheTableSurvivesARestart(t *testing.T) {
	r := formed(t, 2)
	r.disk.PowerLoss()
	require.NoError(t, r.start())
	require.NotNil(t, r.n.Table(), "one that is as new as the list of nodes")
	r.pass(3 * time.Second)
	r.sent = nil
	r.n.Receive(7, appendReport(nil, &report{body: placement.Report{Node: 7, Store: 70, Address: "there"}}))
	r.settle()
	require.NotEmpty(t, r.sent)
	d, err := decode(r.sent[0].payload)
	require.NoError(t, err)
	require.Equal(t, env.NodeID(1), d.orders.leader)
	require.NotEmpty(t, d.orders.refused, "it did not ask to join")
	got, err := placement.DecodeTable(d.orders.table)
	require.NoError(t, err)
	require.Equal(t, r.n.Table().Version, got.Version)
}

// Goal: a crash between the keeping of a table and the beginning of the replicas that it names costs none of them (this was a bug). Method: let
// the table be kept, crash before the log is written.
func TestReplicasThatTheTableNamesBeginAfterARestart(t *testing.T) {
	r := shard(t, 3)
	for range 400 {
		if t := r.n.Table(); t != nil && len(t.Partitions) == 4 {
			break
		}
		r.now = max(r.armed, r.now.Add(time.Millisecond))
		r.n.Tick()
		for again := true; again; { // but the last write of the log
			r.turn()
			again = r.run(env.LaneSnapshot) || r.run(env.LaneApply)
			if n := len(tablePartitions(r.n.Table())); n < 4 {
				again = r.run(env.LaneWAL) || again
			}
		}
	}
	require.Nil(t, r.n.Replica(1))
	require.NoError(t, r.engine.Flush())
	r.disk.PowerLoss()
	require.NoError(t, r.start())
	require.Len(t, r.n.Table().Partitions, 4)
	r.pass(3 * time.Second)
	for p := raft.GroupID(1); p <= 3; p++ {
		require.NotNil(t, r.n.Replica(p))
	}
}

// Goal: idle groups cost a turn nothing (NODE-10), and deadlines are met in their order. Method: count the groups that take part in turns
// in which one partition is used.
func TestATurnCostsOnlyWhatHasSomethingToDo(t *testing.T) {
	r := formed(t, 32)
	r.turn()
	r.n.Request(&kvpb.Request{
		Kind: kvpb.RequestKind_WRITE, Partition: 7, Ops: []*kvpb.Op{op(kvpb.OpKind_PUT, r.keyOf(7), "v")},
	}, func(*kvpb.Response) {})
	r.turn()
	require.Len(t, r.n.groups.turning, 1)
	require.Equal(t, raft.GroupID(7), r.n.groups.turning[0].id)
	deadlines := make([]env.Instant, 0, 33)
	for _, g := range r.n.groups.all {
		require.Equal(t, g, r.n.groups.due[g.heapAt])
		deadlines = append(deadlines, g.deadline)
	}
	require.Equal(t, slices.Min(deadlines), r.n.groups.deadline())
}

// Goal: NODE-13, a node keeps the newest table whatever arrives; and one that does not decode changes nothing. Method: hand an old one, and noise.
func TestAnOlderTableIsIgnored(t *testing.T) {
	r := formed(t, 2)
	is := r.n.Table()
	old := *is
	old.Version--
	old.Cluster.Version--
	for _, table := range [][]byte{placement.AppendTable(nil, &old), []byte("noise")} {
		r.n.Receive(2, appendOrders(nil, &orders{leader: 2, table: table}))
		r.settle()
		require.Same(t, is, r.n.Table())
	}
}

func tablePartitions(t *placement.State) []placement.Partition {
	if t == nil {
		return nil
	}
	return t.Partitions
}

// Goal: nobody changes the members of a partition behind the table's back. Method: ask for it.
func TestMembersOfAPartitionAreNotChangedByHand(t *testing.T) {
	r := formed(t, 1)
	r.n.ChangeMembers(&kvpb.ChangeMembersRequest{
		Partition: 1, Change: &kvpb.ChangeMembersRequest_Remove{Remove: &kvpb.RemoveMember{Node: 1}},
	}, func(resp *kvpb.ChangeMembersResponse) {
		require.Equal(t, kvpb.Code_INVALID, resp.Code)
		require.Contains(t, resp.Message, "cluster drain")
	})
}

// Goal: the log stays short although most groups are idle: a flush serves all of them, and no segment is kept for the few bytes of one.
// Method: write to one of many partitions, much more than CompactBytes.
func TestIdleGroupsHoldNoSegmentsBack(t *testing.T) {
	r := shard(t, 8)
	r.cfg.CompactBytes = 32 << 10
	require.NoError(t, r.start())
	r.pass(5 * time.Second)
	for p := uint64(1); p <= 8; p++ {
		require.Equal(t, kvpb.Code_OK, r.in(p, putting(r.keyOf(p), "a little")).Code)
	}
	key := r.keyOf(3)
	for range 600 {
		require.Equal(t, kvpb.Code_OK, r.in(3, putting(key, string(make([]byte, 1000)))).Code)
	}
	oldest, newest := r.log.Segments()
	require.Greater(t, newest, uint64(6), "many segments were filled")
	require.LessOrEqual(t, newest-oldest, uint64(4), "and most are deleted")
}

// Goal: what is wrong with the kept table is found in a stopped node's engine, and is no obstacle to a start. Method: damage it, and put
// a record beside it.
func TestADamagedTableIsFoundAndDoneWithout(t *testing.T) {
	r := formed(t, 2)
	version, err := VerifyTable(r.engine)
	require.NoError(t, err)
	require.Equal(t, r.n.Table().Version, version)
	b := r.engine.NewBatch()
	b.Set(tableKey(), []byte("noise"))
	require.NoError(t, r.engine.Apply(b))
	require.NoError(t, r.engine.Flush())
	_, err = VerifyTable(r.engine)
	require.Error(t, err)
	r.disk.PowerLoss()
	require.NoError(t, r.start())
	require.Nil(t, r.n.Table())
	r.pass(3 * time.Second)
	require.NotNil(t, r.n.Table())

	b = r.engine.NewBatch()
	b.Set(append(tableKey(), 1), nil)
	require.NoError(t, r.engine.Apply(b))
	_, err = VerifyTable(r.engine)
	require.ErrorContains(t, err, "nobody's")
}

// Goal: writes that wait for the log to be idle go on when it is, also after a deletion of segments (this was a bug). Method: let each kind of
// work keep the log busy while a write comes.
func TestHeldWritesGoOnWhenTheLogIsIdle(t *testing.T) {
	r := formed(t, 1)
	for _, work := range []env.Job{&r.n.commit, (*prune)(&r.n.commit)} {
		r.n.commit.writing = true
		req := putting("k", "v")
		req.Partition = 1
		c := r.call(req)
		r.turn()
		require.True(t, r.n.Replica(1).Held())
		work.Done()
		r.settle()
		require.Equal(t, kvpb.Code_OK, c.code())
	}
}

// Goal: the wait for founders that are late counts from the node's start, but a driver that is new hears of everybody first. Method: nodes
// that have been up for different times.
func TestNewDriverDoesNotWaitAnewForLateFounders(t *testing.T) {
	cfg := placement.DriverConfig{ReportEvery: time.Second, ExpectFor: 30 * time.Second}
	require.Equal(t, 30*time.Second, expectFor(&cfg, 0))
	require.Equal(t, 20*time.Second, expectFor(&cfg, 10*time.Second))
	require.Equal(t, hearsAll*time.Second, expectFor(&cfg, time.Hour))
	cfg.ExpectFor = time.Second
	require.Equal(t, time.Second, expectFor(&cfg, 0), "it never waits longer than it is told to")
}
