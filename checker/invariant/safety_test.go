package invariant_test

import (
	"testing"

	"github.com/holdfastdb/holdfast/checker/invariant"
	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/stretchr/testify/require"
)

type (
	replica = invariant.Replica
	entry   = invariant.Entry
)

var (
	a = replica{Group: 1, Node: 1}
	b = replica{Group: 1, Node: 2}
	c = replica{Group: 1, Node: 3}
	x = replica{Group: 2, Node: 1} // another group
)

func green(t *testing.T, v *verdict.Violation) {
	t.Helper()
	if v != nil {
		t.Fatalf("false alarm: %v", *v)
	}
}

func red(t *testing.T, fingerprint string, at replica, v *verdict.Violation) {
	t.Helper()
	require.NotNil(t, v)
	require.Equal(t, fingerprint, v.Fingerprint)
	require.Equal(t, at.Group, v.Group)
	require.Equal(t, at.Node, v.Node)
	require.NotEmpty(t, v.Message)
}

// logOf is a log with one term for each index from 1; indexes up to compacted are so.
func logOf(compacted uint64, terms ...uint64) invariant.View {
	return func(index uint64) (uint64, invariant.Holding) {
		switch {
		case index <= compacted:
			return 0, invariant.Compacted
		case index > uint64(len(terms)):
			return 0, invariant.Absent
		}
		return terms[index-1], invariant.Present
	}
}

// Goal: Figure 3, election safety. Method: the same leader again, other groups and terms are fine; a second one is not.
func TestElectionSafety(t *testing.T) {
	o := invariant.NewElectionSafety()
	green(t, o.ObserveLeader(a, 5))
	green(t, o.ObserveLeader(a, 5))
	green(t, o.ObserveLeader(b, 6))
	green(t, o.ObserveLeader(replica{Group: 2, Node: 2}, 5))
	red(t, "election-safety/two-leaders", b, o.ObserveLeader(b, 5))
}

// Goal: Figure 3, leader append-only. Method: appends at the end and a follower's truncation are fine; a leader that
// truncates or writes elsewhere is not.
func TestLeaderAppendOnly(t *testing.T) {
	o := invariant.NewLeaderAppendOnly()
	green(t, o.ObserveTruncate(a, 3))
	o.ObserveLeader(a, 2, 4)
	green(t, o.ObserveAppend(a, entry{Index: 5, Term: 2}))
	green(t, o.ObserveAppend(b, entry{Index: 2, Term: 2}))
	green(t, o.ObserveTruncate(a, 6))
	red(t, "leader-append-only/truncated", a, o.ObserveTruncate(a, 5))
	red(t, "leader-append-only/wrote-elsewhere", a, o.ObserveAppend(a, entry{Index: 5, Term: 2}))
	red(t, "leader-append-only/wrote-elsewhere", a, o.ObserveAppend(a, entry{Index: 7, Term: 2}))
	o.ObserveFollower(a)
	green(t, o.ObserveTruncate(a, 5))
}

// Goal: Figure 3, log matching. Method: the same entry on two nodes and different terms at an index are fine; another
// content, another past and a decreasing term are not; also for the second term seen at an index.
func TestLogMatching(t *testing.T) {
	o := invariant.NewLogMatching()
	green(t, o.ObserveAppend(a, entry{7, 2, 0xa}, 1))
	green(t, o.ObserveAppend(b, entry{7, 2, 0xa}, 1))
	green(t, o.ObserveAppend(b, entry{7, 3, 0xb}, 1))
	green(t, o.ObserveAppend(c, entry{7, 3, 0xb}, 1))
	green(t, o.ObserveAppend(x, entry{7, 2, 0xc}, 1))
	green(t, o.ObserveAppend(a, entry{2, 1, 0xd}, 1))
	red(t, "log-matching/different-entries", c, o.ObserveAppend(c, entry{7, 2, 0xb}, 1))
	red(t, "log-matching/different-entries", c, o.ObserveAppend(c, entry{7, 3, 0xa}, 1))
	red(t, "log-matching/different-pasts", c, o.ObserveAppend(c, entry{7, 2, 0xa}, 2))
	red(t, "log-matching/term-decreases", c, o.ObserveAppend(c, entry{8, 2, 0xa}, 3))
	o.Forget(1, 7)
	green(t, o.ObserveAppend(c, entry{7, 2, 0xb}, 1))
	green(t, o.ObserveAppend(c, entry{8, 2, 0xa}, 2))
	red(t, "log-matching/different-entries", b, o.ObserveAppend(b, entry{8, 2, 0xb}, 2))
}

