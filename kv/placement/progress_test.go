package placement

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func (r *rig) progress(group uint64) GroupProgress {
	for _, g := range r.d.Progress(r.now, r.state()).Groups {
		if g.Group == group {
			return g
		}
	}
	return GroupProgress{}
}

// Goal: a person can follow a partition from its creation through a movement to the destruction of what is left, and sees
// what it lacks. Method: one partition, and what is said of it.
func TestPhasesFollowAMovement(t *testing.T) {
	r := newRig(t, Cluster{Partitions: 1, Replicas: 2}, 1, 2, 3)
	phase := func() Phase { return r.progress(1).Phase }
	require.Equal(t, PhaseCreating, phase())
	r.put(1, 1, 1, 2)
	r.report(1, 2, 3)
	require.Equal(t, PhaseCreating, phase())
	r.holds(2, 1, 0, 1000)
	r.leads(1, 1, 2, 1, voters(1, 2))
	r.report(1, 2)
	require.Equal(t, PhaseOK, phase())

	r.do(Drain(r.state(), 2))
	r.step()
	require.Equal(t, PhaseWaiting, phase())
	require.Equal(t, []uint64{3}, without(r.progress(1).Goal, []uint64{1}))
	r.write()
	require.Equal(t, PhaseAdding, phase())
	r.leads(1, 1, 2, 2, append(voters(1, 2), learner(3, 1)))
	r.report(1)
	require.Equal(t, PhaseCatchingUp, phase())
	x := r.leads(1, 1, 2, 2, append(voters(1, 2), learner(3, 1)))
	x.Members[2].CaughtUp = true
	r.report(1)
	require.Equal(t, PhaseSwapping, phase())
	third := voter(3, 1)
	third.Store = 300
	r.leads(1, 1, 2, 2, append(voters(1), third))
	r.report(1, 2)
	require.Equal(t, PhaseCleaning, phase())
	r.says[2] = nil
	r.report(2)
	require.Equal(t, PhaseOK, phase())
	require.Equal(t, []uint64{1, 3}, r.progress(1).Voters)
	require.Equal(t, uint64(1), r.progress(1).Leader)

	r.pass(10, 1, 2)
	require.Equal(t, PhaseUnderReplicated, phase())
	require.Equal(t, 1, r.progress(1).Live)
	r.pass(10, 2)
	require.Equal(t, PhaseUnavailable, phase())
	r.d = New(testConfig(), r.now)
	require.Equal(t, PhaseUnknown, phase())
}

// Goal: bytes, pace and the time that is left are those of the copies that are still to be made. Method: a copy that
// grows by 50 bytes a second, and another one that waits.
func TestProgressTellsHowLongCopyingTakes(t *testing.T) {
	r := newRig(t, Cluster{Partitions: 2, Replicas: 1}, 1, 2)
	r.put(1, 1, 1)
	r.put(2, 1, 1)
	r.leads(1, 1, 2, 1, voters(1))
	r.leads(1, 2, 2, 1, voters(1))
	r.report(1, 2)
	r.do(Drain(r.state(), 1))
	r.d.cfg.MaxMoves = 1
	r.write()
	r.leads(1, 1, 2, 2, append(voters(1), learner(2, 1)))
	r.holds(2, 1, 1, 0)
	for range 11 {
		r.report(2, 1)
		r.after(time.Second)
		r.says[2][0].Bytes += 50
	}
	p := r.d.Progress(r.now, r.state())
	require.Equal(t, 2, p.Copies)
	require.Equal(t, []uint64{2000, 500, 50}, []uint64{p.Bytes, p.Done, p.Rate})
	require.Equal(t, 30*time.Second, p.Left)
	require.Equal(t, 3, p.Nodes[1].Goal, "the metadata group comes, too")
	require.Equal(t, 2, p.Nodes[1].Wanted, "and the metadata group")
	require.Equal(t, 1, p.Nodes[1].Replicas)
	require.Equal(t, 2, p.Nodes[0].Leads)

	r.pass(15, 1)
	require.Equal(t, uint64(50), r.d.Progress(r.now, r.state()).Rate, "a pause says nothing about the pace")
}

// Goal: where nothing was copied yet, no time is invented; where nothing is to be copied, none is left. Method: a pace that
// saw nothing.
func TestPaceIsNotInvented(t *testing.T) {
	p := pace{}
	require.Equal(t, time.Duration(0), p.left(0))
	require.Negative(t, p.left(1))
	p.rate = 4
	require.Equal(t, 1500*time.Millisecond, p.left(6))
}
