package node

import (
	"fmt"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/raft"
)

// destroy removes a replica that is out of its group for good, and all that the node has of it. First it is stopped,
// and its jobs end; then a tombstone is written, so that it never acts again (NODE-11); then
// the engine's data is deleted. A crash in between leaves a step to be repeated at the start.
func (n *Node) destroy(g *group, id raft.ReplicaID) {
	if g.replica == nil || g.replica.ID() != id || g.beginning != 0 || g.erasing {
		return
	}
	g.replica.Stop()
	g.doomed = id
	n.groups.touch(g)
}

// settleDoomed writes the tombstone of a replica that is to be destroyed as soon as its jobs have ended.
func (n *Node) settleDoomed(g *group) {
	if g.doomed == 0 || g.erasing || g.beginning != 0 {
		return
	}
	if g.replica == nil || g.replica.ID() != g.doomed {
		g.doomed = 0 // another one took its place
		return
	}
	if !g.replica.Idle() {
		return
	}
	g.erasing = true
	n.commit.gathering.wal.AddTombstone(g.id, g.doomed)
	n.commit.then(func() {
		g.replica, g.doomed = nil, 0
		n.groups.touch(g)
		n.host.Submit(env.LaneSnapshot, &eraseJob{node: n, group: g})
	})
}

// eraseJob deletes what the engine has of a destroyed replica.
type eraseJob struct {
	node  *Node
	group *group
	err   error
}

// Run implements env.Job.
func (j *eraseJob) Run() { j.err = erase(j.node.deps.Engine, j.group.id) }

// Done implements env.Job.
func (j *eraseJob) Done() {
	j.group.erasing = false
	if j.err != nil {
		j.node.Fail(fmt.Errorf("partition %d: deleting the data of a replica that was removed: %w; the node stops serving",
			j.group.id, j.err))
	}
}

func erase(engine env.Engine, id raft.GroupID) error {
	b := engine.NewBatch()
	b.DeleteRange(machine.Span(id))
	return engine.Apply(b)
}

// eraseRemains deletes what a crash left of a destroyed replica.
func (n *Node) eraseRemains(id raft.GroupID) error {
	lo, hi := machine.Span(id)
	remains := false
	err := n.deps.Engine.Scan(lo, hi, func(_, _ []byte) bool {
		remains = true
		return false
	})
	if err == nil && remains {
		err = erase(n.deps.Engine, id)
	}
	if err != nil {
		return fmt.Errorf("partition %d: deleting the remains of a replica that was removed: %w", id, err)
	}
	return nil
}
