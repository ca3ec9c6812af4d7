package attack

import (
	"fmt"
	"slices"

	"github.com/holdfastdb/holdfast/testsuite/live/target"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// played are the kinds of faults that any processes can be struck by, and what is played where that is not the same.
var played = map[plan.FaultKind]string{
	plan.Kill: "", plan.Pause: "", plan.Isolate: "", plan.OneWay: "", plan.Bridge: "", plan.Ring: "", plan.Clog: "",
	plan.Split:     "as a cut between nodes: clients reach both sides",
	plan.PowerLoss: "as kill -9: what was written and not synced is not lost",
	plan.Blackout:  "as kill -9 of all nodes: what was written and not synced is not lost",
}

// Translation is what of a plan is played to real processes.
type Translation struct {
	// Faults are played.
	Faults []plan.Fault `json:"-"`
	// Differently are remarks on what is played in another way, Skipped on what is not played.
	Differently []string `json:"differently"`
	Skipped     []string `json:"skipped"`
}

// Translate says what of a plan can be played to a store.
func Translate(p *plan.Plan, store target.Store) *Translation {
	t := &Translation{Differently: []string{}, Skipped: []string{}}
	changer, _ := store.(target.Changer)
	skipped := map[plan.FaultKind]int{}
	for _, f := range p.Faults {
		remark, ok := played[f.Kind]
		if !ok && (changer == nil || !changer.Changes(f.Kind)) {
			skipped[f.Kind]++
			continue
		}
		if f.At >= p.HealAt {
			continue
		}
		if remark != "" {
			note(&t.Differently, fmt.Sprintf("%s: %s", f.Kind, remark))
		}
		t.Faults = append(t.Faults, f)
	}
	for kind, n := range skipped {
		note(&t.Skipped, fmt.Sprintf("%s: %d faults; it cannot be done to processes of this store", kind, n))
	}
	n := &p.Network
	if n.Loss > 0 || n.Duplicate > 0 {
		note(&t.Skipped, "loss and duplication of single messages: TCP hides the one and cannot do the other")
	}
	if p.Disk != (plan.Disk{}) {
		note(&t.Skipped, "latency of disks: they are real")
	}
	if p.Sharded() && (len(p.Sharding.Weights) > 0 || len(p.Sharding.Zones) > 0) {
		note(&t.Skipped, "weights and zones from the beginning: all nodes begin alike")
	}
	slices.Sort(t.Skipped)
	return t
}

func note(list *[]string, text string) {
	if !slices.Contains(*list, text) {
		*list = append(*list, text)
	}
}
