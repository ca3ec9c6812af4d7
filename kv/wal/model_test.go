package wal

import (
	"fmt"
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
	replica raft.ReplicaID
	state   raft.HardState
	mark    raft.Mark
	entries []raft.Entry // behind the mark
}

func (g *modelGroup) last() uint64 { return g.mark.Index + uint64(len(g.entries)) }

// term is the term of an index from the mark on.
func (g *modelGroup) term(index uint64) uint64 {
	if index <= g.mark.Index {
		return g.mark.Term
	}
	return g.entries[index-g.mark.Index-1].Term
}

// with returns the model after one more hand-off of the group's current replica and leaves
// m as it is.
func (m model) with(g raft.GroupID, p *raft.Persist) model {
	if old := m[g]; old != nil {
		return m.by(g, old.replica, p)
	}
	return m.by(g, replica3, p)
}

// by is with for any replica.
func (m model) by(g raft.GroupID, replica raft.ReplicaID, p *raft.Persist) model {
	out := maps.Clone(m)
	next := &modelGroup{replica: replica}
	if old := m[g]; old != nil && old.replica == replica {
		*next = *old
	}
	next.state = p.State
	if p.Mark.Index > next.mark.Index {
		var rest []raft.Entry
		for i := range next.entries {
			if e := &next.entries[i]; e.Index == p.Mark.Index && e.Term == p.Mark.Term {
				rest = next.entries[i+1:]
			}
		}
		next.mark, next.entries = p.Mark, rest
	}
	if len(p.Entries) > 0 {
		var all []raft.Entry
		for _, e := range next.entries {
			if e.Index < p.Entries[0].Index {
				all = append(all, e)
			}
		}
		for _, e := range p.Entries {
			if e.Index > next.mark.Index {
				all = append(all, e)
			}
		}
		next.entries = all
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

// configs are the configurations among the group's entries.
func (g *modelGroup) configs() []raft.ConfigEntry {
	var out []raft.ConfigEntry
	for _, e := range g.entries {
		if e.Kind == raft.EntryConfig {
			out = append(out, raft.ConfigEntry{Index: e.Index, Data: append([]byte(nil), e.Data...)})
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
		out = append(out, GroupState{id, g.replica, raft.Restored{
			HardState: g.state, SnapIndex: g.mark.Index, SnapTerm: g.mark.Term, SnapConfig: g.mark.Config,
			Configs: g.configs(), Runs: g.runs(), LastIndex: g.last(),
		}})
	}
	return out
}

func withoutTails(groups []GroupState) []GroupState {
	out := slices.Clone(groups)
	for i := range out {
		r := &out[i].Restored
		r.Tail = nil
		if len(r.Configs) == 0 {
			r.Configs = nil
		}
		if len(r.Runs) == 0 {
			r.Runs = nil
		}
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
		requireEntries(t, m[state.Group].tail(l.options.TailBytes), state.Restored.Tail)
	}
	m.checkEntries(t, l)
}

// checkEntries compares every entry with the model.
func (m model) checkEntries(t require.TestingT, l *Log) {
	for id, g := range m {
		var got []raft.Entry
		for next := g.mark.Index + 1; next <= g.last(); next = got[len(got)-1].Index + 1 {
			es, err := l.ReadEntries(id, next, g.last(), 300)
			require.NoError(t, err)
			require.Equal(t, next, es[0].Index)
			got = append(got, es...)
		}
		requireEntries(t, g.entries, got)
		_, err := l.ReadEntries(id, g.last()+1, g.last()+9, 300)
		require.ErrorIs(t, err, ErrNoEntries)
		if g.mark.Index > 0 {
			_, err := l.ReadEntries(id, g.mark.Index, g.last(), 300)
			require.ErrorIs(t, err, ErrCompacted)
		}
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
		g := modelGroup{replica: replica3}
		if old := m[id]; old != nil {
			g = *old
			if rapid.IntRange(0, 19).Draw(t, "replaced") == 0 {
				g = modelGroup{replica: raft.MakeReplicaID(3, old.replica.Generation()+rapid.Uint32Range(1, 3).Draw(t, "generation"))}
			}
		}
		p := drawPersist(t, &g)
		b.Add(id, g.replica, p)
		m = m.by(id, g.replica, p)
	}
	return b, m
}

func drawPersist(t *rapid.T, g *modelGroup) *raft.Persist {
	p := &raft.Persist{State: raft.HardState{
		Term:   g.state.Term + rapid.Uint64Range(0, 1).Draw(t, "terms"),
		Vote:   raft.ReplicaID(rapid.Uint64Range(0, 3).Draw(t, "vote")),
		Commit: rapid.Uint64Range(0, 5).Draw(t, "commit"),
	}}
	if rapid.IntRange(0, 2).Draw(t, "compact") == 0 {
		p.Mark = drawMark(t, g, p.State.Term)
		g = model{1: g}.by(1, g.replica, &raft.Persist{State: p.State, Mark: p.Mark})[1]
	}
	first := g.last() + 1
	first -= min(first-1, rapid.SampledFrom([]uint64{0, 0, 0, 1, 4}).Draw(t, "overwritten"))
	term := g.term(first - 1)
	for i := range rapid.IntRange(0, 4).Draw(t, "entries") {
		term = rapid.Uint64Range(term, p.State.Term).Draw(t, "term")
		p.Entries = append(p.Entries, entryOf(first+uint64(i), term))
	}
	return p
}

// drawMark makes a mark at any place: below the one there is, in the log with its term or another,
// behind the log.
func drawMark(t *rapid.T, g *modelGroup, newest uint64) raft.Mark {
	index := rapid.Uint64Range(max(g.mark.Index, 2)-1, g.last()+2).Draw(t, "mark")
	m := raft.Mark{Index: index, Term: g.mark.Term, Config: fmt.Appendf(nil, "config at %d", index)}
	switch foreign := rapid.IntRange(0, 2).Draw(t, "foreign") == 0; {
	case index <= g.mark.Index:
	case index > g.last():
		m.Term = rapid.Uint64Range(g.mark.Term, newest).Draw(t, "mark's term")
	case foreign && g.term(index) < newest:
		m.Term = g.term(index) + 1
	case foreign && g.term(index) > g.mark.Term:
		m.Term = g.term(index) - 1
	default:
		m.Term = g.term(index)
	}
	return m
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
