package node

import (
	"iter"
	"slices"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/replica"
	"github.com/holdfastdb/holdfast/kv/transfer"
	"github.com/holdfastdb/holdfast/kv/wal"
	"github.com/holdfastdb/holdfast/raft"
)

// Node is one node. It implements env.Program.
type Node struct {
	cfg  Config
	host env.Host
	deps Deps

	groups   groups
	agent    agent
	vigil    vigil
	flush    sharedFlush
	setPeers func(map[env.NodeID]string)
	commit   groupCommit

	// askNext is when a node that lost its data asks again to be taken back.
	askNext env.Instant
	// addressNext is when a leader looks again for members without an address.
	addressNext env.Instant
	handOver    []handOver
	// transfers are the operators who wait for another leader.
	transfers []pendingTransfer
	// applies are what the groups of the turn under way have to apply; turning is set meanwhile.
	applies []*groupJob
	turning bool
	// armed is the instant the host was last asked to call Tick at.
	armed   env.Instant
	started env.Instant
	// rejected counts payloads that were dropped unread (NODE-4).
	rejected uint64
	stopped  bool
	failure  error
}

var _ env.Program = (*Node)(nil)

// New starts a node from what recovery found in its log and engine. Its first
// Turn must follow.
func New(cfg Config, deps Deps) (*Node, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	n := &Node{cfg: cfg, host: deps.Host, deps: deps, groups: newGroups(), vigil: vigil{over: map[env.NodeID]*watch{}, next: env.Never}, armed: env.Never, started: deps.Host.Now()}
	n.commit.init(n)
	n.flush.node = n
	if err := n.agent.init(n); err != nil {
		return nil, err
	}
	if err := n.recoverReplicas(); err != nil {
		return nil, err
	}
	n.agent.create()
	return n, nil
}

// Replica returns the replica of a group, nil if there is none here. Where the cluster is one group, group 0
// stands for it.
func (n *Node) Replica(id raft.GroupID) *replica.Replica {
	if id == 0 && !n.cfg.sharded() {
		id = TheGroup
	}
	if g := n.groups.get(id); g != nil {
		return g.replica
	}
	return nil
}

// Replicas are those that the node has, ascending in their groups.
func (n *Node) Replicas() iter.Seq[*replica.Replica] {
	return func(yield func(*replica.Replica) bool) {
		for _, g := range n.groups.all {
			if g.replica != nil && !yield(g.replica) {
				return
			}
		}
	}
}

// Turned yields the groups that took part in the last turn or were handed something since, some perhaps twice: the replica of no other
// group has changed, begun or gone (NODE-10). For those who watch the node.
func (n *Node) Turned() iter.Seq[raft.GroupID] {
	return func(yield func(raft.GroupID) bool) {
		for _, list := range [...][]*group{n.groups.turning, n.groups.ready} {
			for _, g := range list {
				if !yield(g.id) {
					return
				}
			}
		}
	}
}

// use has the replica take part in the next turn, and returns it. Whoever hands a replica something
// gets it from here (NODE-10).
func (n *Node) use(r *replica.Replica) *replica.Replica {
	n.groups.touch(n.groups.get(r.Group()))
	return r
}

// ID is the node's id.
func (n *Node) ID() env.NodeID { return n.cfg.ID }

// Failed is why the node stopped serving by itself; nil while it serves.
func (n *Node) Failed() error { return n.failure }

// Stop refuses all further requests and messages and ends the pending ones honestly.
func (n *Node) Stop() {
	n.stopped = true
	n.settleTransfers(n.host.Now())
	n.settleHandOver(env.Never)
	for r := range n.Replicas() {
		r.Stop()
	}
}

// Fail stops the node because it cannot keep its promises any longer (NODE-2).
func (n *Node) Fail(err error) {
	if n.failure != nil {
		return
	}
	n.failure = err
	n.Stop()
}

