package attack

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/testsuite/live"
	"github.com/holdfastdb/holdfast/testsuite/live/proxy"
	"github.com/holdfastdb/holdfast/testsuite/live/target"
	"github.com/holdfastdb/holdfast/testsuite/plan"
	"github.com/holdfastdb/holdfast/testsuite/run"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// still is a store of which only the state is asked, not a process.
type still struct {
	target.Store
	members, running, paused []uint64
}

func (s *still) Members() []uint64             { return s.members }
func (s *still) Running() []uint64             { return s.running }
func (s *still) Paused() []uint64              { return s.paused }
func (s *still) Changes(k plan.FaultKind) bool { return k == plan.Wipe }
func (s *still) Change(context.Context, *plan.Fault, uint64) (func(context.Context) error, error) {
	return nil, nil
}
func (s *still) Wipe(context.Context, uint64) error     { return nil }
func (s *still) Rejoined(context.Context, uint64) error { return nil }

// ATTACK-4: what Draw gives is valid for the simulation, reproducible, and can be played as a whole.
func TestDrawnPlansAreValidAndCanBePlayed(t *testing.T) {
	h := &live.Holdfast{}
	kinds := map[plan.FaultKind]bool{}
	for seed := range uint64(80) {
		for _, sharded := range []bool{false, true} {
			p := Draw(seed, sharded)
			var first, again bytes.Buffer
			require.NoError(t, p.Encode(&first))
			require.NoError(t, Draw(seed, sharded).Encode(&again))
			require.Equal(t, first.Bytes(), again.Bytes())
			back, err := plan.Decode(&first)
			require.NoError(t, err)
			require.Equal(t, sharded, back.Sharded())
			for _, f := range p.Faults {
				_, ok := played[f.Kind]
				require.True(t, ok || h.Changes(f.Kind), f.Kind)
				kinds[f.Kind] = true
			}
		}
	}
	for _, k := range append(append(append([]plan.FaultKind{}, anyCluster...), oneGroup...), partitions...) {
		require.True(t, kinds[k], "%s is never drawn", k)
	}
}

// What cannot be done to processes is left out and listed, and what is done in another way is said.
func TestTranslationListsWhatIsNotPlayed(t *testing.T) {
	p := &plan.Plan{
		HealAt: time.Second, Network: plan.Network{Loss: 0.1},
		Faults: []plan.Fault{{Kind: plan.Kill}, {Kind: plan.BitRot}, {Kind: plan.PowerLoss}, {Kind: plan.BitRot}, {Kind: plan.AddNode}, {Kind: plan.Wipe}},
	}
	tr := Translate(p, &still{})
	require.Len(t, tr.Faults, 3)
	require.Equal(t, []plan.FaultKind{plan.Kill, plan.PowerLoss, plan.Wipe}, []plan.FaultKind{tr.Faults[0].Kind, tr.Faults[1].Kind, tr.Faults[2].Kind})
	require.Equal(t, []string{"power-loss: as kill -9: what was written and not synced is not lost"}, tr.Differently)
	require.Equal(t, []string{
		"add-node: 1 faults; it cannot be done to processes of this store", "bit-rot: 2 faults; it cannot be done to processes of this store",
		"loss and duplication of single messages: TCP hides the one and cannot do the other",
	}, tr.Skipped)
}