// Goal: Figure 3, leader completeness. Method: complete, compacted and late old-term leaders are fine; a missing or a
// replaced entry is not, also when it is not the newest.
func TestLeaderCompleteness(t *testing.T) {
	o := invariant.NewLeaderCompleteness()
	green(t, o.ObserveCommitted(a, entry{2, 1, 0xb}, 4))
	green(t, o.ObserveCommitted(a, entry{1, 1, 0xa}, 4))
	green(t, o.ObserveCommitted(a, entry{3, 4, 0xc}, 4))
	green(t, o.ObserveCommitted(b, entry{3, 4, 0xc}, 6))
	green(t, o.ObserveLeader(b, 5, logOf(0, 1, 1, 4)))
	green(t, o.ObserveLeader(b, 5, logOf(3)))
	green(t, o.ObserveLeader(c, 4, logOf(0, 1)))
	green(t, o.ObserveLeader(c, 3, logOf(0)))
	green(t, o.ObserveLeader(x, 9, logOf(0)))
	red(t, "leader-completeness/missing", c, o.ObserveLeader(c, 5, logOf(0, 1, 1)))
	red(t, "leader-completeness/replaced", c, o.ObserveLeader(c, 5, logOf(1, 0, 2, 4)))
	red(t, "leader-completeness/two-committed", b, o.ObserveCommitted(b, entry{2, 1, 0xc}, 4))
	red(t, "leader-completeness/two-committed", b, o.ObserveCommitted(b, entry{2, 2, 0xb}, 4))
	o.Forget(1, 2)
	green(t, o.ObserveLeader(c, 5, logOf(0, 9, 9, 4)))
}

// Goal: Figure 3, state machine safety. Method: equal entries, replay after a restart and a snapshot are fine; a
// difference, a gap, a repetition, a restart ahead and a wrong snapshot are not.
func TestStateMachineSafety(t *testing.T) {
	o := invariant.NewStateMachineSafety()
	for _, r := range []replica{a, b} {
		green(t, o.ObserveApply(r, entry{1, 1, 0xa}))
		green(t, o.ObserveApply(r, entry{2, 1, 0xb}))
	}
	green(t, o.ObserveRestart(a, 1))
	green(t, o.ObserveApply(a, entry{2, 1, 0xb}))
	green(t, o.ObserveApply(a, entry{3, 2, 0xc}))
	green(t, o.ObserveSnapshot(b, 3, 2))
	green(t, o.ObserveApply(b, entry{4, 2, 0xd}))
	require.EqualValues(t, 4, o.Applied(b))

	red(t, "state-machine-safety/different-entries", a, o.ObserveApply(a, entry{4, 2, 0xe}))
	red(t, "state-machine-safety/applied-twice", a, o.ObserveApply(a, entry{4, 2, 0xd}))
	red(t, "state-machine-safety/gap", a, o.ObserveApply(a, entry{6, 2, 0xe}))
	red(t, "state-machine-safety/gap", c, o.ObserveApply(c, entry{2, 1, 0xb}))
	red(t, "state-machine-safety/snapshot-term", c, o.ObserveSnapshot(c, 3, 1))
	red(t, "state-machine-safety/snapshot-back", c, o.ObserveSnapshot(c, 2, 1))
	red(t, "state-machine-safety/restarted-ahead", a, o.ObserveRestart(a, 9))
	o.ForgetReplica(c)
	green(t, o.ObserveApply(c, entry{1, 1, 0xa}))
	red(t, "state-machine-safety/different-entries", c, o.ObserveApply(c, entry{2, 2, 0xb}))
	o.Forget(1, 2)
	green(t, o.ObserveRestart(c, 1))
	green(t, o.ObserveApply(c, entry{2, 2, 0xb}))
}

// Goal: nothing goes back within an incarnation or a leadership. Method: each field in turn.
func TestProgress(t *testing.T) {
	type at = invariant.Position
	o := invariant.NewProgress()
	green(t, o.Observe(a, at{3, 5, 4}))
	green(t, o.Observe(a, at{4, 5, 5}))
	red(t, "monotone-progress/term", a, o.Observe(a, at{3, 5, 5}))
	red(t, "monotone-progress/commit", a, o.Observe(a, at{3, 4, 5}))
	red(t, "monotone-progress/applied", a, o.Observe(a, at{3, 4, 4}))
	red(t, "monotone-progress/applied-uncommitted", a, o.Observe(a, at{3, 4, 5}))
	o.ObserveRestart(a, at{2, 1, 1})
	green(t, o.Observe(a, at{2, 2, 1}))

	green(t, o.ObserveMatch(a, 2, 7, 10))
	green(t, o.ObserveMatch(a, 2, 7, 10))
	green(t, o.ObserveMatch(a, 2, 8, 3))
	green(t, o.ObserveMatch(a, 3, 7, 0))
	red(t, "monotone-progress/match", a, o.ObserveMatch(a, 2, 8, 2))
	o.ForgetPeer(a, 8)
	green(t, o.ObserveMatch(a, 2, 8, 0))
}

// Goal: DESIGN §5, replicas at one index hold one state. Method: equal and different hashes.
func TestStateHash(t *testing.T) {
	o := invariant.NewStateHash()
	green(t, o.ObserveStateHash(a, 10, 0xa))
	green(t, o.ObserveStateHash(b, 10, 0xa))
	green(t, o.ObserveStateHash(b, 11, 0xb))
	green(t, o.ObserveStateHash(x, 10, 0xc))
	red(t, "state-hash/diverged", c, o.ObserveStateHash(c, 10, 0xb))
	o.Forget(1, 10)
	green(t, o.ObserveStateHash(c, 10, 0xb))
	red(t, "state-hash/diverged", c, o.ObserveStateHash(c, 11, 0xc))
}
