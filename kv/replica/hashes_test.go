package replica

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft"
)

// judge is a Node that only hears of failures.
type judge struct {
	Node
	failure error
}

func (j *judge) SendHash(raft.ReplicaID, *Replica, uint64, uint64) {}
func (j *judge) Fail(err error)                                    { j.failure = err }

// passes returns a replica of a group of that size that has passed the first hash point with hash 7.
func passes(t *testing.T, voters int) (*Replica, *judge) {
	j := new(judge)
	r := newGroup(t, voters, nil).at[0].r
	r.node, r.applied, r.hash = j, HashEvery, 7
	r.passedHashPoint()
	return r, j
}

// Goal: REP-7, a replica stops exactly if a majority contradicts it, or if all have reported and no majority agrees with it.
// Method: all that matters of reports of groups of 1 to 5, in the order given.
func TestReplicaThatAMajorityContradictsStops(t *testing.T) {
	for _, c := range []struct {
		voters  int
		reports []uint64
		stops   bool
	}{
		{1, nil, false},
		{2, []uint64{7}, false},
		{2, []uint64{8}, true}, // nobody can tell which of the two is right
		{3, []uint64{8}, false},
		{3, []uint64{8, 7}, false},
		{3, []uint64{7, 8}, false},
		{3, []uint64{8, 8}, true},
		{3, []uint64{8, 9}, true},
		{4, []uint64{8, 8}, false},
		{4, []uint64{8, 8, 8}, true},
		{4, []uint64{7, 8, 8}, true},
		{5, []uint64{8, 8}, false},
		{5, []uint64{8, 8, 8}, true},
		{5, []uint64{7, 7, 8, 8}, false},
	} {
		r, j := passes(t, c.voters)
		for i, hash := range c.reports {
			r.PeerHash(raft.ReplicaID(i+2), HashEvery, hash)
		}
		require.Equal(t, c.stops, j.failure != nil, "%+v", c)
	}
}

// Goal: REP-7, reports count whether they come before or after the own hash, once for each peer, and only for their own point.
// Method: reports ahead, repeated, unaligned, and of points that share a slot.
func TestReportsCountOnceAndForTheirPoint(t *testing.T) {
	early, j := passes(t, 3)
	for _, peer := range []raft.ReplicaID{2, 3} {
		early.PeerHash(peer, 2*HashEvery, 8)
	}
	require.NoError(t, j.failure)
	early.applied = 2 * HashEvery
	early.passedHashPoint()
	require.ErrorContains(t, j.failure, fmt.Sprintf("state at entry %d", 2*HashEvery))

	r, j := passes(t, 3)
	r.PeerHash(2, HashEvery, 8)
	r.PeerHash(2, HashEvery, 8)
	r.PeerHash(3, HashEvery+1, 8)
	r.PeerHash(3, 0, 8)
	require.NoError(t, j.failure)
	r.PeerHash(3, (1+hashPoints)*HashEvery, 8) // the same slot, far ahead
	r.PeerHash(3, HashEvery, 8)                // forgotten by now
	require.NoError(t, j.failure)
}

// Goal: REP-7, one corrupt replica stops itself and not the sound ones. Method: flip a bit of the state hash in one of three
// engines, and write past a hash point.
func TestOneCorruptReplicaStopsAlone(t *testing.T) {
	g := newGroup(t, 3, nil)
	l := g.elect(1)
	l.put("k", "v")
	l.turn()
	g.settle()
	g.beat(1)
	h := g.at[2]
	key := append(binary.BigEndian.AppendUint64(nil, uint64(partition)), 1)
	meta, found, err := h.engine.Get(key)
	require.NoError(t, err)
	require.True(t, found)
	meta[20] ^= 1
	b := h.engine.NewBatch()
	b.Set(key, meta)
	require.NoError(t, h.engine.Apply(b))
	require.NoError(t, h.start())
	h.turn()
	for i := 0; i < HashEvery+50 && h.failure == nil; i++ {
		l.put("k", fmt.Sprint(i))
		l.turn()
		g.settle()
	}
	require.NoError(t, g.at[0].failure)
	require.NoError(t, g.at[1].failure)
	require.ErrorIs(t, h.failure, ErrDamaged, "the next start replaces it")
}
