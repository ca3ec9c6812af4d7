package core

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// shardWorld is a core, its sharded cluster, and what the test knows of each operation.
type shardWorld struct {
	*fakeShards
	c      *Core
	now    int64
	serial int
	open   map[OpID]string
	specs  map[string]Op
	done   map[string]Completion
	// keyOf is the key that each value was written under.
	keyOf map[string]string
	// hung are endpoints that were hung up and not reported as closed.
	hung []int
	// sent, acked and ids are as in world, by partition.
	sent  map[[3]uint64]string
	acked map[[2]uint64]uint64
	ids   map[uint64]bool
	// walks are all scans, scans those that want their next page.
	walks, scans []*walk
}

// walk is a scan from its first page to its last one.
type walk struct {
	prefix string
	cursor []byte
	seen   map[string]bool
	over   bool
}

// anchors are keys that exist from the beginning and are never erased.
const anchors = 9

// newShardWorld is of 1 to 5 nodes. If cramped, the core may have too few endpoints for all of them.
func newShardWorld(t *rapid.T, cramped bool) *shardWorld {
	nodes := rapid.IntRange(1, 5).Draw(t, "nodes")
	configured := rapid.IntRange(1, nodes).Draw(t, "endpoints")
	cfg := Config{
		Endpoints: configured, Seed: rapid.Uint64().Draw(t, "seed"), Sharded: true,
		MaxEndpoints:   nodes + rapid.IntRange(0, 2).Draw(t, "moreEndpoints"),
		AttemptTimeout: 100, RetryBackoffMin: 5, RetryBackoffMax: 80, EndpointIdle: 250,
		MaxOutstanding: rapid.IntRange(1, 12).Draw(t, "outstanding"), MaxQueued: rapid.IntRange(0, 6).Draw(t, "queued"),
		SessionWindow: rapid.IntRange(1, 8).Draw(t, "window"), KeepAlive: 2048, MaxBatch: rapid.IntRange(2, 4).Draw(t, "batch"),
	}
	if cramped {
		cfg.MaxEndpoints = rapid.IntRange(configured, nodes).Draw(t, "maxEndpoints")
	}
	if rapid.Bool().Draw(t, "oftenIdle") {
		cfg.KeepAlive = 128
	}
	for i := range configured {
		cfg.Addresses = append(cfg.Addresses, fmt.Sprintf("addr%d", i))
	}
	w := &shardWorld{
		fakeShards: newFakeShards(t, nodes, rapid.IntRange(1, 4).Draw(t, "partitions"), rapid.Uint64Range(1, 8).Draw(t, "serverWindow")),
		c:          New(cfg, 0), open: map[OpID]string{}, specs: map[string]Op{}, done: map[string]Completion{},
		keyOf: map[string]string{}, sent: map[[3]uint64]string{}, acked: map[[2]uint64]uint64{}, ids: map[uint64]bool{},
	}
	for i := range configured {
		w.nodeAt, w.up = append(w.nodeAt, i), append(w.up, false)
	}
	for i := range anchors {
		key := fmt.Sprintf("anchor%d", i)
		w.keyOf["of "+key] = key
		w.parts[w.partition([]byte(key))-1].data[key] = fakeValue{data: []byte("of " + key), version: 1}
	}
	return w
}

func (w *shardWorld) instant() env.Instant { return env.Instant(w.now) }

// write is a random item with a value, or a key to erase, that no other one has.
func (w *shardWorld) write(tag string) Item {
	it := Item{Kind: Put, Key: fmt.Appendf(nil, "key%d", rapid.IntRange(0, 5).Draw(w.t, "key")), Value: []byte(tag)}
	w.keyOf[tag] = string(it.Key)
	return it
}

// spec is a random operation.
func (w *shardWorld) spec(tag string) Op {
	it := w.write(tag)
	op := Op{
		Kind: Kind(rapid.IntRange(int(Put), int(MultiPut)).Draw(w.t, "kind")), Key: it.Key, Value: it.Value,
		ExpectVersion: 1, ExpectValue: []byte("of anchor1"), Stale: rapid.Bool().Draw(w.t, "stale"),
		NoSession: rapid.IntRange(0, 3).Draw(w.t, "noSession") == 0,
	}
	op.Follower = !op.Stale && rapid.Bool().Draw(w.t, "follower")
	switch op.Kind {
	case Erase:
		op.Key = []byte(tag)
	case Batch:
		op.Items = []Item{it, w.write(tag + "+")}
		op.Items[1].Kind = PutIfAbsent
	case MultiGet:
		for i := range rapid.IntRange(1, 8).Draw(w.t, "items") {
			op.Items = append(op.Items, Item{Kind: Get, Key: fmt.Appendf(nil, "anchor%d", i)})
		}
	case MultiPut:
		for i := range rapid.IntRange(1, 8).Draw(w.t, "items") {
			value := fmt.Sprintf("%s.%d", tag, i)
			it := Item{Kind: Put, Key: fmt.Appendf(nil, "key%d", i), Value: []byte(value)}
			w.keyOf[value] = string(it.Key)
			if rapid.IntRange(0, 3).Draw(w.t, "erase") == 0 {
				it.Kind, it.Key = Erase, []byte(value)
			}
			op.Items = append(op.Items, it)
		}
	}
	return op
}

func (w *shardWorld) submit() {
	w.serial++
	tag := fmt.Sprintf("op%d", w.serial)
	op := w.spec(tag)
	op.Tag = tag
	if rapid.Bool().Draw(w.t, "hasDeadline") {
		op.Deadline = env.Instant(w.now + rapid.Int64Range(0, 400).Draw(w.t, "deadline"))
	}
	w.specs[tag] = op
	w.open[w.c.Submit(w.instant(), op)] = tag
}

