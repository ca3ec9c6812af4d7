package cluster

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/store"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// member has a made-up address, as the output is compared byte for byte. Replica ids have the node in their low half and the
// generation in their high half.
func member(node uint64, generation uint32, role kvpb.MemberRole) *kvpb.GroupMember {
	return &kvpb.GroupMember{
		Node: node, Generation: generation, Replica: uint64(generation)<<32 | node, Role: role,
		Address: "127.0.0.1:700" + string(rune('0'+node)),
	}
}

func up(node uint64, g *kvpb.GroupStatus) store.NodeReport {
	return store.NodeReport{Status: &kvpb.NodeStatus{
		Node: node, Cluster: 7, ClusterName: "mine", Groups: []*kvpb.GroupStatus{g},
	}}
}

func follower(node uint64) store.NodeReport {
	return up(node, &kvpb.GroupStatus{Role: "follower", LeaderNode: 1, Replica: node})
}

// show is the table of what these nodes say.
func show(t *testing.T, reports ...store.NodeReport) string {
	leader, alive := elect(reports)
	require.NotNil(t, leader)
	var out strings.Builder
	require.NoError(t, describe(leader, alive).print(&out))
	return out.String()
}

// Goal: the table of a settled cluster with priorities, a member that only the leader hears of, one that failed, and one that
// nobody hears of. Method: golden.
func TestStatusOfASettledCluster(t *testing.T) {
	first := member(1, 0, kvpb.MemberRole_VOTER)
	first.Priority = 10
	failed := follower(3)
	failed.Status.Failure = "writing the log: no space left on device"
	require.Equal(t, ""+
		"NODE  ADDRESS         ROLE     STATE      BEHIND  PRIORITY  NOTE\n"+
		"1     127.0.0.1:7001  voter    leads      0       10\n"+
		"2     127.0.0.1:7002  voter    up         1       0\n"+
		"3     127.0.0.1:7003  voter    failed     0       0         stopped serving: writing the log: no space left on device\n"+
		"4     127.0.0.1:7004  learner  no answer  ?       0\n"+
		"cluster mine, term 5, configuration of entry 90 (settled)\n",
		show(t, up(1, &kvpb.GroupStatus{
			Role: "leader", Term: 5, LeaderNode: 1, Last: 100, Commit: 100, ConfigIndex: 90, Replica: 1,
			Configuration: []*kvpb.GroupMember{
				first, member(2, 0, kvpb.MemberRole_VOTER), member(3, 0, kvpb.MemberRole_VOTER), member(4, 1, kvpb.MemberRole_LEARNER),
			},
			Peers: []*kvpb.PeerProgress{
				{Node: 2, Replica: 2, Match: 99, SinceHeardMs: 20},
				{Node: 3, Replica: 3, Match: 100, SinceHeardMs: 20},
				{Node: 4, Replica: 1<<32 | 4, SinceHeardMs: 1 << 40},
			},
		}), failed))
}

// Goal: the table while a node is added that needs the whole state, and after. Method: golden, at three moments.
func TestStatusWhileANodeIsAdded(t *testing.T) {
	added := member(4, 1, kvpb.MemberRole_LEARNER)
	added.Promote = true
	progress := &kvpb.PeerProgress{Node: 4, Replica: 1<<32 | 4, SinceHeardMs: 3, NeedsSnapshot: true}
	g := &kvpb.GroupStatus{
		Role: "leader", Term: 5, LeaderNode: 1, Last: 200_000, Commit: 200_000, ConfigIndex: 150_000, Replica: 1,
		Configuration: []*kvpb.GroupMember{member(1, 0, kvpb.MemberRole_VOTER), added},
		Peers:         []*kvpb.PeerProgress{progress},
	}
	const (
		head = "NODE  ADDRESS         ROLE                       STATE  BEHIND  PRIORITY  NOTE\n" +
			"1     127.0.0.1:7001  voter                      leads  0       0\n"
		tail = "cluster mine, term 5, configuration of entry 150000 (settled)\n"
	)
	require.Equal(t, head+
		"4     127.0.0.1:7004  learner, becoming a voter  up     200000  0         needs the whole state, as the log does not reach back far enough\n"+tail,
		show(t, up(1, g)))
	g.Snapshots = []*kvpb.SnapshotProgress{{Peer: 4, Sending: true, Index: 190_000, Bytes: 12_345_678}, {Peer: 1, Index: 7}}
	require.Contains(t, show(t, up(1, g)), "gets the state of entry 190000: 12,345,678 bytes so far\n")
	g.Snapshots, progress.NeedsSnapshot = nil, false
	progress.Match, progress.CaughtUp = 199_999, true
	require.Contains(t, show(t, up(1, g)), "  up     1       0         has caught up\n")
	g.Commit = 149_999
	require.Contains(t, show(t, up(1, g)), "(a change is under way)\n")
}

