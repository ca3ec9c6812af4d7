package node

import (
	"fmt"

	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/kv/replica"
	"github.com/holdfastdb/holdfast/raft"
)

// request is one client request on its way through a replica. It is the waiter for
// both writes and reads.
type request struct {
	node    *Node
	replica *replica.Replica
	req     *kvpb.Request
	reply   func(*kvpb.Response)

	// values and err are what a read found; they belong to the apply job until
	// ReadDone.
	values []machine.OpResult
	pairs  []machine.Pair
	more   bool
	err    error
}

var (
	_ replica.Writer = (*request)(nil)
	_ replica.Reader = (*request)(nil)
)

// Request executes a client's request and answers through reply, exactly once,
// possibly before it returns.
func (n *Node) Request(req *kvpb.Request, reply func(*kvpb.Response)) {
	q := &request{node: n, req: req, reply: reply}
	if n.stopped {
		q.refuse(kvpb.Code_UNAVAILABLE, n.stopMessage())
		return
	}
	if req.Kind == kvpb.RequestKind_TABLE {
		n.answerTable(q)
		return
	}
	if !n.route(q) {
		return
	}
	if message := checkRequest(req, &n.cfg.Limits); message != "" {
		q.refuse(kvpb.Code_INVALID, message)
		return
	}
	reads := req.Kind == kvpb.RequestKind_READ || req.Kind == kvpb.RequestKind_SCAN
	switch {
	case reads && req.Stale:
		n.use(q.replica).ReadStale(q)
	case reads && req.Follower:
		n.use(q.replica).ReadHere(q)
	case reads:
		n.use(q.replica).Read(q)
	default:
		n.write(q)
	}
}

func (n *Node) write(q *request) {
	cmd := command(q.req, n.host.WallNow())
	encoded := machine.AppendCommand(nil, &cmd)
	if len(encoded) > raft.MaxEntryBytes {
		q.refuse(kvpb.Code_INVALID, fmt.Sprintf("the request takes %d bytes in the log, the limit is %d: split it into several requests",
			len(encoded), raft.MaxEntryBytes))
		return
	}
	n.use(q.replica).Write(encoded, q)
}

func (n *Node) stopMessage() string {
	if n.failure != nil {
		return fmt.Sprintf("node %d has stopped serving: %v", n.cfg.ID, n.failure)
	}
	return fmt.Sprintf("node %d is stopping", n.cfg.ID)
}

// checkRequest returns what is wrong with a request, or "".
func checkRequest(req *kvpb.Request, limits *machine.Limits) string {
	switch req.Kind {
	case kvpb.RequestKind_OPEN_SESSION:
		return ""
	case kvpb.RequestKind_CLOSE_SESSION, kvpb.RequestKind_KEEP_ALIVE:
		if req.Session == 0 {
			return "the request names no session"
		}
		return ""
	case kvpb.RequestKind_SCAN:
		if len(req.ScanPrefix) > limits.MaxKey || len(req.ScanAfter) > limits.MaxKey {
			return fmt.Sprintf("a scan's prefix and place have at most %d bytes, as keys have", limits.MaxKey)
		}
		return ""
	case kvpb.RequestKind_READ, kvpb.RequestKind_WRITE:
	default:
		return fmt.Sprintf("request kind %d is not known", req.Kind)
	}
	if len(req.Ops) == 0 || len(req.Ops) > limits.MaxOps {
		return fmt.Sprintf("a request has 1 to %d operations, this one has %d", limits.MaxOps, len(req.Ops))
	}
	if req.Kind == kvpb.RequestKind_WRITE && req.Session != 0 && req.Seq == 0 {
		return "a write in a session needs a sequence number from 1 on"
	}
	if req.Kind == kvpb.RequestKind_WRITE && req.Session == 0 && req.Seq != 0 {
		return "a sequence number without a session means nothing: open a session, or leave it out"
	}
	for _, op := range req.Ops {
		if message := checkOp(op, req.Kind, limits); message != "" {
			return message
		}
	}
	return ""
}

func checkOp(op *kvpb.Op, kind kvpb.RequestKind, limits *machine.Limits) string {
	switch {
	case op == nil:
		return "an operation is empty"
	case len(op.Key) == 0:
		return "the key is empty: keys have at least 1 byte"
	case len(op.Key) > limits.MaxKey:
		return fmt.Sprintf("the key has %d bytes, the limit is %d", len(op.Key), limits.MaxKey)
	case len(op.Value) > limits.MaxValue || len(op.CondValue) > limits.MaxValue:
		return fmt.Sprintf("a value has %d bytes, the limit is %d: split it over several keys",
			max(len(op.Value), len(op.CondValue)), limits.MaxValue)
	case kind == kvpb.RequestKind_READ && op.Kind != kvpb.OpKind_GET:
		return "a read request only has GET operations"
	case kind == kvpb.RequestKind_READ && op.Cond != kvpb.Condition_NONE:
		return "a read request has no conditions: send the GET in a write request"
	case op.Kind < kvpb.OpKind_PUT || op.Kind > kvpb.OpKind_GET:
		return fmt.Sprintf("operation kind %d is not known", op.Kind)
	case op.Cond < kvpb.Condition_NONE || op.Cond > kvpb.Condition_VALUE_IS:
		return fmt.Sprintf("condition %d is not known", op.Cond)
	case op.Cond == kvpb.Condition_VERSION_IS && op.CondVersion == 0:
		return "version 0 never is: to demand that a key has no value use the condition ABSENT"
	}
	return ""
}

var (
	opKinds = [...]machine.OpKind{
		kvpb.OpKind_PUT: machine.OpPut, kvpb.OpKind_ERASE: machine.OpErase, kvpb.OpKind_GET: machine.OpGet,
	}
	conditions = [...]machine.CondKind{
		kvpb.Condition_NONE: machine.CondNone, kvpb.Condition_ABSENT: machine.CondAbsent,
		kvpb.Condition_VERSION_IS: machine.CondVersion, kvpb.Condition_VALUE_IS: machine.CondValue,
	}
	commandKinds = [...]machine.CommandKind{
		kvpb.RequestKind_WRITE:        machine.CmdApply,
		kvpb.RequestKind_OPEN_SESSION: machine.CmdOpenSession, kvpb.RequestKind_CLOSE_SESSION: machine.CmdCloseSession,
		kvpb.RequestKind_KEEP_ALIVE: machine.CmdKeepAlive,
	}
)

// command translates a checked request. The leader's wall clock goes into the entry as a
// proposal for log time; nothing reads a clock when the entry is applied (COMM-16).
func command(req *kvpb.Request, wall int64) machine.Command {
	cmd := machine.Command{
		Kind: commandKinds[req.Kind], Time: wall, Session: req.Session, Seq: req.Seq, Acked: req.Acked,
	}
	if req.Kind != kvpb.RequestKind_WRITE {
		return cmd
	}
	cmd.Ops = make([]machine.Op, len(req.Ops))
	for i, op := range req.Ops {
		cmd.Ops[i] = machine.Op{
			Kind: opKinds[op.Kind], Key: op.Key, Value: op.Value,
			Cond: conditions[op.Cond], CondVersion: op.CondVersion, CondValue: op.CondValue,
		}
	}
	return cmd
}
