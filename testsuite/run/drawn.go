package run

import (
	"fmt"
	"slices"

	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// drawn is what the network and the disks had done by some time.
type drawn struct {
	world netsim.Stats
	// logWrites are the jobs of all nodes' log lanes.
	logWrites uint64
}

// drawnSoFar counts what was done up to now.
func (r *runner) drawnSoFar() *drawn {
	d := &drawn{world: r.world.Stats()}
	for number := 1; number <= r.plan.Machines(); number++ {
		d.logWrites += r.cluster.Process(number).LaneStats(env.LaneWAL).Run
	}
	return d
}

// sure is how many effects must have been expected for their absence to say that the draw does nothing: by chance none
// comes about once in e to the power of so much.
const sure = 50

// chance is an effect that the plan leaves to chance.
type chance struct {
	name string
	// asked says that the plan has it.
	asked bool
	count uint64
	// expected is how many there should have been, 0 where nobody can say.
	expected float64
}

// chances are the effects of the plan's network and disks, and of power losses, which find something that is not
// synced only now and then.
func (r *runner) chances() []chance {
	d := r.drawn
	if d == nil {
		d = r.drawnSoFar() // the run ended before
	}
	w, n, k := &d.world, &r.plan.Network, &r.plan.Disk
	losesPower := slices.ContainsFunc(r.plan.Faults, func(f plan.Fault) bool {
		return f.Kind == plan.PowerLoss || f.Kind == plan.Fuse || f.Kind == plan.Blackout
	})
	return []chance{
		{"message loss", n.Loss > 0, w.DroppedLoss, n.Loss * float64(w.Offered)},
		{"message duplication", n.Duplicate > 0, w.Duplicated, n.Duplicate * (1 - n.Loss) * float64(w.OfferedNodes)},
		{"message reordering", !n.FIFO && n.DelayJitter > 0, w.Reordered, 0},
		{"slow messages", n.Tail > 0, w.TailDelays, n.Tail * (1 - n.Loss) * float64(w.Offered)},
		{"fsync stalls", k.StallChance > 0, w.FsyncStalls, k.StallChance * float64(d.logWrites)},
		{"loss of unsynced writes", losesPower, w.LostWrites + w.TornWrites, 0},
		{"torn writes", losesPower, w.TornSectors + w.TornWrites, 0},
		{"loss of directory entries", losesPower, w.LostDirEntries, 0},
	}
}

// drawnRequirements: what the plan leaves to chance must have happened where it was to be expected. The counters are
// named as those of faults, so that a hunt in which one of them stays 0 is vacuous.
func (r *runner) drawnRequirements() []verdict.Requirement {
	var out []verdict.Requirement
	for _, c := range r.chances() {
		if !c.asked {
			continue
		}
		name := "draw " + c.name + " took effect"
		r.evidence.Add(name, int64(c.count))
		if c.expected >= sure {
			because := fmt.Sprintf("about %.0f were to be expected of the plan's %s", c.expected, c.name)
			out = append(out, verdict.Requirement{Counter: name, AtLeast: 1, Because: because})
		}
	}
	return out
}