// turn asks for a page of a scan: the first one, or the next.
func (w *shardWorld) turn(s *walk) {
	op := Op{
		Kind: Scan, Prefix: []byte(s.prefix), Cursor: s.cursor, Limit: rapid.IntRange(0, 2).Draw(w.t, "limit"), Tag: s,
		Stale: rapid.IntRange(0, 3).Draw(w.t, "staleScan") == 0, Deadline: env.Instant(w.now + 500),
	}
	op.Follower = !op.Stale && rapid.Bool().Draw(w.t, "followerScan")
	w.c.Submit(w.instant(), op)
}

// turned takes a page, and asks for the next one, or for the same again.
func (w *shardWorld) turned(s *walk, d *Completion) {
	if d.Outcome == OK {
		w.checkPairs(s, d.Result.Pairs)
		s.cursor = d.Result.Cursor
		s.over = s.cursor == nil
	} else {
		require.NotEqual(w.t, Unknown, d.Outcome, "a read is never unknown")
		require.Contains(w.t, []Reason{ReasonDeadline, ReasonOverloaded, ReasonClosed}, d.Err.Reason, "%v", d.Err)
		s.over = d.Err.Reason == ReasonClosed
		if s.over {
			s.seen = nil
		}
	}
	if !s.over {
		w.scans = append(w.scans, s)
	}
}

func (w *shardWorld) checkPairs(s *walk, pairs []Pair) {
	for _, p := range pairs {
		require.True(w.t, strings.HasPrefix(string(p.Key), s.prefix))
		require.False(w.t, s.seen[string(p.Key)], "CORE-17: %s came twice", p.Key)
		require.Equal(w.t, w.keyOf[string(p.Value)], string(p.Key))
		s.seen[string(p.Key)] = true
	}
}

// pump carries out the output and checks what can be checked of it at once.
func (w *shardWorld) pump() {
	require.NoError(w.t, w.c.CheckInvariants())
	out := w.c.Output()
	for _, d := range out.Dials {
		node, err := strconv.Atoi(strings.TrimPrefix(d.Address, "addr"))
		require.NoError(w.t, err)
		if d.Endpoint == len(w.up) {
			w.up, w.nodeAt = append(w.up, false), append(w.nodeAt, 0)
		}
		require.NotContains(w.t, w.hung, d.Endpoint, "CORE-16: dialled before it was closed")
		w.nodeAt[d.Endpoint] = node
	}
	for _, ep := range out.Hangups {
		require.GreaterOrEqual(w.t, ep, w.c.cfg.Endpoints, "CORE-16: a configured endpoint is hung up")
		w.hung = append(w.hung, ep)
	}
	for i := range out.Done {
		w.ended(&out.Done[i])
	}
	for _, s := range out.Sends {
		require.True(w.t, w.up[s.Endpoint], "sent to an endpoint that is not connected")
		require.NotContains(w.t, w.hung, s.Endpoint, "CORE-16: sent to an endpoint that is hung up")
		w.checkSend(s.Request)
		w.requests = append(w.requests, flight{ep: s.Endpoint, req: s.Request})
	}
}

func (w *shardWorld) ended(d *Completion) {
	if s, ok := d.Tag.(*walk); ok {
		w.turned(s, d)
		return
	}
	tag := d.Tag.(string)
	_, twice := w.done[tag]
	require.False(w.t, twice, "CORE-1: %s completed twice", tag)
	w.done[tag] = *d
	delete(w.open, d.Op)
}

func (w *shardWorld) checkSend(req *kvpb.Request) {
	require.False(w.t, w.ids[req.Id], "CORE-2: id %d used twice", req.Id)
	w.ids[req.Id] = true
	for _, op := range req.Ops {
		require.Equal(w.t, w.partition(op.Key), int(req.Partition), "CORE-11: %s sent to another partition", op.Key)
	}
	if req.Session == 0 {
		return
	}
	session := [2]uint64{req.Partition, req.Session}
	w.acked[session] = max(w.acked[session], req.Acked)
	for seq := uint64(1); seq <= req.Acked; seq++ {
		// Parts of a MultiPut end before all of it does, so they are left out.
		if tag, ok := w.sent[[3]uint64{req.Partition, req.Session, seq}]; ok && !strings.Contains(tag, ".") {
			require.Contains(w.t, w.done, tag, "CORE-4: acknowledged %d before it completed", seq)
		}
	}
	if req.Seq == 0 {
		return
	}
	require.Greater(w.t, req.Seq, w.acked[session], "CORE-4: number sent after it was acknowledged")
	key := [3]uint64{req.Partition, req.Session, req.Seq}
	if tag, ok := w.sent[key]; ok {
		require.Equal(w.t, tag, tagOf(req), "CORE-3: one number for two writes")
	}
	w.sent[key] = tagOf(req)
}

// close reports an endpoint that was hung up as closed: nothing more comes from it.
func (w *shardWorld) close(ep int) {
	w.hung = slices.DeleteFunc(w.hung, func(e int) bool { return e == ep })
	w.c.Disconnected(w.instant(), ep, w.disconnect(ep))
	w.answers = slices.DeleteFunc(w.answers, func(fl flight) bool { return fl.ep == ep })
	w.c.Closed(w.instant(), ep)
}

// connect connects an endpoint, unless its number stands for nothing at the moment.
func (w *shardWorld) connect(ep int) {
	if !w.c.endpoints[ep].gone {
		w.up[ep] = true
	}
	w.c.Connected(w.instant(), ep)
}
