package core

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/holdfastdb/holdfast/hashing"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// fakeShards is a model of a sharded cluster: each partition is a log of its own, on some of the
// nodes, and moves between them; each node has some routing table, perhaps an old one.
type fakeShards struct {
	t    *rapid.T
	seed uint64
	// parts are the logs by partition - 1. Their ids of sessions are the same again and again.
	parts []*fakeCluster
	// replicas are where partitions are.
	replicas [][]int
	// tables are all versions there ever were, and holds the one each node has.
	tables []*kvpb.RoutingTable
	holds  []int
	// moved counts the epochs.
	moved uint64
	// nodeAt is the node behind each endpoint, and up whether the link lives.
	nodeAt            []int
	up                []bool
	requests, answers []flight
	proposed          []flight
}

func newFakeShards(t *rapid.T, nodes, partitions int, window uint64) *fakeShards {
	f := &fakeShards{
		t: t, seed: rapid.Uint64Range(0, 3).Draw(t, "hashSeed"), holds: make([]int, nodes), replicas: make([][]int, partitions),
	}
	for range partitions {
		f.parts = append(f.parts, newFakeCluster(t, nodes, window))
	}
	for p := range f.parts {
		f.place(p)
	}
	f.publish()
	return f
}

// place moves a partition to other nodes, one of which may lead it.
func (f *fakeShards) place(p int) {
	nodes := make([]int, len(f.holds))
	for i := range nodes {
		nodes[i] = i
	}
	nodes = rapid.Permutation(nodes).Draw(f.t, "nodes")
	f.replicas[p] = nodes[:rapid.IntRange(1, min(3, len(nodes))).Draw(f.t, "replicas")]
	f.elect(p)
}

// elect makes a replica the leader, or none.
func (f *fakeShards) elect(p int) {
	f.parts[p].leader = -1
	if i := rapid.IntRange(-1, len(f.replicas[p])-1).Draw(f.t, "leader"); i >= 0 {
		f.parts[p].leader = f.replicas[p][i]
	}
}

// publish makes a new table of how things are. Nodes learn of it later.
func (f *fakeShards) publish() {
	f.moved++
	t := &kvpb.RoutingTable{Version: uint64(len(f.tables)) + 1, Partitions: uint32(len(f.parts)), Seed: f.seed}
	for i := range f.holds {
		t.Nodes = append(t.Nodes, &kvpb.RoutingNode{Node: uint64(i) + 1, Address: fmt.Sprintf("addr%d", i)})
	}
	for p, nodes := range f.replicas {
		place := &kvpb.RoutingPartition{Partition: uint64(p) + 1, Epoch: f.moved, Leader: uint64(f.parts[p].leader + 1)}
		for _, n := range nodes {
			place.Replicas = append(place.Replicas, uint64(n)+1)
		}
		t.Places = append(t.Places, place)
	}
	f.tables = append(f.tables, t)
}

func (f *fakeShards) table(node int) *kvpb.RoutingTable { return f.tables[f.holds[node]] }

func (f *fakeShards) reply(fl flight, resp *kvpb.Response) {
	resp.Id, resp.Node = fl.req.Id, uint64(f.nodeAt[fl.ep])+1
	f.answers = append(f.answers, flight{ep: fl.ep, resp: resp})
}

// refuse answers with a refusal, as a node does: with the version of its table and perhaps a hint.
func (f *fakeShards) refuse(fl flight, code kvpb.Code, hint int) {
	resp := &kvpb.Response{Code: code, TableVersion: f.table(f.nodeAt[fl.ep]).Version}
	if hint >= 0 {
		resp.LeaderNode, resp.LeaderAddress = uint64(hint)+1, fmt.Sprintf("addr%d", hint)
	}
	f.reply(fl, resp)
}

