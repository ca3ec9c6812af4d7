package serve

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/placement"
	"github.com/holdfastdb/holdfast/kv/server"
)

// sharded are the options of a node of a cluster with partitions.
func sharded(t *testing.T) options {
	o := node(t)
	o.partitions, o.replicas, o.weight, o.deadAfter = DefaultPartitions, 3, 100, 5*time.Minute
	return o
}

// Goal: settings of partitions that cannot be are usage errors that name the way out, and those that can reach the node; where there are no
// partitions they play no part. Method: a table, and both ends of each range.
func TestSettingsOfPartitionsAreChecked(t *testing.T) {
	for want, spoil := range map[string]func(*options){
		"--partitions is -1":     func(o *options) { o.partitions = -1 },
		"--partitions is 1025":   func(o *options) { o.partitions = 1025 },
		"--replicas is 0":        func(o *options) { o.replicas = 0 },
		"--replicas is 100":      func(o *options) { o.replicas = 100 },
		"--weight is 0":          func(o *options) { o.weight = 0 },
		"--weight is 1001":       func(o *options) { o.weight = 1001 },
		"--zone has 65 bytes":    func(o *options) { o.zone = string(make([]byte, 65)) },
		"--cluster has 65 bytes": func(o *options) { o.cluster = string(make([]byte, 65)) },
		"--dead-after is 3s":     func(o *options) { o.deadAfter = 3 * time.Second },
	} {
		o := sharded(t)
		spoil(&o)
		_, err := o.serverConfig(streams(&bytes.Buffer{}))
		require.ErrorContains(t, err, want)
		require.Equal(t, exit.Usage, exit.Code(err), want)
		require.Contains(t, exit.Text(err), "next: ")
	}
	o := sharded(t)
	o.partitions, o.replicas, o.zone, o.weight, o.deadAfter = 1024, placement.MaxReplicas, "a", 1000, 4*time.Second
	cfg, err := o.serverConfig(streams(&bytes.Buffer{}))
	require.NoError(t, err)
	require.Equal(t, []any{1024, placement.MaxReplicas, "a", uint32(1000), 4 * time.Second}, []any{cfg.Partitions, cfg.Replicas, cfg.Zone, cfg.Weight, cfg.DeadAfter})
	o.partitions, o.replicas, o.deadAfter = 0, 0, 0
	_, err = o.serverConfig(streams(&bytes.Buffer{}))
	require.NoError(t, err)
}

// founder is what a founder of the metadata group says in this term, which has heard of the others up to these entries.
func founder(role string, term uint64, match map[uint64]uint64, nodes ...*kvpb.PlacedNode) testimony {
	g := &kvpb.GroupStatus{Group: placement.MetaGroup, Role: role, Term: term, Commit: 9, Voters: []uint64{1, 2, 3}}
	for _, id := range g.Voters {
		g.Configuration = append(g.Configuration, &kvpb.GroupMember{Node: id})
		if role == "leader" && id != 1 {
			g.Peers = append(g.Peers, &kvpb.PeerProgress{Node: id, Match: match[id]})
		}
	}
	other := &kvpb.GroupStatus{Group: 5, Role: "leader", Term: 7, Commit: 30, Configuration: []*kvpb.GroupMember{{Node: 1}, {Node: 2}}}
	s := &kvpb.NodeStatus{Node: 1, Sharded: true, Groups: []*kvpb.GroupStatus{other, g}}
	if nodes != nil {
		s.TableVersion = 5
	}
	return testimony{status: s, nodes: nodes}
}

