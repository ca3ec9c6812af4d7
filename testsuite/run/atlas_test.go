package run

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// worlds are all sets of voters that may be in effect, as bit sets.
type worlds map[uint]bool

// close adds what the changes under way may make of them.
func (w worlds) close(leaving, entering map[int]int) {
	for grown := true; grown; {
		grown = false
		for c := range w {
			for n := 1; n <= 6; n++ {
				for _, next := range []struct {
					may bool
					to  uint
				}{{leaving[n] > 0, c &^ (1 << n)}, {entering[n] > 0, c | 1<<n}} {
					if next.may && !w[next.to] {
						w[next.to], grown = true, true
					}
				}
			}
		}
	}
}

// keep leaves only the worlds in which node n votes, or does not.
func (w worlds) keep(n int, votes bool) {
	for c := range w {
		if (c>>n&1 == 1) != votes {
			delete(w, c)
		}
	}
}

func (w worlds) requireSafe(t *rapid.T, lost map[int]bool) {
	for c := range w {
		good, bad := 0, 0
		for n := 1; n <= 6; n++ {
			switch {
			case c>>n&1 == 0:
			case lost[n]:
				bad++
			default:
				good++
			}
		}
		require.Greater(t, good, bad, "voters %b, lost %v", c, lost)
	}
}

// Goal: whatever the atlas allows, and whichever of the changes under way take effect, more
// voters have their copy than do not. Method: rapid, against a model that knows all sets of
// voters that may be in effect.
func TestTheAtlasKeepsAMajorityIntact(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := &plan.Plan{Nodes: rapid.IntRange(1, 5).Draw(rt, "nodes"), Spares: 1}
		if p.Nodes >= 3 && rapid.Bool().Draw(rt, "dead") {
			p.StayDead = []int{1}
		}
		a, all, lost := newAtlas(p), worlds{}, make(map[int]bool)
		for _, n := range p.StayDead {
			lost[n] = true
		}
		all[1<<(p.Nodes+1)-2] = true
		leaving, entering := make(map[int]int), make(map[int]int)
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			n := rapid.IntRange(1, p.Machines()).Draw(rt, "node")
			switch rapid.SampledFrom([]string{"lose", "leave", "left", "enter", "entered"}).Draw(rt, "step") {
			case "lose":
				if a.lose(n) {
					lost[n] = true
				}
			case "leave":
				if a.leave(n) {
					leaving[n]++
				}
			case "enter":
				if a.enter(n) {
					entering[n]++
				}
			case "left":
				if leaving[n] > 0 {
					a.left(n)
					all.keep(n, false)
					leaving[n]--
				}
			case "entered":
				if entering[n] > 0 {
					a.entered(n)
					all.keep(n, true)
					entering[n]--
				}
			}
			all.close(leaving, entering)
			all.requireSafe(rt, lost)
		}
	})
}

// Goal: the atlas is not so careful that nothing happens. Method: what must be allowed with three
// nodes, and what must not.
func TestTheAtlasAllowsWhatIsSurvived(t *testing.T) {
	a := newAtlas(&plan.Plan{Nodes: 3, Spares: 1})
	require.True(t, a.lose(1))
	require.True(t, a.lose(1), "again")
	require.False(t, a.lose(2))
	require.False(t, a.leave(2))
	require.True(t, a.leave(1))
	a.left(1)
	require.True(t, a.lose(1), "it is none of the voters")
	require.False(t, a.lose(2))
	require.True(t, a.enter(4))
	require.False(t, a.lose(2), "not yet a voter")
	a.entered(4)
	require.True(t, a.lose(2))
	a.spared(2)
	require.True(t, a.leave(2))
	require.True(t, a.enter(1), "two good ones remain")
	require.False(t, a.leave(3))
}
