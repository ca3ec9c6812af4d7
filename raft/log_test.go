package raft

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// logModel is a log as a plain slice; disk is what the hand-offs so far wrote, durable how
// much of the present log that is.
//
// The log starts behind start; what is before counts as on disk when the mark is written, for the state machine has
// it. prefixes are what that is, by hand-off.
type logModel struct {
	entries  []Entry
	disk     []Entry
	pending  []Persist
	start    uint64
	prefixes map[uint64][]Entry
}

// durable is the longest prefix of the log that is on disk, whatever happened in between.
func (m *logModel) onDisk() uint64 {
	n := 0
	for n < len(m.entries) && n < len(m.disk) && m.entries[n].Term == m.disk[n].Term {
		n++
	}
	return uint64(n)
}

func (m *logModel) termAt(index uint64) uint64 {
	if index == 0 {
		return 0
	}
	return m.entries[index-1].Term
}

func (m *logModel) write(p Persist) {
	if at := p.Mark.Index; at > 0 {
		kept := []Entry(nil)
		if uint64(len(m.disk)) >= at && m.disk[at-1].Term == p.Mark.Term {
			kept = m.disk[at:]
		}
		m.disk = slices.Concat(m.prefixes[p.Seq], kept)
	}
	if len(p.Entries) > 0 {
		m.disk = append(m.disk[:p.Entries[0].Index-1:p.Entries[0].Index-1], p.Entries...)
	}
}

// startWithin moves the start of the log to an entry that it holds, at most to this one.
func (m *logModel) startWithin(t *rapid.T, l *raftLog, most uint64) {
	if most > m.start {
		m.start = rapid.Uint64Range(m.start+1, most).Draw(t, "to")
		l.startAfter(Mark{Index: m.start, Term: m.termAt(m.start)})
	}
}

// replace puts a snapshot in the place of the log: what it covers is another history.
func (m *logModel) replace(t *rapid.T, l *raftLog, term uint64) {
	m.start += rapid.Uint64Range(1, 6).Draw(t, "ahead")
	m.entries = slices.Clone(m.entries[:min(m.start-1, uint64(len(m.entries)))])
	for uint64(len(m.entries)) < m.start {
		m.entries = append(m.entries, Entry{Index: uint64(len(m.entries)) + 1, Term: term})
	}
	l.startAfter(Mark{Index: m.start, Term: term})
}

// Claim LOG-1..4: whatever is appended, truncated, handed off and completed in whatever order, the log answers
// like a plain slice, also when it is compacted or replaced by a snapshot, durable never covers what is not on disk (REPL-17), and
// slices handed out never change. Method: a rapid state machine against logModel.
func TestLogStateMachine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLog(&Restored{}, rapid.SampledFrom([]int{1, 100, 1 << 20}).Draw(t, "cache"))
		m := &logModel{prefixes: map[uint64][]Entry{}}
		term := uint64(1)
		var held, copies [][]Entry
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				term += rapid.Uint64Range(0, 1).Draw(t, "term")
				var batch []Entry
				for i := range rapid.IntRange(1, 4).Draw(t, "n") {
					batch = append(batch, Entry{Index: l.last + 1 + uint64(i), Term: term, Data: []byte{byte(term)}})
				}
				l.append(batch)
				m.entries = append(m.entries, batch...)
			},
			"truncate": func(t *rapid.T) {
				if l.last == m.start {
					return
				}
				from := rapid.Uint64Range(m.start+1, l.last).Draw(t, "from")
				l.truncateFrom(from)
				m.entries = m.entries[: from-1 : from-1]
				// As in Raft, a truncation comes with a replacement of a newer term.
				term++
				e := []Entry{{Index: from, Term: term}}
				l.append(e)
				m.entries = append(m.entries, e...)
			},
			"compact":         func(t *rapid.T) { m.startWithin(t, &l, l.durable) },
			"restore within":  func(t *rapid.T) { m.startWithin(t, &l, l.last) },
			"restore instead": func(t *rapid.T) { term++; m.replace(t, &l, term) },
			"hand off": func(*rapid.T) {
				p := l.handOff(HardState{Term: term}, 0)
				m.pending = append(m.pending, p)
				m.prefixes[p.Seq] = slices.Clone(m.entries[:p.Mark.Index])
			},
			"persisted": func(t *rapid.T) {
				if len(m.pending) == 0 {
					return
				}
				n := rapid.IntRange(1, len(m.pending)).Draw(t, "n")
				for _, p := range m.pending[:n] {
					m.write(p)
				}
				state, news := l.persisted(m.pending[n-1].Seq)
				require.True(t, news)
				require.Equal(t, m.pending[n-1].State, state)
				_, news = l.persisted(m.pending[n-1].Seq)
				require.False(t, news, "reported twice")
				m.pending = m.pending[n:]
			},
			"hold": func(t *rapid.T) {
				if es, _, ok := l.cache.slice(l.last, l.last, 1); ok {
					held, copies = append(held, es), append(copies, append([]Entry(nil), es...))
				}
			},
			"": func(t *rapid.T) {
				checkLogAgainstModel(t, &l, m)
				require.Equal(t, copies, held, "slices handed out must not change")
			},
		})
	})
}