// Receive hands in one payload from another node.
func (n *Node) Receive(from env.NodeID, payload []byte) {
	if n.stopped {
		return
	}
	ok := false
	if isRaft(payload) {
		// Most messages by far. They are decoded apart, as what holds any message is too large to be made for each.
		m, err := raft.DecodeMessage(payload[envelopeBytes:])
		ok = err == nil && n.deliverRaft(from, &m)
	} else if d, err := decode(payload); err == nil {
		ok = n.deliver(from, &d)
	}
	if !ok {
		n.rejected++
	}
}

// deliverRaft hands a message to the replica that it is for; false if there is none, or if the
// message is not what the sending node can have sent.
func (n *Node) deliverRaft(from env.NodeID, m *raft.Message) bool {
	now := n.host.Now()
	if env.NodeID(m.From.Node()) != from || m.Term > wal.MaxTerm {
		return false
	}
	r := n.receiver(m.Group, m.To, m.Join)
	if r == nil {
		n.correctStore(now, from, m)
		return false
	}
	n.use(r).Receive(now, *m)
	return true
}

// deliver does the same with a message of another kind.
func (n *Node) deliver(from env.NodeID, d *decoded) bool {
	now := n.host.Now()
	switch d.kind {
	case kindHash:
		r := n.Replica(d.hash.group)
		if r == nil || d.hash.group == 0 || env.NodeID(d.hash.from.Node()) != from {
			return false
		}
		n.use(r).PeerHash(d.hash.from, d.hash.index, d.hash.hash)
	case kindTransfer:
		return n.deliverTransfer(now, from, d)
	case kindRejoin:
		return n.deliverRejoin(now, from, &d.rejoin)
	case kindAlive:
		n.deliverAlive(now, from, d.life)
	case kindReport:
		return n.cfg.sharded() && n.agent.deliverReport(now, from, &d.report)
	case kindOrders:
		if !n.cfg.sharded() {
			return false
		}
		n.agent.obey(now, from, &d.orders)
	}
	return true
}

// deliverRejoin hands on what a node asks that lost its data. It need not know the leader: a member that is asked
// passes the request on.
func (n *Node) deliverRejoin(now env.Instant, from env.NodeID, j *rejoin) bool {
	r := n.Replica(j.group)
	if r == nil || j.group == 0 {
		return false
	}
	config := r.Raft().Configuration()
	if _, member := config.OnNode(uint64(from)); j.node != from && !member {
		return false
	}
	leader := r.Raft().Leader()
	if j.node == from && leader != 0 && leader != r.ID() && env.NodeID(leader.Node()) != from {
		n.host.Send(env.NodeID(leader.Node()), env.ChannelControl, appendRejoin(nil, *j))
		return true
	}
	n.use(r).Rejoin(now, j.node, j.store, j.address)
	return true
}

// deliverTransfer hands on a message of a snapshot's transfer.
func (n *Node) deliverTransfer(now env.Instant, from env.NodeID, d *decoded) bool {
	if d.isAck {
		r := n.Replica(d.ack.Group)
		if r == nil || d.ack.Group == 0 || r.ID() != d.ack.To || env.NodeID(d.ack.From.Node()) != from {
			return false
		}
		n.use(r).TransferAck(now, &d.ack)
		return true
	}
	if env.NodeID(d.chunk.From.Node()) != from {
		return false
	}
	r := n.receiver(d.chunk.Group, d.chunk.To, d.chunk.Join)
	if r == nil {
		return false
	}
	n.use(r).TransferChunk(now, &d.chunk)
	return true
}

// SendChunk implements replica.Node.
func (n *Node) SendChunk(c *transfer.Chunk) {
	if n.stopped {
		return
	}
	payload := append(make([]byte, 0, len(c.Data)+len(c.Mark.Config)+256), envelopeVersion, kindTransfer)
	n.host.Send(env.NodeID(c.To.Node()), env.ChannelSnapshot, transfer.AppendChunk(payload, c))
}

// SendAck implements replica.Node.
func (n *Node) SendAck(a *transfer.Ack) {
	if n.stopped {
		return
	}
	n.host.Send(env.NodeID(a.To.Node()), env.ChannelControl, transfer.AppendAck([]byte{envelopeVersion, kindTransfer}, a))
}

