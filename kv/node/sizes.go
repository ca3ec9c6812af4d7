package node

import (
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/raft"
)

// sizesEvery is after how many reports the sizes of the groups are measured again.
const sizesEvery = 10

// sizeJob measures what the groups take in the engine, for people who watch partitions move.
type sizeJob struct {
	node   *Node
	engine env.Sizer
	groups []raft.GroupID
	sizes  []uint64
}

// measure has the groups measured now and then, if the engine can do that without reading them.
func (a *agent) measure() {
	engine, ok := a.node.deps.Engine.(env.Sizer)
	if a.reports++; !ok || a.measuring || a.reports%sizesEvery != 1 {
		return
	}
	a.measuring = true
	j := &sizeJob{node: a.node, engine: engine}
	for r := range a.node.Replicas() {
		j.groups = append(j.groups, r.Group())
	}
	a.node.host.Submit(env.LaneSnapshot, j)
}

// Run implements env.Job. A size that cannot be told stays unknown: what is wrong with the engine is found by others.
func (j *sizeJob) Run() {
	for _, g := range j.groups {
		lo, hi := machine.Span(g)
		size, err := j.engine.Size(lo, hi)
		if err != nil {
			return
		}
		j.sizes = append(j.sizes, size)
	}
}

// Done implements env.Job.
func (j *sizeJob) Done() {
	j.node.agent.measuring = false
	for i, size := range j.sizes {
		j.node.groups.get(j.groups[i]).bytes = size
	}
}
