package wal

import (
	"errors"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft"
)

func markAt(index, term uint64) raft.Mark {
	return raft.Mark{Index: index, Term: term, Config: fmt.Appendf(nil, "c%d", index)}
}

// Goal: what survives a mark is decided by the term of the entry at its index, in memory and
// after a restart (WAL-10; SNAP-14).
// Method: a log of entries 1-10, terms 1 (1-4), 2 (5-8), 3 (9-10), one mark at each boundary with the
// right and a wrong term, also with entries behind it; the expected log is written out by hand.
func TestMarkKeepsWhatFollowsItsEntryOnly(t *testing.T) {
	runs := func(v ...uint64) (out []raft.TermRun) {
		for ; len(v) > 0; v = v[2:] {
			out = append(out, raft.TermRun{First: v[0], Term: v[1]})
		}
		return out
	}
	for _, c := range []struct {
		mark    raft.Mark
		entries []raft.Entry
		runs    []raft.TermRun
		last    uint64
	}{
		{markAt(1, 1), nil, runs(2, 1, 5, 2, 9, 3), 10},
		{markAt(4, 1), nil, runs(5, 2, 9, 3), 10},
		{markAt(4, 2), nil, nil, 4},
		{markAt(5, 2), nil, runs(6, 2, 9, 3), 10},
		{markAt(5, 1), nil, nil, 5},
		{markAt(8, 2), nil, runs(9, 3), 10},
		{markAt(9, 3), nil, runs(10, 3), 10},
		{markAt(10, 3), nil, nil, 10},
		{markAt(10, 2), nil, nil, 10},
		{markAt(11, 3), nil, nil, 11},
		{markAt(1000, 3), nil, nil, 1000},
		// Entries behind the mark, overlapping the log, and reaching below the mark.
		{markAt(8, 2), entries(11, 2, 3, 1), runs(9, 3), 12},
		{markAt(8, 2), entries(9, 1, 4, 1), runs(9, 4), 9},
		{markAt(8, 2), entries(8, 3, 2, 1), runs(9, 2), 10},
		{markAt(8, 2), entries(3, 6, 2, 1), nil, 8},
		{markAt(8, 3), entries(9, 2, 4, 1), runs(9, 4), 10},
		{markAt(12, 3), entries(11, 4, 3, 1), runs(13, 3), 14},
		{markAt(12, 3), entries(13, 1, 3, 1), runs(13, 3), 13},
	} {
		o := testOptions(vfs.NewMem())
		l, _ := mustOpen(t, o)
		b := NewBatch()
		b.Add(1, replica3, persist(4, 0, 0, entries(1, 4, 1, 1)))
		b.Add(1, replica3, persist(4, 0, 0, entries(5, 4, 2, 1)))
		b.Add(1, replica3, persist(4, 0, 0, entries(9, 2, 3, 1)))
		require.NoError(t, l.Commit(b))
		p := persist(4, 0, 0, c.entries)
		p.Mark = c.mark
		commit(t, l, 1, p)
		require.Equal(t, c.runs, append([]raft.TermRun(nil), l.groups[1].state.runs...), "%+v", c)
		require.Equal(t, c.last, l.groups[1].index.last())
		_, err := l.ReadEntries(1, c.mark.Index, 99, 1)
		require.ErrorIs(t, err, ErrCompacted)
		got, err := l.ReadEntries(1, c.mark.Index+1, 99, 1<<20)
		require.Equal(t, c.last == c.mark.Index, errors.Is(err, ErrNoEntries))
		require.Len(t, got, int(c.last-c.mark.Index))
		_, r := mustOpen(t, o)
		require.Equal(t, []GroupState{{1, replica3, raft.Restored{
			HardState: p.State, SnapIndex: c.mark.Index, SnapTerm: c.mark.Term, SnapConfig: c.mark.Config,
			Runs: c.runs, LastIndex: c.last,
		}}}, withoutTails(r.Groups))
	}
}

