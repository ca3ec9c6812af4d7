package node

import (
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/replica"
)

// sharedFlush makes durable what all replicas of a node with partitions have applied, so that the log may forget it. The
// engine is one, and so is the log: a group that is idle must not keep old segments for the sake of a few
// bytes (kv/wal). After each flush every group forgets what the flush before made durable.
type sharedFlush struct {
	node *Node
	// applied is the size of what was applied by all groups, began its value when the last flush began.
	applied, began int
	running        bool
	points         []flushPoint
	err            error
}

type flushPoint struct {
	replica *replica.Replica
	point   replica.FlushPoint
}

// note counts what a group has applied since it was last counted.
func (f *sharedFlush) note(g *group) {
	if g.replica != nil {
		taken := g.replica.AppliedBytes()
		f.applied += max(taken-g.counted, 0)
		g.counted = taken
	}
}

// start begins a flush when enough has been applied since the last one.
func (f *sharedFlush) start() {
	n := f.node
	if !n.cfg.sharded() || n.cfg.CompactBytes <= 0 || f.running || f.applied-f.began < n.cfg.CompactBytes {
		return
	}
	f.running, f.began = true, f.applied
	for r := range n.Replicas() {
		if p, needed := r.BeginFlush(); needed {
			f.points = append(f.points, flushPoint{r, p})
		}
	}
	n.host.Submit(env.LaneSnapshot, f)
}

// Run implements env.Job.
func (f *sharedFlush) Run() { f.err = f.node.deps.Engine.Flush() }

// Done implements env.Job.
func (f *sharedFlush) Done() {
	f.running = false
	for _, p := range f.points {
		f.node.use(p.replica).EndFlush(p.point, f.err)
	}
	clear(f.points)
	f.points = f.points[:0]
}
