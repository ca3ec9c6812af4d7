package node

import (
	"fmt"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/replica"
	"github.com/holdfastdb/holdfast/kv/wal"
	"github.com/holdfastdb/holdfast/raft"
)

// groupCommit gathers what must become durable while the log writes the batch
// before it (NODE-1). It is also the job that writes.
type groupCommit struct {
	node    *Node
	writing bool
	// gathering is filled on the loop; written belongs to the job while writing is set.
	gathering, written commitBatch
	// waiting are the groups whose writes are held back until the log is idle: with many groups each has few writes
	// in a turn, and what a batch costs is the same for few.
	waiting []*group
	err     error
}

type commitBatch struct {
	wal *wal.Batch
	// handoffs says which replicas wait for the batch, and for which Persist.Seq.
	handoffs []handoff
}

// handoff is what one replica waits for, or what is to be done then (life.go, destroy.go).
type handoff struct {
	replica *replica.Replica
	seq     uint64
	then    func()
}

// then has something done when the batch that gathers is durable.
func (c *groupCommit) then(do func()) {
	c.gathering.handoffs = append(c.gathering.handoffs, handoff{then: do})
}

func (c *groupCommit) init(n *Node) {
	c.node = n
	c.gathering.wal = wal.NewBatch()
	c.written.wal = wal.NewBatch()
}

// Persist implements replica.Node. A replica that is being replaced has nothing to say any more: in the
// log nothing of it may follow its successor (NODE-6).
func (n *Node) Persist(r *replica.Replica, p *raft.Persist) {
	if r.Stopped() || n.Replica(r.Group()) != r {
		return
	}
	b := &n.commit.gathering
	b.wal.Add(r.Group(), r.ID(), p)
	for i := range b.handoffs {
		if b.handoffs[i].replica == r {
			b.handoffs[i].seq = p.Seq
			return
		}
	}
	b.handoffs = append(b.handoffs, handoff{replica: r, seq: p.Seq})
}

// start writes what has gathered, if the log is idle.
func (c *groupCommit) start() {
	if c.writing || len(c.gathering.handoffs) == 0 {
		return
	}
	c.writing = true
	c.gathering, c.written = c.written, c.gathering
	c.node.host.Submit(env.LaneWAL, c)
}

// Run writes the batch, off the loop.
func (c *groupCommit) Run() {
	c.err = c.node.deps.Log.Commit(c.written.wal)
}

// Done reports the batch durable. It is the only place from which a replica
// learns so (DESIGN principle 3).
func (c *groupCommit) Done() {
	c.writing = false
	if c.err != nil {
		c.node.Fail(fmt.Errorf("writing the log: %w; the node stops serving, because what it could not write "+
			"it must not promise: check the disk, then restart the node", c.err))
		return
	}
	if c.node.stopped {
		return
	}
	for _, h := range c.written.handoffs {
		if h.then != nil {
			h.then()
			continue
		}
		c.node.use(h.replica).Persisted(h.seq)
	}
	c.release()
	clear(c.written.handoffs)
	c.written.handoffs = c.written.handoffs[:0]
	c.written.wal.Reset()
	if c.node.stopped {
		return
	}
	if c.node.deps.Log.Prunable() {
		c.writing = true
		c.node.host.Submit(env.LaneWAL, (*prune)(c))
	}
}

// release gives the groups a turn whose writes waited for the log.
func (c *groupCommit) release() {
	for _, g := range c.waiting {
		c.node.groups.touch(g)
	}
	c.waiting = c.waiting[:0]
}

// prune deletes what no group needs of the log any more. It is a write like any other (NODE-1).
type prune groupCommit

// Run implements env.Job.
func (p *prune) Run() { p.err = p.node.deps.Log.Prune() }

// Done implements env.Job.
func (p *prune) Done() {
	p.writing = false
	(*groupCommit)(p).release()
	if p.err != nil {
		p.node.Fail(fmt.Errorf("deleting what the log does not need any more: %w; the node stops serving", p.err))
	}
}