// Goal: a mark at or below the group's, as a restart may repeat it, changes nothing (WAL-10).
// Method: repeat older marks with entries present.
func TestOldMarksChangeNothing(t *testing.T) {
	o := testOptions(vfs.NewMem())
	l, _ := mustOpen(t, o)
	p := persist(2, 0, 0, entries(1, 10, 1, 1))
	p.Mark = markAt(5, 1)
	commit(t, l, 1, p)
	m := model{}.with(1, p)
	for _, old := range []raft.Mark{markAt(5, 1), markAt(3, 1), markAt(1, 0)} {
		q := persist(2, 0, 0, nil)
		q.Mark = old
		q.Mark.Config = []byte("other")
		commit(t, l, 1, q)
	}
	m[1].state = raft.HardState{Term: 2}
	m.checkEntries(t, l)
	requireModel(t, o, m)
}

// Goal: configurations in the log come back with their data, without those that were replaced or
// that the mark covers, and the mark's own (WAL-10).
// Method: configurations at 2, 4, 6; replace from 6 on; mark at 2, then at 5.
func TestConfigurationsInTheLogAreRestored(t *testing.T) {
	o := testOptions(vfs.NewMem())
	l, _ := mustOpen(t, o)
	es := entries(1, 6, 1, 1)
	for _, i := range []int{1, 3, 5} {
		es[i].Kind = raft.EntryConfig
	}
	restored := func() raft.Restored {
		_, r := mustOpen(t, o)
		return r.Groups[0].Restored
	}
	commit(t, l, 1, persist(2, 0, 0, es))
	require.Equal(t, []raft.ConfigEntry{{Index: 2, Data: es[1].Data}, {Index: 4, Data: es[3].Data}, {Index: 6, Data: es[5].Data}}, restored().Configs)
	commit(t, l, 1, persist(2, 0, 0, entries(6, 2, 2, 1)))
	require.Equal(t, []raft.ConfigEntry{{Index: 2, Data: es[1].Data}, {Index: 4, Data: es[3].Data}}, restored().Configs)
	for _, m := range []raft.Mark{markAt(2, 1), markAt(5, 1)} {
		p := persist(2, 0, 0, nil)
		p.Mark = m
		commit(t, l, 1, p)
		require.Equal(t, m.Config, restored().SnapConfig)
		if m.Index == 2 {
			require.Equal(t, []raft.ConfigEntry{{Index: 4, Data: es[3].Data}}, restored().Configs)
		} else {
			require.Empty(t, restored().Configs)
		}
	}
}

// Goal: a replica with a higher generation starts the group's history anew, with its own term and vote, and the
// older entries hold back no segment (WAL-11).
// Method: a group with a mark and entries; its next replica in the same batch as another group's entries; prune; open.
func TestAnotherReplicaStartsAnew(t *testing.T) {
	o := testOptions(vfs.NewMem())
	l, _ := mustOpen(t, o)
	p := persist(7, 2, 9, entries(1, 20, 7, 100))
	p.Mark = markAt(3, 7)
	commit(t, l, 1, p)
	m := model{}.with(1, p)
	next := raft.MakeReplicaID(3, 5)
	p = persist(1, 0, 0, nil)
	b := NewBatch()
	b.Add(1, next, p)
	m = m.by(1, next, p)
	p = persist(1, 0, 0, entries(1, 30, 1, 100))
	b.Add(2, replica3, p)
	m = m.with(2, p)
	require.NoError(t, l.Commit(b))
	m.checkEntries(t, l)
	_, err := l.ReadEntries(1, 4, 5, 100)
	require.ErrorIs(t, err, ErrNoEntries)
	require.True(t, l.Prunable())
	require.NoError(t, l.Prune())
	oldest, _ := l.Segments()
	require.Equal(t, uint64(2), oldest)
	requireModel(t, o, m)
}