// Tick lets time pass.
func (n *Node) Tick() {
	n.armed = env.Never
	if n.stopped {
		return
	}
	now := n.host.Now()
	for n.groups.deadline() <= now {
		g := n.groups.due[0]
		n.groups.touch(g)
		if g.replica != nil && g.replica.Deadline() <= now {
			g.replica.Tick(now)
		}
		n.groups.postpone(g)
	}
}

// Turn ends a turn of the event loop.
func (n *Node) Turn() {
	if n.stopped {
		return
	}
	now := n.host.Now()
	deadline := env.Never
	if n.Rejoining() {
		n.askBack(now)
		deadline = n.askNext
	}
	deadline = min(deadline, n.settleHandOver(now), n.settleTransfers(now), n.keepVigil(now), n.agent.turn(now))
	if len(n.groups.all) == 1 {
		n.groups.touch(n.groups.all[0]) // a node with one group has it take part in every turn
	}
	n.turning = true
	for _, g := range n.groups.take() {
		if r := g.replica; r != nil {
			n.writeAddresses(now, r)
			r.Hold(n.cfg.sharded() && n.commit.writing)
			r.Turn(now)
			if r.Held() {
				n.commit.waiting = append(n.commit.waiting, g)
			}
			n.settleDoomed(g)
		}
		n.flush.note(g)
		n.noteSleep(now, g)
		n.groups.schedule(g)
	}
	n.turning = false
	n.submitApplies()
	if n.stopped {
		return
	}
	deadline = min(deadline, n.groups.deadline())
	n.flush.start()
	n.commit.start()
	// A deadline that moved back is met by the Tick that is already due earlier;
	// so leader contact, which only pushes deadlines back, costs no timer.
	if deadline < n.armed {
		n.armed = deadline
		n.host.Arm(deadline)
	}
}

// Send implements replica.Node.
func (n *Node) Send(m *raft.Message) {
	if n.stopped {
		return
	}
	size, channel := 64, env.ChannelControl
	if m.Type == raft.MsgAppend {
		// Appends keep their order, and a large one holds up no heartbeat.
		channel = env.ChannelLog
	}
	for i := range m.Entries {
		size += m.Entries[i].Size()
	}
	n.host.Send(env.NodeID(m.To.Node()), channel, appendRaft(make([]byte, 0, size), m))
}

// SendHash implements replica.Node.
func (n *Node) SendHash(to raft.ReplicaID, r *replica.Replica, index, hash uint64) {
	if n.stopped {
		return
	}
	n.host.Send(env.NodeID(to.Node()), env.ChannelControl,
		appendHash(nil, hashReport{group: r.Group(), from: r.ID(), index: index, hash: hash}))
}

// Submit implements replica.Node.
func (n *Node) Submit(r *replica.Replica, lane env.Lane, job env.Job) {
	own := &groupJob{Job: job, node: n, replica: r}
	if lane == env.LaneApply && n.turning {
		n.applies = append(n.applies, own)
		return
	}
	n.host.Submit(lane, own)
}

// groupJob is a replica's job; what it found is for the replica's next turn.
type groupJob struct {
	env.Job
	node    *Node
	replica *replica.Replica
}

// Done implements env.Job.
func (j *groupJob) Done() {
	j.node.use(j.replica)
	j.Job.Done()
}

// submitApplies hands over what the groups of this turn have to apply: as one job, since the way there and back costs more
// than a few entries do.
func (n *Node) submitApplies() {
	switch jobs := n.applies; len(jobs) {
	case 0:
		return
	case 1:
		n.host.Submit(env.LaneApply, jobs[0])
	default:
		n.host.Submit(env.LaneApply, groupJobs(slices.Clone(jobs)))
	}
	clear(n.applies)
	n.applies = n.applies[:0]
}

// groupJobs are jobs of several replicas that run one after the other.
type groupJobs []*groupJob

// Run implements env.Job.
func (jobs groupJobs) Run() {
	for _, j := range jobs {
		j.Run()
	}
}

// Done implements env.Job.
func (jobs groupJobs) Done() {
	for _, j := range jobs {
		j.Done()
	}
}