// Goal: the table while a node that lost its log rejoins: first its old replica is a member, then it leaves in a joint phase, then
// the node is a learner of a new generation. A node that waits to be added, and one that was removed, are shown as no members.
// Method: golden.
func TestStatusWhileANodeRejoins(t *testing.T) {
	rejoins := up(3, &kvpb.GroupStatus{Role: "follower"})
	rejoins.Status.Health, rejoins.Status.HealthReason = kvpb.Health_REJOINING, "the log is damaged; keep the directory"
	g := &kvpb.GroupStatus{
		Role: "leader", Term: 6, LeaderNode: 1, Last: 50, Commit: 50, ConfigIndex: 51, Replica: 1, Joint: true, TransferringTo: 2,
		Configuration: []*kvpb.GroupMember{
			member(1, 0, kvpb.MemberRole_VOTER), member(2, 0, kvpb.MemberRole_VOTER), member(3, 0, kvpb.MemberRole_OUTGOING),
		},
		Peers: []*kvpb.PeerProgress{{Node: 2, Replica: 2, Match: 50}, {Node: 3, Replica: 3, Match: 40, SinceHeardMs: 99_999}},
	}
	removed, waits := up(4, &kvpb.GroupStatus{Role: "follower", Removed: true, Replica: 4}), up(5, nil)
	waits.Status.Groups = nil
	stranger := up(6, nil)
	stranger.Status.Cluster = 8
	require.Equal(t, ""+
		"NODE  ADDRESS         ROLE            STATE  BEHIND  PRIORITY  NOTE\n"+
		"1     127.0.0.1:7001  voter           leads  0       0\n"+
		"2     127.0.0.1:7002  voter           up     0       0\n"+
		"3     127.0.0.1:7003  voter, leaving  up     10      0         lost its data and rejoins: the log is damaged\n"+
		"4     -               no member       up     -       -         was removed\n"+
		"5     -               no member       up     -       -         waits to be added\n"+
		"cluster mine, term 6, configuration of entry 51 (a change of voters is under way: majorities of the old and of the new ones decide together; the leadership goes to node 2)\n",
		show(t, up(1, g), follower(2), rejoins, removed, waits, stranger))
	g.Configuration[2].ThenLearner = true
	require.Contains(t, show(t, up(1, g), rejoins), "  voter, becoming a learner  ")
	rejoins.Status.Health = kvpb.Health_DAMAGED
	require.Contains(t, show(t, up(1, g), rejoins), "  its data is damaged: the log is damaged\n")
	g.Joint, g.TransferringTo = false, 0
	g.Configuration[2] = member(3, 4, kvpb.MemberRole_LEARNER)
	g.Configuration[2].Promote = true
	rejoins.Status.Health = kvpb.Health_SOUND
	require.Contains(t, show(t, up(1, g), rejoins), "3     127.0.0.1:7003  learner, becoming a voter  up ")
}

// Goal: the command asks the nodes over the network, takes the leader of the highest term, and ends with 4 if there is none.
// Method: fake nodes, one of which still believes that it leads.
func TestStatusAsksTheLeaderOfTheHighestTerm(t *testing.T) {
	c := newFakeCluster(t, 2)
	c.nodes[2].status = func() *kvpb.NodeStatus {
		return &kvpb.NodeStatus{Node: 2, Groups: []*kvpb.GroupStatus{{Role: "leader", Term: 2}}}
	}
	code, out, talk := c.run(patient(t), c.addresses(2, 1), "json", "status")
	require.Zero(t, code, talk)
	var m Members
	require.NoError(t, json.Unmarshal([]byte(out), &m))
	require.Equal(t, uint64(1), m.Leader)
	require.Equal(t, uint64(3), m.Term)
	code, out, _ = c.run(patient(t), c.addresses(1), "status")
	require.Zero(t, code)
	require.Contains(t, out, "cluster mine, term 3")
	c.leader = 0
	code, _, talk = c.run(patient(t), c.addresses(1), "status")
	require.Equal(t, exit.NotApplied, code)
	require.Contains(t, talk, "no node leads at the moment\nnext: ")
	code, _, talk = c.run(patient(t), []string{closedPort(t)}, "status")
	require.Equal(t, exit.NotApplied, code)
	require.Contains(t, talk, "no node answered")
}
