package raft

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Claim: only term, vote and entries are worth a write; the commit index travels along. Method: what is handed off after each input.
func TestOnlyPromisesCauseWrites(t *testing.T) {
	s := newSolo(t, 3, nil, 5, 5)
	s.get(app(5, 1, 5, 1))
	require.False(t, s.out().HasPersist, "a commit index alone")
	s.get(app(5, 1, 5, 1, 5))
	p := s.out().Persist
	require.Equal(t, HardState{Term: 5, Commit: 1}, p.State)
	require.Equal(t, uint64(1), p.Seq)
	require.Len(t, p.Entries, 1)
	require.False(t, s.out().HasPersist, "once")
	s.get(Message{Type: MsgHeartbeat, From: 3, Term: 6})
	p = s.out().Persist
	require.Equal(t, uint64(6), p.State.Term)
	require.Empty(t, p.Entries)
}

// Claim: the commit hint never names an index that a torn write could leave with another entry. Method: hand off a commit of entries
// that are not durable yet.
func TestCommitHintNamesOnlyDurableEntries(t *testing.T) {
	s := newSolo(t, 3, nil, 5, 1, 1, 1)
	s.get(app(5, 1, 1, 3, 5, 5))
	require.Equal(t, uint64(3), s.Commit())
	require.Equal(t, HardState{Term: 5, Commit: 1}, s.out().Persist.State)
}

// Claim: several hand-offs may be under way; one completion covers all before it, repeats do nothing, and unknown ones panic.
// Method: complete the second of three.
func TestCompletionCoversEarlierHandOffs(t *testing.T) {
	s := newSolo(t, 3, nil, 5)
	for i := range uint64(3) {
		s.get(app(5, i, min(i, 1)*5, 0, 5))
		s.out()
	}
	s.Persisted(2)
	require.Equal(t, uint64(2), s.Durable())
	s.Persisted(1)
	s.Persisted(2)
	require.Equal(t, uint64(2), s.Durable())
	s.Persisted(3)
	require.Equal(t, uint64(3), s.Durable())
	require.Panics(t, func() { s.Persisted(4) })
}

// Claim: what was handed out stays as it was, whatever happens to the log later. Method: keep a hand-off and a slice
// over a replacement of their entries.
func TestHandedOutEntriesDoNotChange(t *testing.T) {
	s := newSolo(t, 3, nil, 5)
	s.get(app(5, 0, 0, 0, 5, 5, 5))
	handed := s.out().Persist.Entries
	slice, ok := s.Slice(1, 3, 1<<20)
	require.True(t, ok)
	m := app(6, 1, 5, 0, 6, 6)
	s.answer(m)
	want := app(5, 0, 0, 0, 5, 5, 5).Entries
	require.Equal(t, want, handed)
	require.Equal(t, want, slice)
	require.Equal(t, []uint64{5, 6, 6}, s.terms())
}

// Claim: Slice gives what is in memory, bounded in bytes, and says when it is not. Method: inside, outside and at the edges.
func TestSliceBounds(t *testing.T) {
	s := newSolo(t, 3, nil, 5, 5, 5, 5)
	es, ok := s.Slice(1, 3, 1)
	require.True(t, ok)
	require.Len(t, es, 1)
	es, ok = s.Slice(2, 3, 1<<20)
	require.True(t, ok)
	require.Len(t, es, 2)
	for _, bounds := range [][2]uint64{{0, 1}, {3, 4}, {3, 2}} {
		_, ok = s.Slice(bounds[0], bounds[1], 1)
		require.False(t, ok)
	}
}

// Claim: the status shows the replica as it is. Method: a leader of three at work.
func TestStatusShowsTheReplica(t *testing.T) {
	s := leading(t, 3, nil)
	s.mustPropose(2)
	s.Read(s.now, 1)
	s.flush()
	s.SetApplied(1)
	st := s.Status()
	require.Equal(t, "leader", st.Role.String())
	require.Equal(t, []uint64{6, 1, 3, 3, 1}, []uint64{st.Term, st.Commit, st.LastIndex, st.Durable, st.Applied})
	require.Equal(t, []int{200, 1}, []int{st.UncommittedBytes, st.PendingReads})
	require.Positive(t, st.CacheBytes)
	require.Equal(t, []ReplicaID{2, 3}, []ReplicaID{st.Peers[0].ID, st.Peers[1].ID})
	require.Equal(t, uint64(1), st.Peers[0].Match)
	require.Equal(t, []ReplicaID{1, 2, 3}, s.Voters())
	require.Equal(t, []ReplicaID{1, 1}, []ReplicaID{s.Vote(), s.Leader()})
	require.Empty(t, newSolo(t, 3, nil, 5).Status().Peers)
}