// Each fault of the network is about the links that the simulation's is about.
func TestLinksOfFaults(t *testing.T) {
	l := func(pairs ...uint64) (out []proxy.Link) {
		for i := 0; i < len(pairs); i += 2 {
			out = append(out, proxy.Link{From: pairs[i], To: pairs[i+1]})
		}
		return out
	}
	three, four := []uint64{1, 2, 3}, []uint64{1, 2, 3, 4}
	for name, c := range map[string]struct {
		fault plan.Fault
		nodes []uint64
		want  []proxy.Link
	}{
		"isolate":               {plan.Fault{Kind: plan.Isolate}, three, l(0, 2, 1, 2, 2, 1, 2, 3, 3, 2)},
		"isolate, but clients":  {plan.Fault{Kind: plan.Isolate, Param: 1}, three, l(1, 2, 2, 1, 2, 3, 3, 2)},
		"one-way out":           {plan.Fault{Kind: plan.OneWay}, three, l(2, 1, 2, 3)},
		"one-way in":            {plan.Fault{Kind: plan.OneWay, Param: 1}, three, l(1, 2, 3, 2)},
		"clog":                  {plan.Fault{Kind: plan.Clog}, three, l(2, 1, 2, 3)},
		"bridge":                {plan.Fault{Kind: plan.Bridge}, three, l(1, 3, 3, 1)},
		"ring":                  {plan.Fault{Kind: plan.Ring}, four, l(1, 3, 2, 4, 3, 1, 4, 2)},
		"split":                 {plan.Fault{Kind: plan.Split, Targets: []int{3}}, three, l(1, 3, 2, 3, 3, 1, 3, 2)},
		"split with the leader": {plan.Fault{Kind: plan.Split, Targets: []int{3}, Leader: true}, three, l(1, 2, 2, 1, 2, 3, 3, 2)},
	} {
		require.ElementsMatch(t, c.want, linksOf(&c.fault, 2, c.nodes), name)
	}
}

// Faults of the network overlap: a link fares as all of those together say, and those that end leave the others on.
func TestRulesOfOverlappingFaults(t *testing.T) {
	p := &plan.Plan{Network: plan.Network{DelayBase: 4 * time.Millisecond}}
	stalls := &strike{links: []proxy.Link{{From: 1, To: 2}}}
	cuts := &strike{links: []proxy.Link{{From: 1, To: 2}, {From: 0, To: 2}}, cuts: true}
	got := worthwhile(rules(p, []uint64{1, 2}, []*strike{stalls, cuts}))
	require.Equal(t, map[proxy.Link]proxy.Rule{
		{From: 1, To: 2}: {Delay: 2 * time.Millisecond, Hold: proxy.HoldBoth, Cut: true},
		{From: 2, To: 1}: {Delay: 2 * time.Millisecond}, {From: 0, To: 2}: {Cut: true},
	}, got)
	got = rules(p, []uint64{1, 2}, []*strike{stalls})
	require.Equal(t, proxy.Rule{Delay: 2 * time.Millisecond, Hold: proxy.HoldBoth}, got[proxy.Link{From: 1, To: 2}])
}

// ATTACK-3: a disk is only lost while the rest of the cluster is well, and members only leave while enough stay.
func TestWhatNoStoreSurvivesIsNotPlayed(t *testing.T) {
	well := func() (*nemesis, *still) {
		s := &still{members: []uint64{1, 2, 3}, running: []uint64{1, 2, 3}}
		return newNemesis(&Run{Store: s, Plan: &plan.Plan{Nodes: 3, Spares: 1}}), s
	}
	n, s := well()
	require.True(t, n.mayWipe(1))
	require.False(t, n.mayWipe(4), "it is no member")
	s.running = []uint64{1, 2}
	require.False(t, n.mayWipe(1), "a node is down")
	n, s = well()
	s.paused = []uint64{2}
	require.False(t, n.mayWipe(1), "a node is paused")
	n, _ = well()
	n.active = []*strike{{}}
	require.False(t, n.mayWipe(1), "the network is cut")
	n, _ = well()
	n.wiped[3] = true
	require.False(t, n.mayWipe(1), "another disk is being replaced")
	require.False(t, n.mayChange(&plan.Fault{Kind: plan.AddNode}, 4), "a disk is being replaced")

	n, s = well()
	require.False(t, n.mayChange(&plan.Fault{Kind: plan.RemoveNode}, 1), "two would stay")
	require.True(t, n.mayWipe(1))
	require.True(t, n.mayChange(&plan.Fault{Kind: plan.AddNode}, 4))
	require.False(t, n.mayWipe(1), "the members are changing")
	s.members = []uint64{1, 2, 3, 4}
	require.True(t, n.mayChange(&plan.Fault{Kind: plan.RemoveNode}, 1))
	require.False(t, n.mayChange(&plan.Fault{Kind: plan.AddNode}, 1), "there is none left to add")
}

