package node

import (
	"fmt"
	"time"

	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/kv/replica"
)

func (q *request) respond(resp *kvpb.Response) {
	resp.Id = q.req.Id
	resp.Node = uint64(q.node.cfg.ID)
	if q.replica != nil {
		resp.Partition = uint64(q.replica.Group())
	}
	q.reply(resp)
}

func (q *request) refuse(code kvpb.Code, message string) {
	q.respond(&kvpb.Response{Code: code, Message: message})
}

// Written implements replica.Writer.
func (q *request) Written(res *machine.Result) {
	resp := &kvpb.Response{Index: res.ResultIndex, Session: res.Session, Duplicate: res.Duplicate}
	switch res.Status {
	case machine.StatusOK:
		resp.Code = kvpb.Code_OK
	case machine.StatusConditionFailed:
		resp.Code = kvpb.Code_CONDITION_FAILED
	case machine.StatusSessionUnknown:
		resp.Code = kvpb.Code_SESSION_UNKNOWN
		resp.Message = fmt.Sprintf("session %d has expired or never was: open a new one", q.req.Session)
	case machine.StatusSeqTooOld:
		resp.Code = kvpb.Code_SEQUENCE_TOO_OLD
		resp.Message = fmt.Sprintf("request %d of session %d was acknowledged before", q.req.Seq, q.req.Session)
	case machine.StatusWindowFull:
		resp.Code = kvpb.Code_WINDOW_FULL
		resp.Message = fmt.Sprintf("session %d has too many unacknowledged requests: wait for answers", q.req.Session)
	default:
		resp.Code = kvpb.Code_INVALID
		resp.Message = "the replicas refused the command: it breaks a limit of the cluster"
	}
	resp.Results = results(res.Ops)
	q.respond(resp)
}

// WriteDropped implements replica.Writer.
func (q *request) WriteDropped(why replica.Drop) { q.dropped(why) }

// Bounds of a page of a scan; the last pair may be beyond maxPageBytes.
const (
	maxPage      = 1000
	maxPageBytes = 1 << 20
)

// Read implements replica.Reader; it runs off the loop.
func (q *request) Read(m *machine.Machine) {
	if q.req.Kind == kvpb.RequestKind_SCAN {
		limit := maxPage
		if n := int(q.req.ScanLimit); n > 0 {
			limit = min(n, maxPage)
		}
		q.pairs, q.more, q.err = m.Scan(q.req.ScanPrefix, q.req.ScanAfter, limit, maxPageBytes)
		return
	}
	q.values = make([]machine.OpResult, len(q.req.Ops))
	for i, op := range q.req.Ops {
		if q.values[i], q.err = m.Get(op.Key); q.err != nil {
			return
		}
	}
}

// ReadDone implements replica.Reader.
func (q *request) ReadDone(index uint64) {
	if q.err != nil {
		q.refuse(kvpb.Code_UNAVAILABLE, fmt.Sprintf("node %d could not read its storage: %v", q.node.cfg.ID, q.err))
		q.node.Fail(fmt.Errorf("reading the storage engine: %w", q.err))
		return
	}
	resp := &kvpb.Response{Code: kvpb.Code_OK, Index: index, Results: results(q.values), More: q.more}
	for i := range q.pairs {
		p := &q.pairs[i]
		resp.Pairs = append(resp.Pairs, &kvpb.Pair{Key: p.Key, Value: p.Value, Version: p.Version})
	}
	if q.req.Stale {
		resp.LagMs = uint64(q.replica.Lag(q.node.host.Now()) / time.Millisecond)
	}
	q.respond(resp)
}

// ReadDropped implements replica.Reader.
func (q *request) ReadDropped(why replica.Drop) { q.dropped(why) }

func (q *request) dropped(why replica.Drop) {
	switch why {
	case replica.NotLeader:
		q.notLeader()
	case replica.Overloaded:
		q.refuse(kvpb.Code_OVERLOADED, fmt.Sprintf("node %d has too much to do: try again after a pause", q.node.cfg.ID))
	case replica.Stopped:
		q.refuse(kvpb.Code_UNAVAILABLE, q.node.stopMessage())
	case replica.Unknown:
		q.refuse(kvpb.Code_OUTCOME_UNKNOWN, fmt.Sprintf("node %d lost leadership before it knew whether the write was committed", q.node.cfg.ID))
	default:
		panic(fmt.Sprintf("node: request dropped for reason %d", why))
	}
}

func (q *request) notLeader() {
	resp := &kvpb.Response{Code: kvpb.Code_NOT_LEADER, TableVersion: q.node.agent.version()}
	resp.LeaderNode, resp.LeaderAddress, resp.Message = q.node.leaderHint(q.replica)
	q.respond(resp)
}

func results(ops []machine.OpResult) []*kvpb.OpResult {
	if len(ops) == 0 {
		return nil
	}
	backing := make([]kvpb.OpResult, len(ops))
	out := make([]*kvpb.OpResult, len(ops))
	for i := range ops {
		b := &backing[i]
		b.Found, b.Applied, b.Version, b.Value = ops[i].Found, ops[i].Applied, ops[i].Version, ops[i].Value
		out[i] = b
	}
	return out
}