// Goal: SERVE-2 where there are partitions: a founder that comes late is new, though leaders have changed; one that the table
// knows, that was removed, or that may have acknowledged what others lack is not; a node that is no founder has to
// join. Method: a table of what others say.
func TestEvidenceThatANodeIsNotNewInAClusterWithPartitions(t *testing.T) {
	one, two := &kvpb.PlacedNode{Node: 1, State: "up"}, &kvpb.PlacedNode{Node: 2, State: "up"}
	all := map[uint64]uint64{2: 9}
	for name, x := range map[string]struct {
		heard     []testimony
		self      uint64
		say, next string
	}{
		"late, no table yet":           {[]testimony{founder("follower", 3, nil), founder("leader", 3, all)}, 3, "", ""},
		"late":                         {[]testimony{founder("follower", 3, nil, one, two), founder("leader", 3, all, one, two)}, 3, "", ""},
		"first leader":                 {[]testimony{founder("leader", 2, nil, one, two)}, 3, "", ""},
		"another one lacks an entry":   {[]testimony{founder("leader", 3, map[uint64]uint64{2: 8}, one, two)}, 3, "in term 3 with 9 entries", "--rejoin"},
		"nobody leads":                 {[]testimony{founder("follower", 3, nil, one, two)}, 3, "in term 3 with 9 entries", "--rejoin"},
		"an old leader":                {[]testimony{founder("leader", 3, all, one, two), founder("leader", 4, nil, one, two)}, 3, "in term", "--rejoin"},
		"it has acknowledged entries":  {[]testimony{founder("leader", 2, map[uint64]uint64{2: 9, 3: 4}, one, two)}, 3, "acknowledge entries up to 4", "--rejoin"},
		"the table knows it":           {[]testimony{founder("leader", 2, all, one, two, &kvpb.PlacedNode{Node: 3, State: "up"})}, 3, "knows it with another data directory", "--rejoin"},
		"the table knows it, drained":  {[]testimony{founder("leader", 2, all, one, two, &kvpb.PlacedNode{Node: 3, State: "draining"})}, 3, "knows it with another data directory", "--rejoin"},
		"it was removed":               {[]testimony{founder("leader", 2, all, one, &kvpb.PlacedNode{Node: 3, State: "removed"})}, 3, "was removed from it", "--id"},
		"it is no founder":             {[]testimony{founder("leader", 2, all, one, two)}, 4, "no member", "--join instead of --peers"},
		"no founder, other is waiting": {[]testimony{{status: &kvpb.NodeStatus{Node: 2, Sharded: true}}}, 4, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			evidence, next := "", ""
			for i := range x.heard {
				e, n := evidenceIn(&x.heard[i], env.NodeID(x.self), complete(x.heard, env.NodeID(x.self)))
				if e != "" {
					evidence, next = e, n
				}
			}
			if x.say == "" {
				require.Empty(t, evidence)
				return
			}
			require.Contains(t, evidence, x.say)
			require.Contains(t, next, x.next)
			require.NotContains(t, next, "cluster add")
		})
	}
}

