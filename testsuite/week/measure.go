package week

import (
	"strings"
	"time"

	"github.com/holdfastdb/holdfast/kv/node"
	"github.com/holdfastdb/holdfast/testsuite/cluster"
	"github.com/holdfastdb/holdfast/testsuite/plan"
	"github.com/holdfastdb/holdfast/testsuite/run"
)

// Figures are what one node holds.
type Figures struct {
	// Memory is the footprint of the whole node with its engine, Log that of the log's in-memory index.
	Memory, Log uint64
	// Cache and Uncommitted are the core's (raft.Status); Entries are those that the log holds, on disk
	// or not, and Terms the runs of terms among them.
	Cache, Uncommitted, Entries, Terms uint64
	Sessions                           uint64
	// WALBytes and EngineBytes are on the disk.
	WALBytes, EngineBytes uint64
}

// Columns name the figures in the order of Values.
var Columns = []string{"memory", "log index", "cache", "uncommitted", "entries", "terms", "sessions", "wal bytes", "engine bytes"}

// Values are the figures in the order of Columns.
func (f *Figures) Values() []uint64 {
	return []uint64{f.Memory, f.Log, f.Cache, f.Uncommitted, f.Entries, f.Terms, f.Sessions, f.WALBytes, f.EngineBytes}
}

// Third is a third of a run.
type Third struct {
	// Greatest are the greatest figures of any node, Sums those of all measurements together.
	Greatest, Sums []uint64
	// Looks counts the measurements of a node.
	Looks uint64
}

// Mean is a figure of a node on average.
func (t *Third) Mean(column int) float64 { return float64(t.Sums[column]) / float64(max(t.Looks, 1)) }

func (t *Third) add(f *Figures) {
	t.Looks++
	for i, v := range f.Values() {
		t.Greatest[i] = max(t.Greatest[i], v)
		t.Sums[i] += v
	}
}

// Result is a measured run.
type Result struct {
	Run    *run.Result
	Thirds [3]Third
}

// Measure executes a plan and looks at all nodes every so often.
func Measure(p *plan.Plan, every time.Duration) *Result {
	r := new(Result)
	for i := range r.Thirds {
		r.Thirds[i].Greatest, r.Thirds[i].Sums = make([]uint64, len(Columns)), make([]uint64, len(Columns))
	}
	r.Run = run.Execute(p, run.Options{LookEvery: every, Look: func(now time.Duration, c *cluster.Cluster) {
		third := &r.Thirds[min(2, 3*now/p.HealAt)]
		for number := 1; number <= c.Size(); number++ {
			if m := c.Alive(number); m != nil {
				third.add(look(c, m))
			}
		}
	}})
	return r
}

// look measures one node.
func look(c *cluster.Cluster, m *cluster.Member) *Figures {
	f := &Figures{Memory: Footprint(m.Node), Log: Footprint(m.Log())}
	for _, file := range c.Process(m.Number).Disk().Files() {
		switch {
		case strings.Contains(file.Path, "/wal/"):
			f.WALBytes += uint64(file.Size)
		case strings.Contains(file.Path, "/engine/"):
			f.EngineBytes += uint64(file.Size)
		}
	}
	rep := m.Replica(node.TheGroup)
	if rep == nil {
		return f
	}
	core := rep.Raft()
	st := core.Status()
	f.Cache, f.Uncommitted, f.Sessions = uint64(st.CacheBytes), uint64(st.UncommittedBytes), uint64(rep.Sessions())
	f.Entries = st.LastIndex - st.SnapIndex
	last := uint64(0)
	for i := core.FirstIndex(); i <= st.LastIndex; i++ {
		if term, _ := core.TermAt(i); term != last {
			last = term
			f.Terms++
		}
	}
	return f
}