// ATTACK-1: a kind that was to be played and never took effect leaves the verdict vacuous.
func TestEachKindNeedsItsEvidence(t *testing.T) {
	p := &plan.Plan{HealAt: time.Second, Faults: []plan.Fault{{Kind: plan.Kill}, {Kind: plan.Isolate}}}
	c := verdict.Case{}
	c.Requirements = requirements(p, Translate(p, &still{}), &c.Evidence)
	for _, name := range []string{verdict.CounterAcknowledged, counterFinal, counterPlayed, plan.Kill.Counter(), plan.Isolate.Counter()} {
		require.Equal(t, verdict.Vacuous, verdict.Judge(c).Outcome, "without %s", name)
		c.Evidence.Add(name, 1)
	}
	require.Equal(t, verdict.Pass, verdict.Judge(c).Outcome)
}

// Goal: changes of members and operations on many keys are played to real servers, and a run leaves what is needed to understand it.
// Method: a node is added, the leadership handed over, the leader killed and removed, under gets and writes of several keys and scans
// too; the run's directory is read back.
func TestMembersChangeUnderAttack(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	p := Draw(2, false)
	p.Nodes, p.Spares, p.HealAt, p.Network = 3, 1, 4*time.Second, plan.Network{FIFO: true}
	p.Operations = p.Operations[:200]
	takeAlong(p)
	p.Faults = []plan.Fault{
		{At: 100 * time.Millisecond, Kind: plan.AddNode, Targets: []int{4}},
		{At: time.Second, Kind: plan.TransferLeader, Targets: []int{1}, Param: 1},
		{At: 2 * time.Second, For: 500 * time.Millisecond, Kind: plan.Kill, Leader: true, Targets: []int{1}},
		{At: 3 * time.Second, Kind: plan.RemoveNode, Leader: true, Targets: []int{1}},
	}
	require.NoError(t, p.Validate())
	dir := t.TempDir()
	binary, err := live.Build(t.Context(), dir)
	require.NoError(t, err)
	h, err := live.NewHoldfast(binary, dir, p, 1)
	require.NoError(t, err)
	defer func() { require.NoError(t, h.Close()) }()
	res, err := (&Run{Store: h, Plan: p, Scale: 1, Log: t.Logf}).Play(t.Context())
	require.NoError(t, err)
	require.Equal(t, verdict.Pass, res.Verdict.Outcome, res.Verdict.Reasons)
	require.Positive(t, res.Verdict.Evidence.Count(plan.AddNode.Group()))
	require.Positive(t, res.Verdict.Evidence.Count(counterSeveral))
	require.Positive(t, res.Verdict.Evidence.Count(counterScans))
	require.Empty(t, res.Translation.Differently)

	kept := filepath.Join(dir, "kept")
	require.NoError(t, res.Write(kept))
	var s Summary
	text, err := os.ReadFile(filepath.Join(kept, "live.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &s))
	require.Equal(t, "pass", s.Outcome)
	f, err := os.Open(filepath.Join(kept, "plan.json"))
	require.NoError(t, err)
	defer f.Close()
	_, err = plan.Decode(f)
	require.NoError(t, err)
	again, hash, err := run.ReadPlan(kept)
	require.NoError(t, err)
	require.Empty(t, hash, "a live run has no course that can be had again")
	require.Equal(t, p.Faults, again.Faults)
	page, err := os.ReadFile(filepath.Join(kept, run.ReportFile))
	require.NoError(t, err)
	require.Contains(t, string(page), "live run of holdfast, seed 2")
	requireCourse(t, res)
}
