package node

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/kv/replica"
	"github.com/holdfastdb/holdfast/raft"
)

// Goal: a request that breaks a rule is refused as INVALID with a message that names the rule, and nothing is proposed. Method:
// one request for each rule; the log must not grow, and a good request of the same kind must pass.
func TestBadRequestsAreRefused(t *testing.T) {
	r := newRig(t, 1)
	r.cfg.Limits.MaxKey, r.cfg.Limits.MaxValue, r.cfg.Limits.MaxOps = 4, 8, 2
	require.NoError(t, r.start())
	r.lead()
	put, get := op(kvpb.OpKind_PUT, "k", "v"), op(kvpb.OpKind_GET, "k", "")
	with := func(o *kvpb.Op, change func(*kvpb.Op)) *kvpb.Request {
		changed := &kvpb.Op{Kind: o.Kind, Key: o.Key, Value: o.Value}
		change(changed)
		return writing(changed)
	}
	write, read := kvpb.RequestKind_WRITE, kvpb.RequestKind_READ
	long := strings.Repeat("x", 9)
	before := r.status().Last
	for _, c := range []struct {
		message string
		req     *kvpb.Request
	}{
		{"request kind 0 is not known", &kvpb.Request{}},
		{"request kind 9 is not known", &kvpb.Request{Kind: 9, Ops: []*kvpb.Op{put}}},
		{"names no session", &kvpb.Request{Kind: kvpb.RequestKind_CLOSE_SESSION}},
		{"names no session", &kvpb.Request{Kind: kvpb.RequestKind_KEEP_ALIVE}},
		{"1 to 2 operations, this one has 0", writing()},
		{"1 to 2 operations, this one has 3", writing(put, put, put)},
		{"1 to 2 operations, this one has 0", &kvpb.Request{Kind: read}},
		{"needs a sequence number", &kvpb.Request{Kind: write, Session: 3, Ops: []*kvpb.Op{put}}},
		{"without a session means nothing", &kvpb.Request{Kind: write, Seq: 3, Ops: []*kvpb.Op{put}}},
		{"an operation is empty", writing(put, nil)},
		{"the key is empty", with(put, func(o *kvpb.Op) { o.Key = nil })},
		{"the key has 9 bytes, the limit is 4", with(put, func(o *kvpb.Op) { o.Key = []byte(long) })},
		{"a value has 9 bytes, the limit is 8", with(put, func(o *kvpb.Op) { o.Value = []byte(long) })},
		{"a value has 9 bytes, the limit is 8", with(put, func(o *kvpb.Op) { o.CondValue = []byte(long) })},
		{"only has GET operations", &kvpb.Request{Kind: read, Ops: []*kvpb.Op{put}}},
		{"has no conditions", &kvpb.Request{Kind: read, Ops: []*kvpb.Op{{Kind: kvpb.OpKind_GET, Key: []byte("k"), Cond: kvpb.Condition_ABSENT}}}},
		{"operation kind 0 is not known", with(put, func(o *kvpb.Op) { o.Kind = 0 })},
		{"operation kind 4 is not known", with(put, func(o *kvpb.Op) { o.Kind = 4 })},
		{"condition 4 is not known", with(put, func(o *kvpb.Op) { o.Cond = 4 })},
		{"condition -1 is not known", with(put, func(o *kvpb.Op) { o.Cond = -1 })},
		{"version 0 never is", with(put, func(o *kvpb.Op) { o.Cond = kvpb.Condition_VERSION_IS })},
	} {
		c.req.Id = 77
		got := r.call(c.req)
		r.settle()
		require.Equal(t, kvpb.Code_INVALID, got.code(), c.message)
		require.Contains(t, got.answers[0].Message, c.message)
		require.Equal(t, uint64(77), got.answers[0].Id)
	}
	require.Equal(t, before, r.status().Last, "something was proposed")
	elsewhere := putting("k", "v")
	elsewhere.Partition = 2
	require.Equal(t, kvpb.Code_WRONG_PARTITION, r.call(elsewhere).code())
	for _, good := range []*kvpb.Request{writing(put, get), {Kind: read, Ops: []*kvpb.Op{get}, Partition: 1}, {Kind: kvpb.RequestKind_OPEN_SESSION}} {
		got := r.call(good)
		r.settle()
		require.Equal(t, kvpb.Code_OK, got.code(), good)
	}
}

// Goal: a command that no log entry holds is refused and does not spoil the turn for others. Method: 65 values of 1 MiB beside a small write.
func TestRequestBeyondAnEntryIsRefused(t *testing.T) {
	r := newRig(t, 1).lead()
	value := strings.Repeat("x", 1<<20)
	huge := writing()
	for range 65 {
		huge.Ops = append(huge.Ops, op(kvpb.OpKind_PUT, "k", value))
	}
	small, refused := r.call(putting("k", "v")), r.call(huge)
	r.settle()
	require.Equal(t, kvpb.Code_INVALID, refused.code())
	require.Contains(t, refused.answers[0].Message, "split it")
	require.Equal(t, kvpb.Code_OK, small.code())
}

