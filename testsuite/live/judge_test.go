package live

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// Goal: LIVE-2, a fault that did not take effect makes a run vacuous, whatever the script says.
// Method: evidence that is just enough for the standard script passes; without any one
// counter of it, it does not.
func TestEachFaultNeedsItsEvidence(t *testing.T) {
	needs := Standard().requirements(3)
	require.Greater(t, len(needs), 8)
	evidence := func(without string) (e verdict.Evidence) {
		e.Add(verdict.CounterAcknowledged, 1)
		for _, n := range needs {
			if n.Counter != without {
				e.Add(n.Counter, n.AtLeast)
			}
		}
		return e
	}
	judge := func(e verdict.Evidence) verdict.Outcome {
		return verdict.Judge(verdict.Case{Evidence: e, Requirements: needs}).Outcome
	}
	require.Equal(t, verdict.Pass, judge(evidence("")))
	for _, n := range needs {
		require.Equal(t, verdict.Vacuous, judge(evidence(n.Counter)), n.Counter)
	}
}

// Goal: the standard script asks for what it is there for.
// Method: what it requires, by name.
func TestStandardScriptKillsPausesAndStops(t *testing.T) {
	need := make(map[string]int64)
	for _, r := range Standard().requirements(3) {
		need[r.Counter] = r.AtLeast
	}
	require.EqualValues(t, 1+1+3+1+8, need[counterKilled], "a follower, a leader, all, a follower that dies eight more times")
	require.EqualValues(t, 2, need[counterPaused])
	require.EqualValues(t, 1, need[counterStopped])
	require.EqualValues(t, 4, need[counterDeposed])
	for _, fault := range []string{"", "kill follower", "kill leader", "pause follower", "pause leader", "stop leader"} {
		require.EqualValues(t, work, need[counterDuring(fault)], fault)
	}
}

// Goal: the script of membership asks for what it is there for. Method: what it requires, by name.
func TestMembershipScriptChangesWhoIsAMember(t *testing.T) {
	need := make(map[string]int64)
	for _, r := range Membership().requirements(3) {
		need[r.Counter] = r.AtLeast
	}
	for counter, n := range map[string]int64{
		counterAdded: 3, counterRemoved: 1, counterWiped: 2, counterKilled: 2, counterHanded: 6, counterStopped: 2, counterDeposed: 1,
	} {
		require.Equal(t, n, need[counter], counter)
	}
	for _, fault := range []string{"", "shrink leader", "wipe follower", "wipe leader", "stop leader"} {
		require.GreaterOrEqual(t, need[counterDuring(fault)], int64(work), fault)
	}
}

// Goal: scripts that are drawn can be played, and those that cannot are refused with the
// reason.
// Method: many seeds; a table of mistakes.
func TestScriptsAreCheckedBeforeTheyArePlayed(t *testing.T) {
	require.NoError(t, Standard().Check())
	require.NoError(t, Membership().Check())
	seen := make(map[Step]bool)
	for seed := range uint64(200) {
		s := Draw(rand.New(rand.NewPCG(seed, 0)), 5)
		require.NoError(t, s.Check())
		require.Equal(t, s, Draw(rand.New(rand.NewPCG(seed, 0)), 5), "the seed decides")
		for _, step := range s {
			step.Count = 0
			seen[step] = true
		}
	}
	require.Len(t, seen, 8+2+10, "all other actions, whom to remove, and each fault but to pause or wipe all")
	for reason, s := range map[string]Script{
		"no such action":           {{Do: "explode"}},
		"no target":                {{Do: Kill}},
		"count of at least 1":      {{Do: Work}},
		"must end with a repair":   {{Do: Kill, On: Leader}},
		"pausing all nodes at onc": {{Do: Pause, On: All}, {Do: Repair}},
		"loss of all disks":        {{Do: Wipe, On: All}, {Do: Repair}},
		"the leader or a follower": {{Do: Shrink, On: All}},
		"of at least 1":            {{Do: HandOver}},
	} {
		_, err := (&Run{Script: s}).Play(t.Context())
		require.ErrorContains(t, err, reason)
	}
}

// Goal: the watch reports what nodes must never show, each kind once, and forgives a restart what
// was only in memory.
// Method: made-up answers.
func TestWatchReportsWhatNodesMustNotShow(t *testing.T) {
	newWatch := func() *Watch {
		w := NewWatch(&Cluster{})
		t.Cleanup(w.Close)
		return w
	}
	at := func(role string, term, commit, applied, hash uint64) *kvpb.NodeStatus {
		return &kvpb.NodeStatus{Groups: []*kvpb.GroupStatus{{
			Group: 1, Role: role, Term: term, Commit: commit, Applied: applied, Hash: hash,
		}}}
	}
	w := newWatch()
	w.observe(1, 1, at(roleLeader, 2, 9, 9, 77))
	w.observe(1, 2, at("follower", 2, 3, 3, 33))
	w.observe(2, 1, at(roleLeader, 3, 9, 9, 77))
	require.Empty(t, w.Case().Violations)
	seen := w.Case().Evidence
	require.EqualValues(t, 2, seen.Count("leaders seen"))

	for fingerprint, bad := range map[string]*kvpb.NodeStatus{
		"election-safety/two-leaders":  at(roleLeader, 3, 9, 9, 77),
		"state-hash/diverged":          at("follower", 3, 9, 9, 78),
		"monotone-progress/commit":     at("follower", 2, 2, 2, 22),
		"node-failure/stopped-serving": {Failure: "the disk is gone"},
	} {
		w := newWatch()
		w.observe(2, 1, at(roleLeader, 3, 9, 9, 77))
		w.observe(1, 2, at("follower", 2, 3, 3, 33))
		w.observe(1, 2, bad)
		w.observe(1, 2, bad)
		require.Len(t, w.Case().Violations, 1, fingerprint)
		require.Equal(t, fingerprint, w.Case().Violations[0].Fingerprint)
	}
}
