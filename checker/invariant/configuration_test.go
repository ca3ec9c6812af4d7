package invariant_test

import (
	"testing"

	"github.com/holdfastdb/holdfast/checker/invariant"
	"github.com/stretchr/testify/require"
)

// members makes a configuration: v voter, o outgoing, b voter of both, l learner, d outgoing and
// then a learner. Replica n lives on node n modulo 100.
func members(kinds string, ids ...uint64) (c invariant.Membership) {
	for i, id := range ids {
		k := kinds[i]
		c = append(c, invariant.Member{
			ID: id, Node: id % 100, Voter: k == 'v' || k == 'b', Outgoing: k == 'o' || k == 'b' || k == 'd',
			Learner: k == 'l' || k == 'd',
		})
	}
	return c
}

// Goal: §6, every committed configuration is a legal step from the one before. Method: a node is added
// as a learner, promoted, another one demoted, removed, and replaced; then each step that is none.
func TestConfigurationsFollowOneAnother(t *testing.T) {
	o := invariant.NewConfigurations()
	for i, c := range []invariant.Membership{
		members("vvv", 1, 2, 3), members("vvvl", 1, 2, 3, 4), members("bbbv", 1, 2, 3, 4), members("vvvv", 1, 2, 3, 4),
		members("dbbb", 1, 2, 3, 4), members("lvvv", 1, 2, 3, 4), members("vvv", 2, 3, 4), members("vvvl", 2, 3, 4, 101),
	} {
		green(t, o.ObserveCommitted(a, uint64(10*i), c))
	}
	green(t, o.ObserveCommitted(b, 70, members("vvvl", 2, 3, 4, 101)))
	green(t, o.ObserveCommitted(b, 20, members("bbbv", 1, 2, 3, 4)))
	red(t, "configuration/two-committed", b, o.ObserveCommitted(b, 70, members("vvvl", 2, 3, 4, 201)))
	red(t, "configuration/late", b, o.ObserveCommitted(b, 65, members("vvv", 2, 3, 4)))
	green(t, o.ObserveCommitted(x, 0, members("v", 1)))

	otherLog := members("vl", 1, 9)
	otherLog[1].Store = 7
	const illegal, reused = "configuration/illegal-step", "configuration/id-reused"
	for _, bad := range []struct {
		fingerprint string
		from, to    invariant.Membership
	}{
		{illegal, members("vvv", 1, 2, 3), members("vv", 1, 2)},
		{illegal, members("vvv", 1, 2, 3), members("bbv", 1, 2, 4)},
		{illegal, members("vvv", 1, 2, 3), members("lll", 1, 2, 3)},
		{illegal, members("bbo", 1, 2, 3), members("bob", 1, 2, 3)},
		{illegal, members("bbo", 1, 2, 3), members("vvv", 1, 2, 3)},
		{illegal, members("bbd", 1, 2, 3), members("vv", 1, 2)},
		{reused, members("vv", 1, 2), members("vvl", 1, 2, 9)},
		{reused, members("vl", 1, 9), otherLog},
		{"configuration/two-on-a-node", members("vv", 1, 2), members("vvl", 1, 2, 102)},
	} {
		o := invariant.NewConfigurations()
		green(t, o.ObserveCommitted(a, 0, members("vl", 1, 9)))
		o.ObserveCommitted(a, 1, bad.from)
		red(t, bad.fingerprint, a, o.ObserveCommitted(a, 2, bad.to))
	}
	o = invariant.NewConfigurations()
	green(t, o.ObserveCommitted(a, 0, members("vvo", 1, 2, 3)))
	green(t, o.ObserveCommitted(a, 1, members("vv", 1, 2)))
	green(t, o.ObserveCommitted(a, 2, members("vvl", 1, 2, 103)))
}

// Goal: what a replica does with configurations. Method: each observation, right and wrong.
func TestReplicasFollowTheirConfigurations(t *testing.T) {
	o := invariant.NewConfigurations()
	three, four := members("vvv", 1, 2, 3), members("vvvl", 1, 2, 3, 4)
	green(t, o.ObserveInstalled(b, 5, four))
	green(t, o.ObserveCommitted(a, 0, three))
	green(t, o.ObserveCommitted(a, 10, four))
	require.Equal(t, three, o.At(1, 9))
	require.Equal(t, four, o.At(1, 10))
	green(t, o.ObserveInstalled(b, 9, three))
	red(t, "configuration/snapshot", b, o.ObserveInstalled(b, 10, three))
	green(t, o.ObserveInEffect(b, four, four))
	red(t, "configuration/not-in-effect", b, o.ObserveInEffect(b, three, four))
	green(t, o.ObserveProposed(b, 12, 10, 10))
	red(t, "configuration/overlapping", b, o.ObserveProposed(b, 12, 10, 9))
	d := replica{Group: 1, Node: 4}
	green(t, o.ObserveLeader(b, []invariant.Membership{four}))
	green(t, o.ObserveLeader(d, []invariant.Membership{four, members("bbbv", 1, 2, 3, 4)}))
	red(t, "configuration/elected-without-vote", d, o.ObserveLeader(d, []invariant.Membership{four}))
	o.Forget(1, 15)
	require.Nil(t, o.At(1, 9))
	require.Equal(t, four, o.At(1, 15))
	red(t, "configuration/illegal-step", a, o.ObserveCommitted(a, 20, members("vvl", 1, 2, 4)))
}
