package shrink

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/testsuite/plan"
	"github.com/holdfastdb/holdfast/testsuite/run"
)

// stale is a plan that fails on the clean code: clocks drift further than the leases allow for (docs/testing.md).
func stale(t *testing.T) *plan.Plan {
	p, _, err := run.ReadPlan("../testdata/lease/drift-beyond-the-bound.json")
	require.NoError(t, err)
	p.Seed = 1
	return p
}

// shrunkLease shrinks that plan; it is not fair, so what is tried need not be.
func shrunkLease(t *testing.T) *Report {
	p := stale(t)
	require.Error(t, p.Fair())
	r, err := Minimize(p, Options{Probe: Simulation(p), Runs: 250, Workers: 2})
	require.NoError(t, err)
	return r
}

// Goal: a real run is shrunk, keeps its fingerprint, and replays (SHRINK-1); its directory has all that a reader needs, and
// the test that is written is Go. Method: a plan that breaks leases, with a bound on the runs; what was kept is executed again.
func TestARealRunIsShrunkAndTold(t *testing.T) {
	r := shrunkLease(t)
	require.Less(t, r.After.Operations, 12)
	require.LessOrEqual(t, r.After.Faults, r.Before.Faults)
	dir := filepath.Join(t.TempDir(), "shrunk")
	require.NoError(t, r.Write(dir, ""))

	p, hash, err := run.ReadPlan(dir)
	require.NoError(t, err)
	require.Equal(t, r.Plan, p)
	for range 3 {
		again := run.Execute(p, run.Options{})
		require.Equal(t, hash, again.Summarize().TraceHash)
		require.Equal(t, r.Fingerprint, again.Verdict.Violations[0].Fingerprint)
	}
	for _, file := range []string{"run.json", "history.jsonl", "verdict.json", "trace.txt", "shrink.json"} {
		info, err := os.Stat(filepath.Join(dir, file))
		require.NoError(t, err)
		require.Positive(t, info.Size(), file)
	}
	text := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		return string(b)
	}
	story := text("story.txt")
	for _, words := range []string{
		r.Fingerprint, "leads in term", "wants to lead", "FAULT: Node", "asks to", "VIOLATION of linearizability", "THE SAME, DRAWN", "node 1", "client 1", "# LEADS t",
	} {
		require.Contains(t, story, words)
	}
	require.Contains(t, text("REPLAY.txt"), "sim replay "+dir)
	require.NotContains(t, text("REPLAY.txt"), "--from", "no seed gives this plan")
	_, err = parser.ParseFile(token.NewFileSet(), TestFile, text(TestFile), parser.AllErrors)
	require.NoError(t, err)
	require.NoError(t, r.Write(dir, "COMM-01"))
	require.Contains(t, text("REPLAY.txt"), "--mutant COMM-01")
}

// Goal: the story is told in the order of time, and ends with the violation. Method: the times of its steps.
func TestTheStoryEndsWithTheViolation(t *testing.T) {
	s := tell(stale(t))
	last := time.Duration(0)
	for _, st := range s.steps {
		require.GreaterOrEqual(t, st.at, last)
		last = st.at
	}
	require.Contains(t, s.steps[len(s.steps)-1].text, "VIOLATION")
	require.EqualValues(t, s.result.Verdict.Violations[len(s.result.Verdict.Violations)-1].At, last)
}

// Goal: in a cluster with partitions each group has its name. Method: the story of a drawn run, and the names.
func TestGroupsHaveNames(t *testing.T) {
	s := tell(plan.DrawSharded(3))
	group, where, short := s.groupNames(2)
	require.Equal(t, []string{" group 2", " in group 2", "g2 "}, []string{group, where, short})
	require.True(t, slices.ContainsFunc(s.steps, func(st step) bool { return strings.Contains(st.text, "leads the metadata group in term") }))
	require.True(t, slices.ContainsFunc(s.steps, func(st step) bool { return strings.Contains(st.text, " wants to lead group 1 in term") }))
}

// Goal: every kind of fault has words of its own. Method: all kinds that are drawn.
func TestEachFaultHasWords(t *testing.T) {
	seen := make(map[plan.FaultKind]bool)
	for seed := range uint64(600) {
		for _, p := range []*plan.Plan{plan.Draw(seed), plan.DrawSharded(seed)} {
			for i := range p.Faults {
				f := &p.Faults[i]
				seen[f.Kind] = true
				require.NotEmpty(t, faultVerbs[f.Kind], "%s", f.Kind)
				require.True(t, strings.HasSuffix(faultWords(f, 1), "."))
			}
		}
	}
	require.Greater(t, len(seen), 30)
}

// Goal: answers are told as they were. Method: operations made by hand.
func TestAnswersAreTold(t *testing.T) {
	for _, c := range []struct {
		op          history.Operation
		long, short string
	}{
		{history.Operation{Input: history.Input{Kind: history.Get}, Outcome: history.OK, Result: history.Result{Found: true, Value: "x", Version: 3, Node: 2}}, "there is x of version 3, says node 2", "x"},
		{history.Operation{Input: history.Input{Kind: history.Get}, Outcome: history.OK}, "there is nothing", "nothing"},
		{history.Operation{Input: history.Input{Kind: history.Put}, Outcome: history.OK, Result: history.Result{Index: 7, Partition: 2}}, "done, as of index 7 of partition 2", "ok"},
		{history.Operation{Input: history.Input{Kind: history.CASValue}, Outcome: history.OK, Result: history.Result{Found: true, Value: "a b", Version: 1}}, `the condition does not hold, there is "a b" of version 1`, "refused"},
		{history.Operation{Input: history.Input{Kind: history.PutIfAbsent}, Outcome: history.OK, Result: history.Result{Swapped: true}}, "done", "ok"},
	} {
		require.Equal(t, c.long, answered(&c.op))
		require.Equal(t, c.short, brief(&c.op))
	}
}

// Goal: who leads is seen in the drawing, and lines are not torn. Method: rows of a story made by hand.
func TestLanesShowStates(t *testing.T) {
	s := &story{plan: &plan.Plan{Nodes: 2, Clients: 1}, steps: []step{
		{at: time.Second, lane: 1, mark: "starts", state: stateUp},
		{at: 2 * time.Second, lane: 1, mark: "LEADS t2", state: stateLeads},
		{at: 3 * time.Second, lane: 2, mark: "a mark that is far too long"},
		{at: 4 * time.Second, lane: 1, mark: "down", state: stateDown},
		{at: 5 * time.Second, mark: "all is healed"},
	}}
	var b strings.Builder
	s.draw(&b)
	_, rows, _ := strings.Cut(b.String(), "client 1")
	require.Equal(t, []string{
		"  1.000000s | starts                      .",
		"  2.000000s # LEADS t2                    .",
		"  3.000000s #                a mark that~ .",
		"  4.000000s   down                        .",
		"  5.000000s --- all is healed ---------------------------",
	}, strings.Split(strings.Trim(strings.TrimLeft(rows, " "), "\n"), "\n"))
}