// Goal: what the machine says and what a drop means reach the client as the right code. Method: provoke each status through a
// real log, and the rest on a request directly.
func TestCodesOfAnswers(t *testing.T) {
	r := newRig(t, 1)
	r.cfg.Limits.SessionWindow = 2
	require.NoError(t, r.start())
	r.lead()
	do := func(req *kvpb.Request) *kvpb.Response {
		c := r.call(req)
		r.settle()
		require.Len(t, c.answers, 1)
		return c.answers[0]
	}
	opened := do(&kvpb.Request{Kind: kvpb.RequestKind_OPEN_SESSION})
	require.Equal(t, kvpb.Code_OK, opened.Code)
	require.Equal(t, opened.Index, opened.Session)
	inSession := func(session, seq, acked uint64) *kvpb.Request {
		req := putting("k", "v")
		req.Session, req.Seq, req.Acked = session, seq, acked
		return req
	}
	first := do(inSession(opened.Session, 1, 0))
	require.Equal(t, kvpb.Code_OK, first.Code)
	require.Equal(t, first.Index, first.Results[0].Version)
	require.Equal(t, []uint64{5, 1, 1}, []uint64{first.Id, first.Node, first.Partition})
	again := do(inSession(opened.Session, 1, 0))
	require.Equal(t, []uint64{first.Index, first.Results[0].Version}, []uint64{again.Index, again.Results[0].Version})
	require.True(t, again.Duplicate && !first.Duplicate)
	require.Equal(t, kvpb.Code_WINDOW_FULL, do(inSession(opened.Session, 4, 0)).Code)
	require.Equal(t, kvpb.Code_OK, do(inSession(opened.Session, 2, 1)).Code)
	require.Equal(t, kvpb.Code_SEQUENCE_TOO_OLD, do(inSession(opened.Session, 1, 1)).Code)
	require.Equal(t, kvpb.Code_SESSION_UNKNOWN, do(inSession(99, 1, 0)).Code)
	conditional := putting("k", "w")
	conditional.Ops[0].Cond = kvpb.Condition_ABSENT
	failed := do(conditional)
	require.Equal(t, kvpb.Code_CONDITION_FAILED, failed.Code)
	require.Equal(t, "v", string(failed.Results[0].Value))
	got := do(reading("k"))
	require.Equal(t, kvpb.Code_OK, got.Code)
	require.True(t, got.Results[0].Found)
	require.Equal(t, "v", string(got.Results[0].Value))
	require.Equal(t, r.status().Applied, got.Index)

	var resp *kvpb.Response
	q := &request{node: r.n, replica: r.n.Replica(0), req: putting("k", "v"), reply: func(a *kvpb.Response) { resp = a }}
	q.Written(&machine.Result{Status: machine.StatusInvalid})
	require.Equal(t, kvpb.Code_INVALID, resp.Code)
	require.Panics(t, func() { q.WriteDropped(0) })
}

// Goal: a node that does not lead says who does. Method: on a follower of a known leader, and on one of nobody.
func TestFollowerNamesTheLeader(t *testing.T) {
	r := newRig(t, 3)
	r.settle()
	lost := r.call(putting("k", "v"))
	require.Equal(t, kvpb.Code_NOT_LEADER, lost.code())
	require.Zero(t, lost.answers[0].LeaderNode)
	r.depose()
	r.settle()
	for _, req := range []*kvpb.Request{putting("k", "v"), reading("k")} {
		c := r.call(req)
		require.Equal(t, kvpb.Code_NOT_LEADER, c.code())
		require.Equal(t, uint64(3), c.answers[0].LeaderNode)
		require.Equal(t, "client3", c.answers[0].LeaderAddress)
	}
}

// Goal: a stale read tells how far behind it may be, also if nobody knows: in milliseconds that a client can make a duration of.
// Method: on a follower that only knows who leads, then after an entry of that leader was committed and applied.
func TestStaleReadReportsItsLag(t *testing.T) {
	r := newRig(t, 3)
	r.settle()
	r.depose()
	lag := func() time.Duration {
		stale := reading("k")
		stale.Stale = true
		c := r.call(stale)
		r.settle()
		require.Equal(t, kvpb.Code_OK, c.code())
		return time.Duration(c.answers[0].LagMs) * time.Millisecond
	}
	require.Equal(t, replica.LagUnknown.Truncate(time.Millisecond), lag())
	term := r.n.Replica(0).Raft().Term()
	r.n.Receive(3, r.message(raft.Message{
		Type: raft.MsgAppend, Group: TheGroup, From: 3, To: 1, Term: term, LogIndex: 1, LogTerm: 1,
		Entries: []raft.Entry{{Index: 2, Term: term, Kind: raft.EntryNoOp}}, Commit: 2,
	}))
	r.settle()
	r.now = r.now.Add(30 * time.Millisecond)
	require.Equal(t, 30*time.Millisecond, lag())
}

// Goal: the time of an entry is the leader's wall clock, so that sessions expire by log time. Method: a write at a wall time.
func TestWritesCarryTheWallClock(t *testing.T) {
	r := newRig(t, 1)
	cmd := command(putting("k", "v"), 4711)
	require.Equal(t, int64(4711), cmd.Time)
	require.Equal(t, []machine.Op{{Kind: machine.OpPut, Key: []byte("k"), Value: []byte("v")}}, cmd.Ops)
	require.Nil(t, command(&kvpb.Request{Kind: kvpb.RequestKind_KEEP_ALIVE, Session: 3, Ops: putting("k", "v").Ops}, 1).Ops)
	require.NoError(t, r.n.Failed())
}
