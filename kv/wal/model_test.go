package wal

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfastdb/holdfast/raft"
)

// model is what a log must hold, by group.
type model map[raft.GroupID]*modelGroup

type modelGroup struct {
	state   raft.HardState
	entries []raft.Entry // from index 1 on
}

// with returns the model after one more hand-off and leaves m as it is.
func (m model) with(g raft.GroupID, p *raft.Persist) model {
	out := maps.Clone(m)
	next := &modelGroup{state: p.State}
	if old := m[g]; old != nil {
		next.entries = old.entries
	}
	if len(p.Entries) > 0 {
		keep := p.Entries[0].Index - 1
		next.entries = slices.Concat(next.entries[:keep], p.Entries)
	}
	out[g] = next
	return out
}

// runs are the terms of the group's entries.
func (g *modelGroup) runs() []raft.TermRun {
	var out []raft.TermRun
	for _, e := range g.entries {
		if len(out) == 0 || out[len(out)-1].Term != e.Term {
			out = append(out, raft.TermRun{First: e.Index, Term: e.Term})
		}
	}
	return out
}

// tail are the newest entries that fit the limit.
func (g *modelGroup) tail(limit int) []raft.Entry {
	from, size := len(g.entries), 0
	for from > 0 && size+g.entries[from-1].Size() <= limit {
		from--
		size += g.entries[from].Size()
	}
	return g.entries[from:]
}

// restored is what recovery must return of the model; Tail is left out.
func (m model) restored() []GroupState {
	var out []GroupState
	for _, id := range slices.Sorted(maps.Keys(m)) {
		g := m[id]
		out = append(out, GroupState{id, raft.Restored{
			HardState: g.state, Runs: g.runs(), LastIndex: uint64(len(g.entries)),
		}})
	}
	return out
}

func withoutTails(groups []GroupState) []GroupState {
	out := slices.Clone(groups)
	for i := range out {
		out[i].Restored.Tail = nil
	}
	return out
}

// which returns the position of the model that the recovery matches, or -1.
func which(models []model, r *Recovery) int {
	for i := len(models) - 1; i >= 0; i-- {
		if assert.ObjectsAreEqual(models[i].restored(), withoutTails(r.Groups)) {
			return i
		}
	}
	return -1
}

// check compares every entry and each tail with the model.
func (m model) check(t require.TestingT, l *Log, r *Recovery) {
	require.Equal(t, m.restored(), withoutTails(r.Groups))
	for _, state := range r.Groups {
		g := m[state.Group]
		requireEntries(t, g.tail(l.options.TailBytes), state.Restored.Tail)
		var got []raft.Entry
		for next := uint64(1); next <= uint64(len(g.entries)); next = uint64(len(got)) + 1 {
			es, err := l.ReadEntries(state.Group, next, uint64(len(g.entries)), 300)
			require.NoError(t, err)
			got = append(got, es...)
		}
		requireEntries(t, g.entries, got)
	}
}

// requireEntries treats missing and empty slices as equal.
func requireEntries(t require.TestingT, want, got []raft.Entry) {
	require.Len(t, got, len(want))
	for i := range want {
		require.Equal(t, want[i].Index, got[i].Index)
		require.Equal(t, want[i].Term, got[i].Term)
		require.Equal(t, want[i].Kind, got[i].Kind)
		require.Equal(t, string(want[i].Data), string(got[i].Data))
	}
}

// drawBatch makes a batch of hand-offs that could follow the model, and what the
// model is after it.
func drawBatch(t *rapid.T, m model) (*Batch, model) {
	b := NewBatch()
	for range rapid.IntRange(1, 3).Draw(t, "hand-offs") {
		id := raft.GroupID(rapid.SampledFrom([]uint64{1, 2, 1 << 40}).Draw(t, "group"))
		p := drawPersist(t, m[id])
		b.Add(id, p)
		m = m.with(id, p)
	}
	return b, m
}

func drawPersist(t *rapid.T, g *modelGroup) *raft.Persist {
	if g == nil {
		g = &modelGroup{}
	}
	p := &raft.Persist{State: raft.HardState{
		Term:   g.state.Term + rapid.Uint64Range(0, 1).Draw(t, "terms"),
		Vote:   raft.ReplicaID(rapid.Uint64Range(0, 3).Draw(t, "vote")),
		Commit: rapid.Uint64Range(0, 5).Draw(t, "commit"),
	}}
	first := uint64(len(g.entries)) + 1
	first -= min(first-1, rapid.SampledFrom([]uint64{0, 0, 0, 1, 4}).Draw(t, "overwritten"))
	term := uint64(0)
	if first > 1 {
		term = g.entries[first-2].Term
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "entries") {
		term = rapid.Uint64Range(term, p.State.Term).Draw(t, "term")
		p.Entries = append(p.Entries, entryOf(first+uint64(i), term))
	}
	return p
}

// entryOf is the one entry there is with this index and term (Raft's Log Matching).
func entryOf(index, term uint64) raft.Entry {
	data := make([]byte, []int{0, 1, 30, 700}[(index*5+term*3)%4])
	for i := range data {
		data[i] = byte(index*7 + term*31 + uint64(i))
	}
	return raft.Entry{Index: index, Term: term, Kind: raft.EntryKind(index % 3), Data: data}
}

// Goal: the model used by the tests of this package tells logs apart.
// Method: two hand-offs that overwrite in different ways.
func TestModelTellsHistoriesApart(t *testing.T) {
	base := model{}.with(1, persist(1, 0, 0, entries(1, 3, 1, 1)))
	a := base.with(1, persist(2, 0, 0, entries(2, 1, 2, 1)))
	require.Len(t, base[1].entries, 3)
	require.Len(t, a[1].entries, 2)
	require.Equal(t, []raft.TermRun{{First: 1, Term: 1}, {First: 2, Term: 2}}, a[1].runs())
	require.NotEqual(t, base.restored(), a.restored())
}