// receive handles a request that arrived; harsh adds refusals, losses and doubt.
func (f *fakeShards) receive(fl flight, harsh bool) {
	node := f.nodeAt[fl.ep]
	if fl.req.Kind == kvpb.RequestKind_TABLE {
		switch {
		case harsh && rapid.IntRange(0, 3).Draw(f.t, "noTable") == 0:
			f.refuse(fl, kvpb.Code_UNAVAILABLE, -1)
		case harsh && rapid.IntRange(0, 5).Draw(f.t, "lostTable") == 0:
		default:
			f.reply(fl, &kvpb.Response{Code: kvpb.Code_OK, Table: proto.Clone(f.table(node)).(*kvpb.RoutingTable)})
		}
		return
	}
	p := int(fl.req.Partition) - 1
	leader := f.parts[p].leader
	hint := leader
	if harsh && rapid.Bool().Draw(f.t, "wrongHint") {
		hint = rapid.IntRange(-1, len(f.holds)-1).Draw(f.t, "hint")
	}
	reads := fl.req.Kind == kvpb.RequestKind_READ || fl.req.Kind == kvpb.RequestKind_SCAN
	switch {
	case !slices.Contains(f.replicas[p], node):
		f.refuse(fl, kvpb.Code_WRONG_PARTITION, hint)
		return
	case leader != node && !(reads && (fl.req.Stale || fl.req.Follower && leader >= 0)):
		f.refuse(fl, kvpb.Code_NOT_LEADER, hint)
		return
	}
	fate := 9
	if harsh {
		fate = rapid.IntRange(0, 9).Draw(f.t, "fate")
	}
	switch fate {
	case 0:
		f.refuse(fl, kvpb.Code_OVERLOADED, -1)
	case 1:
		f.refuse(fl, kvpb.Code_UNAVAILABLE, -1)
	case 2: // nobody hears of it again, but the log may take it
		f.proposed = append(f.proposed, fl)
	case 3: // executed, the answer is lost
		f.execute(fl.req)
	case 4:
		if !reads {
			f.proposed = append(f.proposed, fl)
		}
		f.reply(fl, &kvpb.Response{Code: kvpb.Code_OUTCOME_UNKNOWN})
	default:
		f.reply(fl, f.execute(fl.req))
	}
}

func (f *fakeShards) execute(req *kvpb.Request) *kvpb.Response {
	part := f.parts[req.Partition-1]
	switch req.Kind {
	case kvpb.RequestKind_SCAN:
		resp := part.scan(req, rapid.IntRange(1, 3).Draw(f.t, "page"))
		resp.Partition = req.Partition
		return resp
	case kvpb.RequestKind_CLOSE_SESSION:
		delete(part.sessions, req.Session)
		return &kvpb.Response{Code: kvpb.Code_OK}
	}
	resp := part.execute(req)
	resp.Partition = req.Partition
	return resp
}

// scan returns a page of at most this many pairs.
func (f *fakeCluster) scan(req *kvpb.Request, page int) *kvpb.Response {
	resp := &kvpb.Response{Code: kvpb.Code_OK, Index: f.index}
	if req.ScanLimit > 0 {
		page = min(page, int(req.ScanLimit))
	}
	for _, key := range slices.Sorted(maps.Keys(f.data)) {
		if !strings.HasPrefix(key, string(req.ScanPrefix)) || key <= string(req.ScanAfter) {
			continue
		}
		if len(resp.Pairs) == page {
			resp.More = true
			break
		}
		v := f.data[key]
		resp.Pairs = append(resp.Pairs, &kvpb.Pair{Key: []byte(key), Value: v.data, Version: v.version})
	}
	return resp
}

// partition is where a key belongs.
func (f *fakeShards) partition(key []byte) int { return hashing.Partition(f.seed, len(f.parts), key) }

// disconnect breaks a link: what was on its way arrives without an answer getting
// back, is lost, or was not sent and is returned.
func (f *fakeShards) disconnect(ep int) (notSent []uint64) {
	f.up[ep] = false
	rest := f.requests[:0]
	for _, fl := range f.requests {
		if fl.ep != ep {
			rest = append(rest, fl)
			continue
		}
		switch rapid.IntRange(0, 2).Draw(f.t, "brokenLink") {
		case 0:
			notSent = append(notSent, fl.req.Id)
		case 1:
			if fl.req.Session != 0 || fl.req.Kind == kvpb.RequestKind_WRITE {
				f.proposed = append(f.proposed, fl)
			}
		}
	}
	f.requests = rest
	return notSent
}
