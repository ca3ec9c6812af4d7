package hunt

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/testsuite/coverage"
	"github.com/holdfastdb/holdfast/testsuite/explore"
	"github.com/holdfastdb/holdfast/testsuite/plan"
	"github.com/holdfastdb/holdfast/testsuite/run"
)

// Options say what to hunt for how long.
type Options struct {
	// From and Seeds give the seeds From, From+1, ..., From+Seeds-1.
	From, Seeds uint64
	// Stride is the distance of the seeds; 0 stands for 1.
	Stride uint64
	// Workers is the number of runs at a time, at least 1.
	Workers int
	// Sharded draws clusters with partitions.
	Sharded bool
	// Plan makes the plans in place of the seeds' own draws; nil for these. It is called by several goroutines.
	Plan func(seed uint64) *plan.Plan
	// Covered is told which states each run was in, one run at a time, in no order, and whether the run failed in a way
	// that is not known; nil for nobody.
	Covered func(seed uint64, seen coverage.Seen, res *run.Result, unknown bool)
	// Mute says which oracles are not listened to (run.Options); nil is none.
	Mute func(oracle string) bool
	// Stop ends the hunt after the runs under way when it is closed; nil for not at all.
	Stop <-chan struct{}
	// Known violations do not end the hunt, nor fail it; nil for none.
	Known Known
	// KeepGoing does not stop at the first violation.
	KeepGoing bool
	// Failed is told of each run that ended in violation or liveness that is not known, one at a time.
	Failed func(*run.Result)
	// Sound is told of each other run, one at a time.
	Sound func(*run.Result)
	// Progress is told after each run, one at a time.
	Progress func(*Report)
}

// Report is what a hunt found.
type Report struct {
	Runs     uint64                     `json:"runs"`
	Outcomes map[verdict.Outcome]uint64 `json:"outcomes"`
	Virtual  time.Duration              `json:"virtual_ns"`
	Events   uint64                     `json:"events"`
	Evidence verdict.Evidence           `json:"evidence"`
	// Known counts the runs that ended in known violations only, by the fingerprint of their first; they are in no outcome.
	Known map[string]uint64 `json:"known,omitempty"`
	// Found is the failed run of the lowest seed, nil if there is none.
	Found *Found `json:"found,omitempty"`

	known Known
}

// Found describes a failed run.
type Found struct {
	// Seed is that of the run. Only a plan that was drawn from it alone (Strategy swarm, or none) can be drawn again; others are in Plan.
	Seed        uint64           `json:"seed"`
	Strategy    explore.Strategy `json:"strategy,omitempty"`
	Plan        *plan.Plan       `json:"plan,omitempty"`
	Outcome     verdict.Outcome  `json:"outcome"`
	Oracle      string           `json:"oracle,omitempty"`
	Fingerprint string           `json:"fingerprint,omitempty"`
	Message     string           `json:"message,omitempty"`
	At          time.Duration    `json:"at_ns"`
}

// Run hunts. Its report does not depend on Workers unless it stops early; then the
// lowest seed that failed is still the one reported, because every lower seed
// has been run to its end.
func Run(o Options) *Report {
	report := &Report{Outcomes: make(map[verdict.Outcome]uint64), known: o.Known}
	var (
		mu   sync.Mutex
		next atomic.Uint64
		stop atomic.Bool
		wg   sync.WaitGroup
	)
	for range max(o.Workers, 1) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for !stop.Load() && !o.stopped() {
				i := next.Add(1) - 1
				if i >= o.Seeds {
					return
				}
				seed := o.From + i*max(o.Stride, 1)
				seen := o.seen()
				res := run.Execute(o.draw(seed), run.Options{Seen: seen, Mute: o.Mute})
				mu.Lock()
				unknown := report.add(res)
				if unknown && !o.KeepGoing {
					stop.Store(true)
				}
				o.tell(res, unknown)
				if o.Covered != nil {
					o.Covered(seed, seen, res, unknown)
				}
				if o.Progress != nil {
					o.Progress(report)
				}
				mu.Unlock()
			}
		}()
	}
	wg.Wait()
	return report
}

// tell hands a run to whoever wants to know of runs that ended so. unknown: it failed in a way that is not known.
func (o *Options) tell(res *run.Result, unknown bool) {
	switch {
	case unknown && o.Failed != nil:
		o.Failed(res)
	case !failed(res) && o.Sound != nil:
		o.Sound(res)
	}
}

func (o *Options) stopped() bool {
	select {
	case <-o.Stop:
		return true
	default:
		return false
	}
}

// seen is a set for the states of a run, nil if nobody asks.
func (o *Options) seen() coverage.Seen {
	if o.Covered == nil {
		return nil
	}
	return make(coverage.Seen)
}

func (o *Options) draw(seed uint64) *plan.Plan {
	if o.Plan != nil {
		return o.Plan(seed)
	}
	return plan.Swarm(seed, o.Sharded)
}

// failed reports whether a run found something. A run without an answer is counted,
// but there is nothing to show of it.
func failed(res *run.Result) bool {
	return res.Verdict.Outcome == verdict.Violated || res.Verdict.Outcome == verdict.Stalled
}

// add counts a run and reports whether it failed, in a way that is not known.
func (r *Report) add(res *run.Result) bool {
	r.Runs++
	r.Virtual += res.Virtual
	r.Events += res.Events
	r.Evidence.Merge(&res.Verdict.Evidence)
	if r.known.covers(&res.Verdict) {
		if r.Known == nil {
			r.Known = make(map[string]uint64)
		}
		r.Known[res.Verdict.Violations[0].Fingerprint]++
		return false
	}
	r.Outcomes[res.Verdict.Outcome]++
	if !failed(res) {
		return false
	}
	if r.Found == nil || res.Plan.Seed < r.Found.Seed {
		r.Found = newFound(res)
	}
	return true
}

func newFound(res *run.Result) *Found {
	f := &Found{Seed: res.Plan.Seed, Outcome: res.Verdict.Outcome}
	if len(res.Verdict.Violations) > 0 {
		v := res.Verdict.Violations[0]
		f.Oracle, f.Fingerprint, f.Message = v.Oracle, v.Fingerprint, v.Message
		f.At = time.Duration(v.At)
	}
	return f
}

// idleAfter is the number of runs after which each kind of fault must have had an effect.
const idleAfter = 500

// Idle are the counters of the evidence that are still 0 after so many runs that they should
// not be: that nemesis does nothing.
func (r *Report) Idle() []string {
	if r.Runs < idleAfter {
		return nil
	}
	var idle []string
	for _, c := range r.Evidence.Counters() {
		if strings.HasSuffix(c.Name, " took effect") && c.Count == 0 {
			idle = append(idle, c.Name)
		}
	}
	return idle
}

// Outcome is the hunt's own: the worst that a run ended in. A hunt in which no run
// passed, or in which a kind of fault never had an effect, has tested nothing, or not that.
func (r *Report) Outcome() verdict.Outcome {
	for _, o := range []verdict.Outcome{verdict.Violated, verdict.Stalled, verdict.Unknown} {
		if r.Outcomes[o] > 0 {
			return o
		}
	}
	if r.Outcomes[verdict.Pass] == 0 || len(r.Idle()) > 0 {
		return verdict.Vacuous
	}
	return verdict.Pass
}
