package live

import (
	"fmt"
	"slices"

	"github.com/holdfastdb/holdfast/checker/linear"
	"github.com/holdfastdb/holdfast/checker/verdict"
)

// Names of counters in the evidence.
const (
	counterKilled   = "nodes killed"
	counterPaused   = "nodes paused"
	counterStopped  = "nodes stopped in order"
	counterWiped    = "nodes that came back without their disk, replaced"
	counterAdded    = "nodes added"
	counterRemoved  = "nodes removed"
	counterHanded   = "leaderships handed over"
	counterDeposed  = "leaders of later terms seen"
	counterCaughtUp = "catch-ups checked"
	counterFinal    = "keys read at the end"
)

// counterDuring is the counter of what was acknowledged while a fault lasted.
func counterDuring(fault string) string {
	if fault == "" {
		fault = "no fault"
	}
	return "acknowledged during: " + fault
}

// judge puts together what the run rests on.
func (r *Run) judge() *Result {
	res := &Result{History: r.Load.History()}
	res.Linear = linear.Check(res.History, linear.Options{})
	c := res.Linear.Case()
	seen := r.Watch.Case()
	c.Violations = append(append(c.Violations, seen.Violations...), r.violations...)
	c.Undecided = append(c.Undecided, r.undecided...)
	c.Evidence.Merge(&seen.Evidence)
	c.Evidence.Merge(&r.evidence)
	for name, n := range r.Cluster.counts() {
		c.Evidence.Add(name, n-r.before[name])
	}
	c.Requirements = r.Script.requirements(r.nodes)
	res.Verdict = verdict.Judge(c)
	return res
}

// requirements are what must have happened for a run of the script to mean anything (LIVE-2).
func (s Script) requirements(nodes int) []verdict.Requirement {
	need := map[string]int64{counterFinal: 1}
	fault := ""
	down := int64(0)
	for _, step := range s {
		if step.Do.isFault() {
			fault = step.String()
			n := int64(1)
			if step.On == All {
				n = int64(nodes) - down
			}
			if step.Do != Pause {
				down += n
			}
			need[map[Action]string{Kill: counterKilled, Wipe: counterKilled, Pause: counterPaused, Stop: counterStopped}[step.Do]] += n
			if step.Do == Wipe {
				need[counterWiped] += n
			}
		}
		switch step.Do {
		case Repair:
			fault += ", repaired"
			down = 0
		case Flap:
			need[counterKilled] += step.Count * down
		case Grow:
			need[counterAdded]++
			nodes++
		case Shrink:
			need[counterRemoved]++
			need[counterStopped]++
			nodes--
			fault = step.String()
		case HandOver:
			need[counterHanded] += step.Count
		case Elect:
			need[counterDeposed]++
		case CatchUp:
			need[counterCaughtUp]++
		case Work:
			need[counterDuring(fault)] += step.Count
		}
	}
	var out []verdict.Requirement
	for name, n := range need {
		out = append(out, verdict.Requirement{Counter: name, AtLeast: n, Because: fmt.Sprintf("the script asks for %d", n)})
	}
	slices.SortFunc(out, func(a, b verdict.Requirement) int {
		if a.Counter < b.Counter {
			return -1
		}
		return 1
	})
	return out
}
