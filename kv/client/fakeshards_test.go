package client

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/holdfastdb/holdfast/hashing"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

const hashSeed = 5

// fakeShards is a sharded cluster: nodes that share a store for each partition.
type fakeShards struct {
	t       testing.TB
	nodes   []*fakeServer
	stores  []*fakeStore
	mu      sync.Mutex
	version uint64
	// leaders are the nodes, from 0, that have each partition, one each.
	leaders []int
	// silent is a partition whose writes get no answer, 0 for none; writes has a sign for each
	// write of any, as long as there is room.
	silent int
	writes chan struct{}
	// misplaced is the first request that went to a partition that its key is not of.
	misplaced string
}

// newFakeShards places partition p on node p-1, counted round.
func newFakeShards(t testing.TB, nodes, partitions int) *fakeShards {
	f := &fakeShards{t: t, writes: make(chan struct{}, 100)}
	for p := range partitions {
		f.stores = append(f.stores, newFakeStore())
		f.leaders = append(f.leaders, p%nodes)
	}
	for i := range nodes {
		f.nodes = append(f.nodes, serve(t, uint64(i)+1, "", func(req *kvpb.Request) *kvpb.Response { return f.handle(i, req) }))
	}
	f.publish(len(f.nodes))
	return f
}

// publish gives a new table to the first n nodes.
func (f *fakeShards) publish(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.version++
	t := &kvpb.RoutingTable{Version: f.version, Partitions: uint32(len(f.stores)), Seed: hashSeed}
	for _, s := range f.nodes {
		t.Nodes = append(t.Nodes, &kvpb.RoutingNode{Node: s.node, Address: s.address})
	}
	for p, at := range f.leaders {
		node := f.nodes[at].node
		t.Places = append(t.Places, &kvpb.RoutingPartition{Partition: uint64(p) + 1, Epoch: f.version, Replicas: []uint64{node}, Leader: node})
	}
	for _, s := range f.nodes[:n] {
		s.table.Store(t)
	}
}

// move places a partition on another node. No node has a table that says so.
func (f *fakeShards) move(partition, to int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leaders[partition-1] = to
}

func (f *fakeShards) handle(node int, req *kvpb.Request) *kvpb.Response {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := int(req.Partition)
	if p < 1 || p > len(f.stores) || f.leaders[p-1] != node {
		return &kvpb.Response{Code: kvpb.Code_WRONG_PARTITION, TableVersion: f.nodes[node].table.Load().GetVersion()}
	}
	for _, op := range req.Ops {
		if own := hashing.Partition(hashSeed, len(f.stores), op.Key); own != p && f.misplaced == "" {
			f.misplaced = fmt.Sprintf("%s of partition %d sent to %d", op.Key, own, p)
		}
	}
	if req.Kind == kvpb.RequestKind_WRITE {
		select {
		case f.writes <- struct{}{}:
		default:
		}
		if p == f.silent {
			return nil
		}
	}
	return f.stores[p-1].execute(req)
}

// keys returns n keys, and the partition of each.
func (f *fakeShards) keys(n int) (keys [][]byte, partitions []int) {
	for i := range n {
		keys = append(keys, fmt.Appendf(nil, "user%03d", i))
		partitions = append(partitions, hashing.Partition(hashSeed, len(f.stores), keys[i]))
	}
	return keys, partitions
}

// keyIn returns a key of a partition.
func (f *fakeShards) keyIn(partition int) []byte {
	keys, partitions := f.keys(1000)
	return keys[slices.Index(partitions, partition)]
}

// openStreams returns how many streams are open at a node.
func (s *fakeServer) openStreams() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}
