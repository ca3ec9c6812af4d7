package invariant_test

import (
	"testing"

	"github.com/holdfastdb/holdfast/checker/invariant"
	"github.com/stretchr/testify/require"
)

// disks are durable logs by node.
type disks map[uint64]invariant.View

func (d disks) durable(node, index uint64) (uint64, invariant.Holding) { return d[node](index) }

// Goal: DESIGN §1.3, an acknowledged write is durable on a quorum when it is acknowledged. Method: just
// enough copies, one too few, one of another term, a compacted one, and a joint configuration.
func TestAcknowledgedWriteIsDurableOnAQuorum(t *testing.T) {
	three := invariant.Config{Voters: []uint64{1, 2, 3}}
	d := disks{1: logOf(0, 1, 2), 2: logOf(0, 1, 1), 3: logOf(0), 4: logOf(0), 5: logOf(2)}
	ack := func(index, term uint64, c invariant.Config) string {
		if v := invariant.NewDurability().ObserveAck(a, index, term, c, d.durable); v != nil {
			require.Equal(t, a.Node, v.Node)
			return v.Fingerprint
		}
		return ""
	}
	const early = "durability/acknowledged-early"
	require.Equal(t, "", ack(1, 1, three))
	require.Equal(t, early, ack(2, 2, three))
	require.Equal(t, early, ack(3, 2, three))
	require.Equal(t, early, ack(1, 1, invariant.Config{Voters: []uint64{1, 2, 3, 4}}))
	require.Equal(t, "", ack(2, 2, invariant.Config{Voters: []uint64{1, 5, 3}}))
	require.Equal(t, "", ack(1, 1, invariant.Config{Voters: []uint64{1, 2, 3}, Outgoing: []uint64{1, 5, 4}}))
	require.Equal(t, early, ack(1, 1, invariant.Config{Voters: []uint64{1, 2, 3}, Outgoing: []uint64{1, 3, 4}}))
	require.Equal(t, early, ack(1, 1, invariant.Config{Voters: []uint64{1, 3, 4}, Outgoing: []uint64{1, 2, 3}}))
}

// Goal: an acknowledged write stays durable. Method: a disk loses its end; two terms are acknowledged at one index.
func TestAcknowledgedWriteStaysDurable(t *testing.T) {
	three := invariant.Config{Voters: []uint64{1, 2, 3}}
	d := disks{1: logOf(0, 1, 1, 1), 2: logOf(0, 1, 1, 1), 3: logOf(0)}
	o := invariant.NewDurability()
	green(t, o.ObserveAck(a, 1, 1, three, d.durable))
	green(t, o.ObserveAck(a, 3, 1, three, d.durable))
	require.EqualValues(t, 3, o.Last(1))
	green(t, o.Recheck(1, 0, three, d.durable))
	d[2] = logOf(0, 1, 1)
	green(t, o.Recheck(2, 0, three, d.durable))
	red(t, "durability/lost", replica{Group: 1}, o.Recheck(1, 2, three, d.durable))
	green(t, o.Recheck(1, 4, three, d.durable))
	o.Forget(1, 3)
	green(t, o.Recheck(1, 0, three, d.durable))
	green(t, o.ObserveAck(a, 4, 1, three, disks{1: logOf(4), 2: logOf(4), 3: logOf(0)}.durable))
	red(t, "durability/two-acknowledged", b, o.ObserveAck(b, 4, 2, three, d.durable))
}

// Goal: Figure 2, promised term and vote survive a restart. Method: exactly what was promised and more is fine; less is not.
func TestPromisedTermAndVoteSurvive(t *testing.T) {
	restart := func(term, vote uint64) string {
		o := invariant.NewRecovery()
		green(t, o.PromiseTerm(a, 4, 1))
		green(t, o.PromiseTerm(a, 5, 0))
		green(t, o.PromiseTerm(a, 5, 2))
		green(t, o.PromiseTerm(a, 5, 0))
		green(t, o.PromiseTerm(a, 4, 1))
		if v := o.ObserveRestart(a, invariant.Recovered{Term: term, Vote: vote, Log: logOf(0)}); v != nil {
			return v.Fingerprint
		}
		return ""
	}
	require.Equal(t, "", restart(5, 2))
	require.Equal(t, "", restart(6, 0))
	require.Equal(t, "recovery/term", restart(4, 1))
	require.Equal(t, "recovery/vote", restart(5, 0))
	require.Equal(t, "recovery/vote", restart(5, 3))
	o := invariant.NewRecovery()
	green(t, o.PromiseTerm(a, 5, 2))
	red(t, "recovery/two-votes", a, o.PromiseTerm(a, 5, 3))
}

// Goal: acknowledged entries survive a restart. Method: the same, a longer and a compacted log are fine; a shorter and a
// different one are not, until a later leader has replaced them.
func TestAcknowledgedEntriesSurvive(t *testing.T) {
	o := invariant.NewRecovery()
	o.PromiseEntries(a, 3, 4, 2)
	o.PromiseEntries(a, 3, 2, 1) // an older one, late
	restart := func(log invariant.View) string {
		if v := o.ObserveRestart(a, invariant.Recovered{Term: 9, Log: log}); v != nil {
			return v.Fingerprint
		}
		return ""
	}
	require.Equal(t, "", restart(logOf(0, 1, 1, 2, 2)))
	require.Equal(t, "", restart(logOf(0, 1, 1, 2, 2, 3)))
	require.Equal(t, "", restart(logOf(4)))
	require.Equal(t, "recovery/log-shorter", restart(logOf(0, 1, 1, 2)))
	require.Equal(t, "recovery/log-differs", restart(logOf(0, 1, 1, 2, 1)))

	green(t, o.ObserveTruncate(a, 3, 5, 2))
	red(t, "recovery/dropped-promised", a, o.ObserveTruncate(a, 3, 3, 1))
	green(t, o.ObserveTruncate(a, 4, 3, 1))
	o.PromiseEntries(a, 3, 4, 2) // to the earlier leader, late: counts no more
	require.Equal(t, "", restart(logOf(0, 1, 1)))
	require.Equal(t, "recovery/log-shorter", restart(logOf(0, 1)))
	o.PromiseEntries(a, 4, 3, 4)
	require.Equal(t, "recovery/log-differs", restart(logOf(0, 1, 1, 2, 2)))
	o.Forget(a)
	require.Equal(t, "", restart(logOf(0)))
}