func checkLogAgainstModel(t *rapid.T, l *raftLog, m *logModel) {
	require.NoError(t, l.check())
	require.Equal(t, uint64(len(m.entries)), l.last)
	require.LessOrEqual(t, l.durable, m.onDisk(), "durable must be on disk")
	if len(m.pending) == 0 && !l.unhanded() {
		require.Equal(t, l.last, l.durable, "all hand-offs completed")
	}
	for i := m.start; i <= l.last; i++ {
		term, ok := l.termAt(i)
		require.True(t, ok)
		require.Equal(t, m.termAt(i), term)
	}
	_, ok := l.termAt(l.last + 1)
	require.False(t, ok)
	for i, e := range l.cache.entries {
		require.Equal(t, m.entries[len(m.entries)-len(l.cache.entries)+i], e)
	}
	bytes := 0
	for i := range l.cache.entries {
		bytes += l.cache.entries[i].Size()
	}
	require.Equal(t, bytes, l.cache.bytes)
	index, bound := rapid.Uint64Range(0, l.last+2).Draw(t, "index"), rapid.Uint64Range(0, l.lastTerm()+1).Draw(t, "bound")
	want := min(index, l.last)
	for want > m.start && m.termAt(want) > bound {
		want--
	}
	got, gotTerm := l.notAbove(index, bound)
	require.Equal(t, want, got)
	require.True(t, want < m.start || gotTerm == m.termAt(want))
}

// Claim (REPL-17): the completion of a hand-off whose entries were replaced makes none of the new ones
// durable. Method: the ABA schedule itself.
func TestCompletionOfReplacedEntriesMakesNothingDurable(t *testing.T) {
	l := newLog(&Restored{}, 1<<20)
	l.append([]Entry{{Index: 1, Term: 1}, {Index: 2, Term: 1}, {Index: 3, Term: 1}})
	first := l.handOff(HardState{Term: 1}, 0)
	l.truncateFrom(2)
	l.append([]Entry{{Index: 2, Term: 2}, {Index: 3, Term: 2}})
	l.persisted(first.Seq)
	require.Equal(t, uint64(1), l.durable)
	second := l.handOff(HardState{Term: 2}, 0)
	require.Equal(t, uint64(2), second.Entries[0].Index)
	l.persisted(second.Seq)
	require.Equal(t, uint64(3), l.durable)
}

// Claim: memory is bounded by the limit once entries are durable, and nothing that is not durable leaves it.
// Method: append far beyond the limit, before and after completion.
func TestCacheEvictsOnlyDurableEntries(t *testing.T) {
	l := newLog(&Restored{}, 10*entryOverhead)
	for i := range uint64(100) {
		l.append([]Entry{{Index: i + 1, Term: 1}})
	}
	p := l.handOff(HardState{Term: 1}, 0)
	require.Len(t, p.Entries, 100)
	require.Equal(t, uint64(1), l.cache.first())
	l.persisted(p.Seq)
	require.Equal(t, uint64(91), l.cache.first())
	require.Equal(t, uint64(90), l.lastNotCached())
	_, _, ok := l.cache.slice(90, 100, 1)
	require.False(t, ok)
	es, size, ok := l.cache.slice(95, 100, 3*entryOverhead)
	require.True(t, ok)
	require.Len(t, es, 3)
	require.Equal(t, 3*entryOverhead, size)
}

// Claim: a log that begins behind a snapshot knows the snapshot's last term and nothing below. Method: restore one.
func TestLogBehindSnapshot(t *testing.T) {
	l := newLog(&Restored{SnapIndex: 10, SnapTerm: 3, LastIndex: 12, Runs: []TermRun{{11, 3}, {12, 5}}}, 100)
	_, ok := l.termAt(9)
	require.False(t, ok)
	require.True(t, l.matches(10, 3))
	require.True(t, l.matches(12, 5))
	index, term := l.notAbove(12, 4)
	require.Equal(t, []uint64{11, 3}, []uint64{index, term})
	index, term = l.notAbove(12, 1)
	require.Equal(t, []uint64{10, 3}, []uint64{index, term}, "the snapshot is the floor")
	require.True(t, l.upToDate(12, 5))
	require.True(t, l.upToDate(1, 6))
	require.False(t, l.upToDate(11, 5))
	require.False(t, l.upToDate(99, 4))
	require.Equal(t, uint64(12), l.lastNotCached())
	require.Panics(t, func() { l.truncateFrom(10) })
	require.Panics(t, func() { l.append([]Entry{{Index: 14, Term: 5}}) })
	require.Panics(t, func() { l.append([]Entry{{Index: 13, Term: 4}}) })
	require.Panics(t, func() { l.persisted(1) })
}

// Claim: check is able to fail. Method: break each invariant by hand.
func TestLogCheckFindsEachViolation(t *testing.T) {
	good := func() raftLog {
		l := newLog(&Restored{}, 1000)
		l.append([]Entry{{Index: 1, Term: 1}, {Index: 2, Term: 2}})
		return l
	}
	for name, damage := range map[string]func(*raftLog){
		"LOG-1": func(l *raftLog) { l.durable = 2 },
		"LOG-1: snapshot 1, durable 0": func(l *raftLog) {
			l.startAfter(Mark{Index: 1, Term: 1})
			l.mark = Mark{}
		},
		"LOG-2": func(l *raftLog) { l.runs[1].Term = 1 },
		"LOG-3": func(l *raftLog) { l.cache.entries = nil },
	} {
		l := good()
		require.NoError(t, l.check())
		damage(&l)
		require.ErrorContains(t, l.check(), name)
	}
	l := good()
	l.cache.entries = l.cache.entries[1:]
	require.ErrorContains(t, l.check(), "LOG-3")
}