// Goal: SERVE-3 where there are partitions: a node joins only what has some, if its id is free, and is not told to be added by hand.
// Method: a table of answers, of a node that tells the table as well.
func TestJoiningAClusterWithPartitions(t *testing.T) {
	with := func(nodes ...*kvpb.PlacedNode) told {
		return told{
			status:    &kvpb.NodeStatus{Node: 1, Cluster: server.ClusterID("c"), ClusterName: "c", Sharded: true, TableVersion: 5},
			placement: &kvpb.PlacementResponse{Code: kvpb.Code_OK, TableVersion: 5, Nodes: append(nodes, &kvpb.PlacedNode{Node: 1, State: "up"})},
		}
	}
	join := func(n told, change func(*options)) error {
		o := sharded(t)
		o.id, o.peers, o.join = 7, nil, []string{answering(t, n)}
		if change != nil {
			change(&o)
		}
		cfg, err := o.serverConfig(streams(&bytes.Buffer{}))
		require.NoError(t, err)
		return o.askCluster(t.Context(), &cfg)
	}
	require.NoError(t, join(with(), nil))
	rejoin := func(o *options) { o.rejoin = true }
	require.NoError(t, join(with(&kvpb.PlacedNode{Node: 7, State: "up"}), rejoin))
	mute := with()
	mute.placement, mute.status.Members = nil, []*kvpb.Member{{Node: 7}}
	young := told{status: &kvpb.NodeStatus{Node: 5, Cluster: server.ClusterID("c"), ClusterName: "c", Sharded: true}}
	for name, x := range map[string]struct {
		node      told
		change    func(*options)
		say, next string
	}{
		"taken":             {with(&kvpb.PlacedNode{Node: 7, State: "draining"}), nil, "node 7 is a member already", "--rejoin"},
		"taken, no table":   {mute, nil, "node 7 is a member already", "--rejoin"},
		"removed":           {with(&kvpb.PlacedNode{Node: 7, State: "removed"}), nil, "node 7 was removed", "--id"},
		"removed, rejoins":  {with(&kvpb.PlacedNode{Node: 7, State: "removed"}), rejoin, "node 7 was removed", "--id"},
		"rejoins, stranger": {with(), rejoin, "node 7 is no member", "without --rejoin"},
		"of one group":      {with(), func(o *options) { o.partitions = 0 }, "has partitions", "without --partitions 0"},
		"it is of one":      {told{status: working()}, nil, "is one group", "--partitions 0"},
		"no cluster yet":    {young, nil, "none of the nodes at --join is a member", "--join"},
	} {
		t.Run(name, func(t *testing.T) {
			err := join(x.node, x.change)
			require.ErrorContains(t, err, x.say)
			require.Contains(t, exit.Text(err), x.next)
			require.NotContains(t, exit.Text(err), "cluster add")
			require.Equal(t, exit.Failure, exit.Code(err))
		})
	}
}

// Goal: whether the cluster takes a node in is logged once, with the reason, when it changes. Method: a script of what the node says of itself.
func TestAdmissionIsLogged(t *testing.T) {
	var text bytes.Buffer
	log := slog.New(slog.NewTextHandler(&text, nil))
	var a admission
	said := func(times int, st *kvpb.NodeStatus) string {
		text.Reset()
		for range times {
			a.note(st, log)
		}
		return text.String()
	}
	require.Empty(t, said(4, &kvpb.NodeStatus{}))
	require.Regexp(t, "^.*WARN.*waits for the other nodes.*\n$", said(9, &kvpb.NodeStatus{}))
	require.Regexp(t, "^.*INFO.*table=5\n$", said(2, &kvpb.NodeStatus{TableVersion: 5}))
	require.Regexp(t, "^.*WARN.*does not take.*reason=\"node 4 was removed\"\n$", said(2, &kvpb.NodeStatus{TableVersion: 6, Refused: "refused: node 4 was removed"}))
	require.Regexp(t, "^.*INFO.*takes this node in.*\n$", said(2, &kvpb.NodeStatus{TableVersion: 7}))
	require.Empty(t, said(2, &kvpb.NodeStatus{TableVersion: 8}))

	ctx, cancel := context.WithCancel(t.Context())
	watchAdmission(ctx, statusFunc(func() *kvpb.NodeStatus { cancel(); return &kvpb.NodeStatus{Refused: "why"} }), log)
	require.Contains(t, text.String(), "reason=why")
}

type statusFunc func() *kvpb.NodeStatus

func (f statusFunc) Status(context.Context) (*kvpb.NodeStatus, error) { return f(), nil }

// Goal: SERVE-1 where there are partitions: a node that founds a cluster alone starts, is stopped in order, and starts again with the same
// command and without --peers. Method: contexts that have ended.
func TestANodeWithPartitionsStartsAgain(t *testing.T) {
	o := sharded(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var talk bytes.Buffer
	require.NoError(t, run(ctx, streams(&talk), o), talk.String())
	require.NoError(t, run(ctx, streams(&talk), o), talk.String())
	o.peers = nil
	require.NoError(t, run(ctx, streams(&talk), o), talk.String())
	o.partitions = 0
	require.ErrorContains(t, run(ctx, streams(&talk), o), "another kind of cluster")
}
