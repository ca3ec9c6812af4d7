package server

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/client"
	"github.com/holdfastdb/holdfast/kv/datadir"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/osio"
)

// change asks the leader for a change of the members until it is done.
func (c *cluster) change(req *kvpb.ChangeMembersRequest) {
	c.t.Helper()
	c.await(fmt.Sprint("done: ", req), func() bool {
		var resp *kvpb.ChangeMembersResponse
		for _, s := range c.servers {
			require.NoError(c.t, s.loop.Call(c.t.Context(), func() {
				s.node.ChangeMembers(req, func(r *kvpb.ChangeMembersResponse) { resp = r })
			}))
			require.NotEqual(c.t, kvpb.Code_INVALID, resp.Code, resp.Message)
			if resp.Code == kvpb.Code_OK {
				break
			}
		}
		return resp.Done
	})
}

func (c *cluster) remove(id env.NodeID) {
	c.t.Helper()
	c.change(&kvpb.ChangeMembersRequest{Change: &kvpb.ChangeMembersRequest_Remove{Remove: &kvpb.RemoveMember{Node: uint64(id)}}})
}

// written is what a node wrote down of the others.
func (c *cluster) written(id env.NodeID) []env.NodeID {
	peers, err := datadir.ReadPeers(osio.RealFS(), c.config(id, false).Dir)
	require.NoError(c.t, err)
	var ids []env.NodeID
	for peer, address := range peers {
		require.Equal(c.t, c.members[peer], address)
		ids = append(ids, peer)
	}
	slices.Sort(ids)
	return ids
}

// A node that is started with Join waits, becomes a voter when it is added, and PEERS of all nodes follow; started again
// with nothing but its own address it finds its cluster; when a founder is removed PEERS follow again.
// Method: two nodes, a third one joins, the first one is removed.
func TestNodeJoinsAndPeersFollowTheMembership(t *testing.T) {
	c := newCluster(t, 3)
	all := c.members
	for id := env.NodeID(1); id <= 2; id++ {
		cfg := c.config(id, true)
		cfg.Members = map[env.NodeID]string{1: all[1], 2: all[2]}
		s, err := Start(cfg)
		require.NoError(t, err)
		c.servers[id] = s
	}
	c.put(1, "k", "v")

	cfg := c.config(3, false)
	cfg.Join = true
	s, err := Start(cfg)
	require.NoError(t, err)
	c.servers[3] = s
	_, err = c.clients[3].Get(t.Context(), &kvpb.GetRequest{Key: []byte("k")})
	require.ErrorContains(t, err, "not a member of the cluster yet")
	c.change(&kvpb.ChangeMembersRequest{Change: &kvpb.ChangeMembersRequest_Add{Add: &kvpb.AddMember{
		Node: 3, Address: all[3], Store: c.status(3).Store,
	}}})
	c.await("node 3 is a voter", func() bool { return c.isVoter(3, 3) })
	require.Equal(t, "v", string(c.get(3, "k").Value))
	for id, others := range map[env.NodeID][]env.NodeID{1: {2, 3}, 2: {1, 3}, 3: {1, 2}} {
		c.await("PEERS follow the addition", func() bool { return slices.Equal(others, c.written(id)) })
	}

	c.stop(3)
	cfg = c.config(3, false)
	cfg.Members = map[env.NodeID]string{3: all[3]}
	s, err = Start(cfg)
	require.NoError(t, err)
	c.servers[3] = s
	c.kill(2)
	c.put(3, "needs", "both")
	c.start(2, false)

	c.remove(1)
	c.kill(1)
	for id, others := range map[env.NodeID][]env.NodeID{2: {3}, 3: {2}} {
		c.await("PEERS follow the removal", func() bool { return slices.Equal(others, c.written(id)) })
	}
	c.put(2, "without", "node 1")
}

// SRV-5: a polite stop of the leader costs one election of one term, that of the node it hands over to, and no request of a
// client is refused or left without an answer. Method: clients at work while each leader in turn is stopped and started
// again; terms are counted, time is not. The election timeout is so long that a busy machine causes no election.
func TestStoppingTheLeaderHandsOverFirst(t *testing.T) {
	c := newCluster(t, 3)
	c.tune = func(cfg *Config) { cfg.ElectionTimeout = 2 * time.Second }
	var endpoints []string
	for id, address := range c.members {
		endpoints = append(endpoints, address)
		c.start(id, true)
	}
	leader := c.leader()
	var working sync.WaitGroup
	var done atomic.Bool
	var acknowledged atomic.Int64
	for i := range 4 {
		cl, err := client.Dial(t.Context(), client.Config{Endpoints: endpoints, RequestTimeout: time.Minute, Seed: uint64(i + 1)})
		require.NoError(t, err)
		defer func() { require.NoError(t, cl.Close()) }()
		working.Go(func() {
			for n := 0; !done.Load(); n++ {
				_, err := cl.Do(context.Background(), client.Op{Kind: client.KindPut, Key: fmt.Append(nil, i, n%10), Value: fmt.Append(nil, n)})
				if err != nil {
					t.Errorf("client %d: %v", i, err)
					return
				}
				acknowledged.Add(1)
			}
		})
	}
	for range 4 {
		term, stopped := c.group(leader).Term, c.servers[leader]
		c.stop(leader)
		// Its loop has ended, so it can be asked from here.
		last := stopped.node.Status().Groups[0]
		require.Equal(t, "follower", last.Role, "it did not stop while it led")
		require.Equal(t, term+1, last.Term)
		next := c.leader()
		require.NotEqual(t, leader, next)
		require.Equal(t, term+1, c.group(next).Term, "one election, by the node that was told to take over")
		before := acknowledged.Load()
		c.await("work goes on", func() bool { return acknowledged.Load() > before+20 })
		c.start(leader, false)
		c.await("the node is back", func() bool {
			return c.group(leader).Applied >= c.group(next).SnapIndex && c.group(leader).LeaderNode == uint64(next)
		})
		require.Equal(t, term+1, c.group(next).Term)
		leader = next
	}
	done.Store(true)
	working.Wait()
}

// With LeaseReads the leader has a lease once the others answered, and still reads its own writes; without, it never has one.
func TestLeaseReadsAreAnOption(t *testing.T) {
	for _, on := range []bool{true, false} {
		c := newCluster(t, 3)
		c.tune = func(cfg *Config) { cfg.LeaseReads, cfg.MaxClockDrift = on, 10_000 }
		for id := range c.members {
			c.start(id, true)
		}
		leader := c.leader()
		c.put(leader, "k", "v")
		if on {
			c.await("the leader has a lease", func() bool { return c.group(leader).Lease })
		}
		require.Equal(t, "v", string(c.get(leader, "k").Value))
		if !on {
			require.False(t, c.group(leader).Lease)
		}
		for id := range c.members {
			c.stop(id)
		}
	}
}
