package core

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/holdfastdb/holdfast/hashing"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

const testSeed = 77

// tableOf is a table of nodes 1 to n at the addresses a, b and so on: partition p is on the nodes
// p and p+1, counted round, and the first one leads.
func tableOf(version uint64, nodes, partitions int) *kvpb.RoutingTable {
	t := &kvpb.RoutingTable{Version: version, Partitions: uint32(partitions), Seed: testSeed}
	for i := range nodes {
		t.Nodes = append(t.Nodes, &kvpb.RoutingNode{Node: uint64(i) + 1, Address: string(rune('a' + i))})
	}
	for p := range partitions {
		first := uint64(p % nodes)
		place := &kvpb.RoutingPartition{Partition: uint64(p) + 1, Epoch: version, Leader: first + 1, Replicas: []uint64{first + 1}}
		if nodes > 1 {
			place.Replicas = append(place.Replicas, (first+1)%uint64(nodes)+1)
		}
		t.Places = append(t.Places, place)
	}
	return t
}

// keyIn returns the i-th of some keys of a partition.
func keyIn(partitions, partition, i int) []byte {
	for n := 0; ; n++ {
		key := fmt.Appendf(nil, "key%d", n)
		if hashing.Partition(testSeed, partitions, key) != partition {
			continue
		}
		if i == 0 {
			return key
		}
		i--
	}
}

// askScript has n connected endpoints of a core that does not know yet how the cluster is sharded.
func askScript(t *testing.T, n int, change func(*Config)) *script {
	return newScript(t, n, func(cfg *Config) {
		cfg.Sharded = true
		if change != nil {
			change(cfg)
		}
	})
}

// shardScript is one that knows tableOf(1, n, partitions) from a read in each partition, and who leads.
func shardScript(t *testing.T, n, partitions int, change func(*Config)) *script {
	s := askScript(t, n, change)
	for p := 1; p <= partitions; p++ {
		s.submit(Op{Kind: Get, Key: keyIn(partitions, p, 0)})
		sent := s.next()
		if p == 1 {
			s.answerTable(sent, tableOf(1, n, partitions))
			sent = s.next()
		}
		require.Equal(t, (p-1)%n, sent.Endpoint, "the leader that the table names")
		require.Equal(t, uint64(p), sent.Request.Partition)
		s.answer(sent, found())
		require.Equal(t, OK, s.completion().Outcome)
		require.Equal(t, sent.Endpoint, s.c.LeaderOf(p))
	}
	s.idle()
	return s
}

func (s *script) answerTable(to Send, table *kvpb.RoutingTable) {
	s.t.Helper()
	require.Equal(s.t, kvpb.RequestKind_TABLE, to.Request.Kind)
	s.answer(to, &kvpb.Response{Code: kvpb.Code_OK, Node: uint64(to.Endpoint) + 1, Table: proto.Clone(table).(*kvpb.RoutingTable)})
}

// refuse answers with a refusal of a node that has this version of the table.
func (s *script) refuse(to Send, code kvpb.Code, version uint64) {
	s.answer(to, &kvpb.Response{Code: code, TableVersion: version})
}

// open answers the request for a session that must come next.
func (s *script) open(session uint64) {
	s.t.Helper()
	sent := s.next()
	require.Equal(s.t, kvpb.RequestKind_OPEN_SESSION, sent.Request.Kind)
	s.answer(sent, &kvpb.Response{Code: kvpb.Code_OK, Session: session})
}

// putIn writes a key of a partition, in the session.
func (s *script) putIn(partitions, partition int) Send {
	s.t.Helper()
	s.submit(Op{Kind: Put, Key: keyIn(partitions, partition, 0), Value: []byte("v")})
	if s.c.SessionOf(partition) == 0 {
		s.open(100)
	}
	sent := s.next()
	require.Equal(s.t, kvpb.RequestKind_WRITE, sent.Request.Kind)
	require.Equal(s.t, uint64(partition), sent.Request.Partition)
	return sent
}

func (s *script) ok(to Send) {
	s.t.Helper()
	s.answer(to, &kvpb.Response{Code: kvpb.Code_OK, Results: make([]*kvpb.OpResult, len(to.Request.Ops))})
	require.Equal(s.t, OK, s.completion().Outcome)
}

// until lets time pass until something is sent, and returns it and how long that took.
func (s *script) until(limit time.Duration) (Send, time.Duration) {
	s.t.Helper()
	begin := s.now
	for len(s.sent) == 0 {
		at := s.c.Deadline()
		require.LessOrEqual(s.t, at.Sub(begin), limit, "nothing is sent")
		s.now = max(s.now, at)
		s.c.Tick(s.now)
		s.take()
	}
	return s.next(), s.now.Sub(begin)
}
