package placement

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
)

func (r *rig) standing(id uint64) standing { return r.d.standing(r.now, r.state().Node(id)) }

// Goal: a node is dead after DeadAfter without a report, counted from when the driver could have heard of it, and one
// that was not heard of lately gets nothing. Method: a node that never reports, one that stops, one that joins late.
func TestSilentNodesDieAfterAWhile(t *testing.T) {
	r := newRig(t, Cluster{Partitions: 1, Replicas: 1}, 1, 2)
	r.step()
	require.Equal(t, []bool{false, false, false}, []bool{r.standing(1).dead, r.standing(1).recent, r.standing(1).steady})
	r.report(1)
	require.True(t, r.standing(1).steady)
	r.after(4 * time.Second)
	require.False(t, r.standing(1).recent)
	require.True(t, r.standing(1).inRing())
	r.after(6 * time.Second)
	require.True(t, r.standing(1).dead)
	require.True(t, r.standing(2).dead, "it was never heard of")

	r.do(Join(r.state(), plain(3), false, Evidence{}))
	r.step()
	require.False(t, r.standing(3).dead, "the driver has just learned of it")
	r.after(10 * time.Second)
	require.True(t, r.standing(3).dead)
}

// Goal: a node that reports under another log than that of the table does not live. Method: reports of a wiped node, and
// then its rejoin.
func TestOnlyTheLogOfTheTableCounts(t *testing.T) {
	r := newRig(t, Cluster{Partitions: 1, Replicas: 1}, 1, 2)
	r.step()
	for range 11 {
		r.pass(1, 1)
		r.d.Heard(r.now, Report{Node: 2, Store: 201})
	}
	require.True(t, r.standing(2).dead)
	require.Equal(t, []Stranger{{Node: 2, Store: 201}}, r.d.Progress(r.now, r.state()).Strangers)
	wiped := plain(2)
	wiped.Store = 201
	r.do(Join(r.state(), wiped, true, r.d.Evidence(r.now, r.state(), 2)))
	require.True(t, r.standing(2).steady)
}

// Goal: each death doubles how long a node must live until it gets replicas, up to a bound; living as long again
// forgives. Method: a node that flaps, and its probations.
func TestFlappingIsDamped(t *testing.T) {
	r := newRig(t, Cluster{Partitions: 1, Replicas: 1}, 1, 2)
	r.report(2)
	wait := func() (d time.Duration) {
		r.pass(9, 1)
		r.pass(1, 1, 2)
		for !r.standing(2).steady {
			r.pass(1, 2)
			d += time.Second
		}
		return d
	}
	var waits []time.Duration
	for range 9 {
		waits = append(waits, wait()/time.Second)
	}
	require.Equal(t, []time.Duration{2, 4, 8, 16, 32, 64, 128, 128, 128}, waits)
	r.pass(128, 2)
	require.Equal(t, 2*time.Second, wait())
}

// Goal: strangers cannot fill the memory, nor push out a node of the table. Method: more logs than fit.
func TestStrangersAreForgotten(t *testing.T) {
	r := newRig(t, Cluster{Partitions: 1, Replicas: 1}, 1, 2)
	r.report(1)
	r.step()
	for i := range uint64(3 * maxSightings) {
		r.after(time.Millisecond)
		r.d.Heard(r.now, Report{Node: 5 + i%7, Store: 1000 + i})
	}
	require.Len(t, r.d.seen, maxSightings)
	require.Contains(t, r.d.seen, origin{1, 100})
	require.Contains(t, r.d.seen, origin{2, 200})
}

// Goal: the driver asks to be called when a silence becomes too long or a probation ends, soon after something was heard, and
// not at all without a cluster. Method: the deadlines of a small cluster.
func TestDeadlineIsWhenSomethingChanges(t *testing.T) {
	at := func(seconds float64) env.Instant { return env.Instant(seconds * float64(time.Second)) }
	d := New(testConfig(), 0)
	d.Step(5, newLedger(t).state())
	require.Equal(t, env.Never, d.Deadline())

	r := newRig(t, Cluster{Partitions: 1, Replicas: 1}, 1, 2)
	r.now = at(1)
	r.step()
	require.Equal(t, at(3), r.d.Deadline(), "it shows that it is awake")
	r.now = at(2)
	r.report(1)
	require.Equal(t, at(1.25), r.d.Deadline(), "something was heard")
	r.pass(7, 1)
	r.now = at(9.5)
	r.step()
	require.Equal(t, at(10), r.d.Deadline(), "the driver is no longer new")
	r.now = at(10)
	r.step()
	require.Equal(t, at(11), r.d.Deadline(), "node 2 dies, known since 1s")
	r.now = at(11.5)
	r.report(2)
	r.now = at(12)
	r.step()
	require.Equal(t, at(13.5), r.d.Deadline(), "the probation of node 2 ends")
}

// Goal: a driver that was stopped for long does not take its own silence for that of the nodes. Method: an hour without a
// call, then reports of one node.
func TestSleepIsNotSilence(t *testing.T) {
	r := newRig(t, Cluster{Partitions: 1, Replicas: 1}, 1, 2)
	r.report(1, 2)
	r.step()
	r.after(time.Hour)
	r.report(1)
	r.step()
	require.False(t, r.standing(2).dead)
	require.False(t, r.standing(2).recent)
	require.True(t, r.standing(1).steady, "it did not flap")
	r.pass(10, 1)
	require.True(t, r.standing(2).dead)
}

// Goal: a driver with a senseless configuration is not made. Method: one wrong number at a time.
func TestDriverConfigIsChecked(t *testing.T) {
	good := DefaultDriverConfig()
	require.NoError(t, good.Check())
	for _, spoil := range []func(*DriverConfig){
		func(c *DriverConfig) { c.ReportEvery = 0 }, func(c *DriverConfig) { c.DeadAfter = 3 * time.Second },
		func(c *DriverConfig) { c.FlapDamping = -1 }, func(c *DriverConfig) { c.MaxMoves = 0 },
		func(c *DriverConfig) { c.MaxMoves = 65 }, func(c *DriverConfig) { c.MaxMovesPerNode = 0 },
	} {
		c := good
		spoil(&c)
		require.Error(t, c.Check())
		require.Panics(t, func() { New(c, 0) })
	}
}
