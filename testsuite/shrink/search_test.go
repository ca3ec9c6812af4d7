package shrink

import (
	"bytes"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// pretended is a probe without a simulation: a plan fails if it has a fault of the kind, and a put and then a get of one
// key. A plan without the fault that still has both fails in another way.
func pretended(kind plan.FaultKind) Probe {
	return func(p *plan.Plan) Sighting {
		written := make(map[string]bool)
		both := false
		for _, op := range p.Operations {
			both = both || op.Kind == history.Get && written[op.Key]
			written[op.Key] = written[op.Key] || op.Kind == history.Put
		}
		struck := slices.ContainsFunc(p.Faults, func(f plan.Fault) bool { return f.Kind == kind })
		switch {
		case both && struck:
			return Sighting{Fingerprint: "pretended/both", At: p.HealAt + 1, TraceHash: p.Seed}
		case both:
			return Sighting{Fingerprint: "pretended/other"}
		}
		return Sighting{}
	}
}

// failing are drawn plans that fail under the pretended probe, with and without partitions, each with a kind.
func failing(t *testing.T) map[*plan.Plan]plan.FaultKind {
	found := make(map[*plan.Plan]plan.FaultKind)
	for seed := uint64(1); len(found) < 6; seed++ {
		p := plan.Draw(seed)
		if seed%2 == 0 {
			p = plan.DrawSharded(seed)
		}
		require.NoError(t, p.Fair(), "seed %d", seed)
		if len(p.Faults) < 4 {
			continue
		}
		kind := p.Faults[len(p.Faults)/2].Kind
		if kind != plan.PowerLoss && kind != plan.Fuse && pretended(kind)(p).Fingerprint == "pretended/both" {
			found[p] = kind
		}
	}
	return found
}

func minimize(t *testing.T, p *plan.Plan, o Options) *Report {
	r, err := Minimize(p, o)
	require.NoError(t, err)
	return r
}

// Goal: what is not needed goes. Method: a probe that needs one fault and two operations; the result has these, one client,
// as few nodes as the fault permits, and the plainest names.
func TestShrinkingReachesTheMinimum(t *testing.T) {
	for p, kind := range failing(t) {
		r := minimize(t, p, Options{Probe: pretended(kind), Runs: 100_000})
		require.Empty(t, r.Bound)
		require.Equal(t, r.After, SizeOf(r.Plan))
		require.Len(t, r.Plan.Faults, 1, "%s", kind)
		require.Len(t, r.Plan.Operations, 2)
		require.Equal(t, 1, r.Plan.Clients)
		require.Equal(t, "a", r.Plan.Operations[0].Key)
		require.Equal(t, "v1", r.Plan.Operations[0].Value)
		require.Empty(t, r.Plan.StayDead)
		require.Zero(t, r.Plan.Network.Loss)
		require.LessOrEqual(t, r.Plan.HealAt, 3*longGap)
		require.LessOrEqual(t, r.Plan.Faults[0].For, 10*time.Millisecond)
		if p.Sharded() {
			require.Equal(t, 1, r.Plan.Sharding.Partitions)
		}
	}
}

// Goal: the fingerprint stays (SHRINK-1), whatever the bound, and each plan that is tried is valid and fair (SHRINK-2). Method: a
// probe that looks; bounds of many sizes.
func TestEachCandidateIsFairAndTheFingerprintStays(t *testing.T) {
	for p, kind := range failing(t) {
		require.NoError(t, p.Validate())
		probe := func(q *plan.Plan) Sighting {
			require.NoError(t, q.Validate())
			require.NoError(t, q.Fair())
			return pretended(kind)(q)
		}
		before := p.Clone()
		for _, runs := range []int{0, 1, 7, 50, 300} {
			r := minimize(t, p, Options{Probe: probe, Runs: runs})
			require.Equal(t, "pretended/both", r.Fingerprint)
			require.Equal(t, "pretended/both", pretended(kind)(r.Plan).Fingerprint)
			require.LessOrEqual(t, r.Runs, runs)
		}
		require.Equal(t, before, p, "the plan handed in is left alone")
	}
}

// Goal: the result is a function of plan and bound (SHRINK-3). Method: the same search with one worker, again, and with others.
func TestWorkersDoNotChangeTheResult(t *testing.T) {
	for p, kind := range failing(t) {
		for _, runs := range []int{20, 300} {
			one := minimize(t, p, Options{Probe: pretended(kind), Runs: runs})
			for _, workers := range []int{1, 2, 5} {
				other := minimize(t, p, Options{Probe: pretended(kind), Runs: runs, Workers: workers})
				other.Took = one.Took
				require.Equal(t, one, other, "%d runs, %d workers", runs, workers)
			}
		}
	}
}

// Goal: no more runs than allowed (SHRINK-4). Method: count the calls of the probe.
func TestTheBoundOfRunsIsKept(t *testing.T) {
	for p, kind := range failing(t) {
		var mu sync.Mutex
		calls := 0
		probe := func(q *plan.Plan) Sighting {
			mu.Lock()
			defer mu.Unlock()
			calls++
			return pretended(kind)(q)
		}
		r := minimize(t, p, Options{Probe: probe, Runs: 40})
		require.Equal(t, 40, r.Runs)
		require.Equal(t, "runs", r.Bound)
		require.Equal(t, 40+1+confirmations, calls)
	}
}

// Goal: the limit of time ends the search too. Method: a probe that is as slow as the limit.
func TestTheLimitOfTimeIsKept(t *testing.T) {
	for p, kind := range failing(t) {
		const limit = 20 * time.Millisecond
		probe := func(q *plan.Plan) Sighting {
			for begin := time.Now(); time.Since(begin) < limit; {
			}
			return pretended(kind)(q)
		}
		r := minimize(t, p, Options{Probe: probe, Runs: 1000, Time: limit})
		require.Equal(t, "time", r.Bound)
		require.LessOrEqual(t, r.Runs, 1)
		return
	}
}

// Goal: a plan that passes is not shrunk, and one that takes another course each time is reported. Method: such probes.
func TestPlansThatPassOrWaverAreRefused(t *testing.T) {
	p := plan.Draw(1)
	_, err := Minimize(p, Options{Probe: func(*plan.Plan) Sighting { return Sighting{} }, Runs: 10})
	require.ErrorIs(t, err, ErrPasses)
	calls := uint64(0)
	_, err = Minimize(p, Options{Runs: 10, Probe: func(*plan.Plan) Sighting {
		calls++
		return Sighting{Fingerprint: "x/y", TraceHash: calls}
	}})
	require.ErrorContains(t, err, "not deterministic")
}

// Goal: a seed helps where no edit does. Method: a probe that wants either all operations or another seed.
func TestOtherSeedsAreTried(t *testing.T) {
	p := plan.Draw(7)
	p.Seed = 1000
	all := len(p.Operations)
	r := minimize(t, p, Options{Runs: 10_000, Probe: func(q *plan.Plan) Sighting {
		if len(q.Operations) == all || q.Seed == 2 && len(q.Operations) >= 3 {
			return Sighting{Fingerprint: "x/y"}
		}
		return Sighting{}
	}})
	require.Equal(t, uint64(2), r.Plan.Seed)
	require.Len(t, r.Plan.Operations, 3)
}

// Goal: a plan is cloned as a whole. Method: the clone of each drawn plan is written the same, and shares no list.
func TestClonesShareNothing(t *testing.T) {
	for seed := range uint64(50) {
		p := plan.DrawSharded(seed)
		var before, after bytes.Buffer
		require.NoError(t, p.Encode(&before))
		c := p.Clone()
		require.Equal(t, p, c)
		for i := range c.Faults {
			for j := range c.Faults[i].Targets {
				c.Faults[i].Targets[j] = 99
			}
		}
		c.Operations[0].Key, c.Sharding.Partitions = "other", 99
		require.NoError(t, p.Encode(&after))
		require.Equal(t, before.String(), after.String())
	}
}
