package dev

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/cluster"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
	"github.com/holdfastdb/holdfast/kv/env"
)

func shardedOptions(t *testing.T) options {
	o := testOptions(t)
	o.port, o.partitions, o.deadAfter = freePorts(t, 5), 2, time.Minute
	return o
}

// total counts what the nodes lead.
func total(rows []nodeRow) (leads, holds int) {
	for _, r := range rows {
		if r.Leads != nil {
			leads, holds = leads+*r.Leads, holds+*r.Holds
		}
	}
	return leads, holds
}

// ledAll: each of the two partitions has a leader.
func ledAll(rows []nodeRow) bool {
	leads, _ := total(rows)
	return leads == 2
}

// Goal: DEV-4, one more node joins, a node is emptied and removed; the next run has the same nodes, and the same number of partitions, whatever the
// flag's default. Method: as above.
func TestNodesJoinAndAreRemoved(t *testing.T) {
	t.Parallel()
	o := shardedOptions(t)
	o.nodes = 2
	d := converse(t, o)
	d.put("k3", "3")
	var node nodeRow
	d.ask(&node, "JOIN")
	require.Equal(t, env.NodeID(3), node.Node)
	d.ask(&node, "REMOVE 2")
	require.Equal(t, "removed", node.State)
	var p cluster.Placement
	d.ask(&p, "PLACEMENT")
	require.Equal(t, uint32(2), p.Partitions)
	for _, g := range p.Groups {
		require.NotContains(t, g.Wanted, uint64(2))
	}
	d.leave()

	o.partitions = 16 // the default of the flag
	d = converse(t, o)
	var ids []env.NodeID
	for _, r := range d.await(ledAll) {
		ids = append(ids, r.Node)
	}
	require.Equal(t, []env.NodeID{1, 3}, ids)
	d.holds("k3", "3")
	d.ask(&node, "JOIN")
	require.Equal(t, env.NodeID(4), node.Node, "ids are never used again")
	d.leave()
}

// Goal: a cluster with partitions begins with a leader for each, and survives the node that leads most. Method: a scripted dialogue over real nodes,
// which polls with NODES.
func TestPartitionsSurviveTheNodeThatLeadsMost(t *testing.T) {
	t.Parallel()
	d := converse(t, shardedOptions(t))
	for i := range 8 {
		d.put("k"+strconv.Itoa(i), strconv.Itoa(i))
	}
	rows := d.await(func(rows []nodeRow) bool {
		_, holds := total(rows)
		return ledAll(rows) && holds == 6
	})
	require.Len(t, rows, 3)
	var node nodeRow
	d.ask(&node, "KILL LEADER")
	d.holds("k7", "7")
	d.put("k7", "new")
	d.ask(&node, "START %d", node.Node)
	d.holds("k7", "new")
	var list struct {
		Pairs []struct{ Key, Value string }
		More  bool
	}
	d.ask(&list, "SCAN k")
	require.Len(t, list.Pairs, 8)
	require.False(t, list.More)
	d.leave()
}

// Goal: words that do not fit the kind of cluster say so and what to do, and HELP does not list them; mistakes are explained. Method: text scripts in both kinds.
func TestWordsOfTheOtherKindOfCluster(t *testing.T) {
	t.Parallel()
	ask := func(o options, script string) (string, string, error) {
		var out, talk safeBuffer
		err := run(context.Background(), &style.Streams{In: strings.NewReader(script), Out: &out, Err: &talk}, style.Text, o)
		return out.String(), talk.String(), err
	}
	o := shardedOptions(t)
	out, talk, err := ask(o, "TRANSFER 2\nHELP\nDRAIN 9\nUNDRAIN 1\nREMOVE 9\nREMOVE 1 now\nREMOVE 1 FORCE\nUNDRAIN 9\nNODES\nPLACEMENT\n")
	require.Equal(t, exit.Denied, exit.Code(err), talk)
	require.Contains(t, talk, "each partition has a leader of its own, which follows the placement")
	require.Equal(t, 3, strings.Count(talk, "there is no node 9\n"))
	require.Contains(t, out, "Node 1 is in use; PLACEMENT")
	require.Contains(t, talk, "now is not FORCE")
	require.Contains(t, talk, "cannot remove node 1: ")
	require.NotContains(t, out, "TRANSFER")
	require.Contains(t, out, "REMOVE N [FORCE]")
	require.Regexp(t, `(?m)^NODE  ADDRESS +STATE  PARTITIONS    METADATA  TABLE  SIDE\n1     127\S+  up     leads \d of 2  \w+  +\d+ +-$`, out)
	require.Contains(t, out, "\nmetadata   1      1 2 3  ")
	require.Contains(t, out, "\npartitions: ")

	o = testOptions(t)
	o.nodes = 1
	out, talk, err = ask(o, "JOIN\nDRAIN 1\nUNDRAIN 1\nREMOVE 1\nPLACEMENT\nHELP\n")
	require.Equal(t, exit.Denied, exit.Code(err))
	require.Equal(t, 5, strings.Count(talk, "this cluster has no partitions: it is one group\nnext: start another one"))
	require.NotContains(t, out, "JOIN")
	require.Contains(t, out, "TRANSFER [N]")
}

