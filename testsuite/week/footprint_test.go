package week

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/netsim"
)

// Goal: WEEK-1, everything that can be reached counts, once. Method: one object of each sort, with the sum by
// hand.
func TestFootprintCountsWhatCanBeReached(t *testing.T) {
	type leaf = struct{ data []byte } // without names of their own, as this package counts as outside
	type tree = struct {
		left, right *leaf
		any         any
		table       map[uint64]*leaf
		text        string
		world       *netsim.World
		self        any
	}
	const leafBytes, treeBytes = 24, 8 + 8 + 16 + 8 + 16 + 8 + 16
	shared := &leaf{make([]byte, 10, 100)}
	x := &tree{left: shared, right: shared, world: netsim.New(1, netsim.Config{})}
	x.self = x
	require.EqualValues(t, treeBytes+leafBytes+100, Footprint(x))
	x.right = &leaf{}
	require.EqualValues(t, treeBytes+2*leafBytes+100, Footprint(x))
	x.any = &leaf{make([]byte, 7)}
	require.EqualValues(t, treeBytes+3*leafBytes+107, Footprint(x))
	x.table = map[uint64]*leaf{1: shared, 2: {make([]byte, 5)}}
	require.EqualValues(t, treeBytes+4*leafBytes+112+2*17, Footprint(x))
	x.text = "four"
	require.EqualValues(t, treeBytes+4*leafBytes+116+2*17, Footprint(x))
	require.Zero(t, Footprint(x.world))
	require.EqualValues(t, 24+2*8+leafBytes+100, Footprint(&[]*leaf{shared, shared}))
}