// Goal: DEV-3 and DEV-4, what a directory holds is not mistaken: one without a number of partitions is of one group, another number is refused, and a
// node that joined does not come back without its data. Method: directories of each kind.
func TestADirectoryKeepsItsPartitionsAndNodes(t *testing.T) {
	dir := t.TempDir()
	log := slog.New(slog.DiscardHandler)
	require.NoError(t, os.WriteFile(filepath.Join(dir, markerFile), []byte(`{"nodes":3,"formed":true}`), 0o600))
	m, err := openMarker(dir, Shape{Nodes: 3, Partitions: 16, AnyPartitions: true})
	require.NoError(t, err)
	require.Equal(t, marker{Nodes: 3, Formed: true}, m)
	_, err = Start(dir, Shape{Nodes: 3, Partitions: 16}, 7001, log)
	require.Equal(t, exit.Usage, exit.Code(err))
	require.Contains(t, exit.Text(err), "holds a cluster of one group, not of 16 partitions\nnext: leave --partitions out")

	dir = t.TempDir()
	m, err = openMarker(dir, Shape{Nodes: 3, Partitions: 16})
	require.NoError(t, err)
	require.Equal(t, marker{Nodes: 3, Partitions: 16}, m)
	m.Formed, m.Joined, m.Removed = true, []env.NodeID{4, 5}, []env.NodeID{2, 4}
	require.NoError(t, writeMarker(dir, m))
	m, err = openMarker(dir, Shape{Nodes: 3, Partitions: 7, AnyPartitions: true})
	require.NoError(t, err)
	require.Equal(t, []env.NodeID{1, 3, 5}, m.inService())
	require.Equal(t, env.NodeID(6), m.next())
	m.Joining = 6
	require.Equal(t, env.NodeID(6), m.next(), "the one that was about to join")
	_, err = openMarker(dir, Shape{Nodes: 3, Partitions: 7})
	require.ErrorContains(t, err, "of 16 partitions, not of 7 partitions")
	require.Equal(t, "of 1 partition", divided(1))

	m = marker{Nodes: 1, Formed: true, Partitions: 4, Joined: []env.NodeID{2}, Removed: []env.NodeID{1}}
	require.NoError(t, writeMarker(dir, m))
	_, err = Start(dir, Shape{Nodes: 1, Partitions: 4}, freePorts(t, 2), log)
	require.ErrorContains(t, err, "cannot start node 2")
	require.Contains(t, exit.Text(err), "is empty or missing")
}

// Goal: DEV-4, a node that cannot join is none of the cluster, and the next one gets its id. Method: its port is taken.
func TestJoinThatFailsLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	o := shardedOptions(t)
	o.nodes = 1
	taken, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(o.port+1))
	require.NoError(t, err)
	d := converse(t, o)
	d.put("k", "v")
	_, err = d.in.Write([]byte("JOIN\n"))
	require.NoError(t, err)
	require.True(t, d.out.Scan())
	var failed struct{ Error string }
	require.NoError(t, json.Unmarshal(d.out.Bytes(), &failed))
	require.Contains(t, failed.Error, "cannot start node 2")
	var rows []nodeRow
	d.ask(&rows, "NODES")
	require.Len(t, rows, 1)
	require.NoError(t, taken.Close())
	var node nodeRow
	d.ask(&node, "JOIN")
	require.Equal(t, env.NodeID(2), node.Node)
	_, err = d.in.Write([]byte("EXIT\n"))
	require.NoError(t, err)
	require.Error(t, <-d.ended, "the first JOIN failed")
}

// Goal: DEV-2 for nodes that come later: where the network is cut, one that joins is on the first side. Method: ask the Cut.
func TestANodeThatJoinsACutNetworkIsOnTheFirstSide(t *testing.T) {
	c := NewCut(map[env.NodeID]string{1: "a:1", 2: "b:1"})
	c.Partition([][]env.NodeID{{1}, {2}})
	c.Add(3, "c:1")
	require.False(t, c.severed(1, 3))
	require.True(t, c.severed(2, 3))
	require.Equal(t, env.NodeID(3), c.at("c:1"))
	c.Heal()
	require.False(t, c.severed(2, 3))
}
