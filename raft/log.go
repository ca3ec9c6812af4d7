package raft

import (
	"fmt"
	"slices"
	"sort"
	"time"
)

// handOff is a Persist on its way to the disk: what will be durable when it completes.
type handOff struct {
	seq uint64
	// last is the last index of the log as handed off; a truncation clamps it,
	// for what it stood for is no longer in the log, even if other entries now
	// have the same indexes.
	last  uint64
	state HardState
	at    time.Duration
	// mark: it hands off where the log starts.
	mark bool
}

// raftLog is the replicated log since the snapshot: the terms of all its entries
// as runs, the newest entries in memory, and how far it is durable.
//
//	LOG-1 durable <= handed <= last, and snapIndex <= handed; snapIndex <= durable, too, unless a snapshot
//	      moved the log ahead of what it had durable, and the mark is not durable yet.
//	LOG-2 The runs cover (snapIndex, last], ascending in index and term.
//	LOG-3 The cache is a suffix of the log (or empty) and holds all that is not durable.
//	LOG-4 durable covers only entries as they now are, not others that had their indexes.
type raftLog struct {
	snapIndex, snapTerm uint64
	// mark is where the log starts, if that was not given to the shell yet.
	mark          Mark
	runs          []TermRun
	last          uint64
	cache         cache
	maxCacheBytes int

	// handed and durable are the last indexes given to the shell and reported back.
	handed, durable uint64
	lastSeq         uint64
	handOffs        []handOff
}

func newLog(s *Restored, maxCacheBytes int) raftLog {
	l := raftLog{
		snapIndex: s.SnapIndex, snapTerm: s.SnapTerm, runs: slices.Clone(s.Runs), last: s.LastIndex,
		handed: s.LastIndex, durable: s.LastIndex, maxCacheBytes: maxCacheBytes,
	}
	l.cache.append(s.Tail)
	l.cache.evict(maxCacheBytes, l.durable)
	return l
}

// termAt returns the term of the entry at index, if the log knows it. The entry
// before the first is known too: it is the snapshot's last, or index 0 of term 0.
func (l *raftLog) termAt(index uint64) (uint64, bool) {
	if index < l.snapIndex || index > l.last {
		return 0, false
	}
	if index == l.snapIndex {
		return l.snapTerm, true
	}
	return l.runs[l.runOf(index)].Term, true
}

// runOf returns the position of the run that index belongs to.
func (l *raftLog) runOf(index uint64) int {
	n := len(l.runs)
	if l.runs[n-1].First <= index {
		return n - 1
	}
	return sort.Search(n, func(i int) bool { return l.runs[i].First > index }) - 1
}

func (l *raftLog) lastTerm() uint64 {
	if n := len(l.runs); n > 0 {
		return l.runs[n-1].Term
	}
	return l.snapTerm
}

// matches tells whether the log holds an entry of this index and term (§5.3).
func (l *raftLog) matches(index, term uint64) bool {
	t, ok := l.termAt(index)
	return ok && t == term
}

// upToDate tells whether a log that ends with this entry is at least as
// up-to-date as this one (§5.4.1).
func (l *raftLog) upToDate(index, term uint64) bool {
	if term != l.lastTerm() {
		return term > l.lastTerm()
	}
	return index >= l.last
}

// notAbove returns the last entry at or before index whose term is at most term.
// It is how both sides skip whole terms when they look for the place where
// their logs agree (§5.3, last paragraphs).
func (l *raftLog) notAbove(index, term uint64) (uint64, uint64) {
	index = min(index, l.last)
	for i := len(l.runs) - 1; i >= 0; i-- {
		if l.runs[i].First > index {
			continue
		}
		if l.runs[i].Term <= term {
			return index, l.runs[i].Term
		}
		index = l.runs[i].First - 1
	}
	return min(index, l.snapIndex), l.snapTerm
}

// append adds entries at the end.
func (l *raftLog) append(entries []Entry) {
	for i := range entries {
		e := &entries[i]
		if e.Index != l.last+1 || e.Term < l.lastTerm() {
			panic(fmt.Sprintf("raft: RAFT-4: entry %d of term %d appended after %d of term %d", e.Index, e.Term, l.last, l.lastTerm()))
		}
		if n := len(l.runs); n == 0 || l.runs[n-1].Term != e.Term {
			l.runs = append(l.runs, TermRun{First: e.Index, Term: e.Term})
		}
		l.last = e.Index
	}
	l.cache.append(entries)
}

// firstNew returns how many of the entries the log holds already; the entry after
// them, if any, is missing or conflicts.
func (l *raftLog) firstNew(entries []Entry) int {
	for i := range entries {
		if !l.matches(entries[i].Index, entries[i].Term) {
			return i
		}
	}
	return len(entries)
}

// truncateFrom removes the entries from index on.
func (l *raftLog) truncateFrom(index uint64) {
	if index <= l.snapIndex || index > l.last {
		panic(fmt.Sprintf("raft: truncation from %d outside the log (%d, %d]", index, l.snapIndex, l.last))
	}
	keep := l.runOf(index)
	if l.runs[keep].First < index {
		keep++
	}
	l.runs = l.runs[:keep]
	l.cache.truncateFrom(index)
	l.last = index - 1
	l.handed = min(l.handed, l.last)
	l.durable = min(l.durable, l.last)
	for i := range l.handOffs {
		l.handOffs[i].last = min(l.handOffs[i].last, l.last)
	}
}

// startAfter lets the log start after the mark, which is to be handed off. What it holds behind the
// mark stays iff the entry at the mark is there and has its term.
func (l *raftLog) startAfter(m Mark) {
	if !l.matches(m.Index, m.Term) {
		l.reset(m)
	} else {
		l.dropTo(m.Index)
		// A mark that comes before its entries empties the log on the disk.
		l.handed = max(l.handed, m.Index)
	}
	l.snapIndex, l.snapTerm, l.mark = m.Index, m.Term, m
}

// reset empties the log: a snapshot has taken its place. Of what it held nothing but what the state
// machine covers already is durable any more, whatever is on its way to the disk (REPL-17).
func (l *raftLog) reset(m Mark) {
	l.durable = min(l.durable, l.snapIndex)
	for i := range l.handOffs {
		l.handOffs[i].last = min(l.handOffs[i].last, l.durable)
	}
	l.runs, l.cache = nil, cache{}
	l.last, l.handed = m.Index, m.Index
}

// dropTo forgets the entries up to index.
func (l *raftLog) dropTo(index uint64) {
	if index == l.last {
		l.runs = l.runs[:0]
	} else {
		l.runs = slices.Delete(l.runs, 0, l.runOf(index+1))
		l.runs[0].First = index + 1
	}
	l.cache.dropTo(index)
}

// unhanded tells whether there is something that was not given to the shell.
func (l *raftLog) unhanded() bool { return l.handed < l.last || l.mark.Index != 0 }

// handOff gives the shell what it has not got yet.
func (l *raftLog) handOff(state HardState, now time.Duration) Persist {
	p := Persist{State: state, Mark: l.mark}
	l.mark = Mark{}
	if l.handed < l.last {
		p.Entries, _, _ = l.cache.slice(l.handed+1, l.last, int(^uint(0)>>1))
	}
	l.lastSeq++
	p.Seq = l.lastSeq
	l.handed = l.last
	l.handOffs = append(l.handOffs, handOff{seq: p.Seq, last: l.last, state: state, at: now, mark: p.Mark.Index != 0})
	return p
}

// persisted records that the hand-offs up to seq are durable. It returns the
// newest durable hard state, if that is news.
func (l *raftLog) persisted(seq uint64) (HardState, bool) {
	if seq > l.lastSeq {
		panic(fmt.Sprintf("raft: Persisted(%d) but only %d hand-offs were made", seq, l.lastSeq))
	}
	done := 0
	for done < len(l.handOffs) && l.handOffs[done].seq <= seq {
		done++
	}
	if done == 0 {
		return HardState{}, false
	}
	newest := l.handOffs[done-1]
	l.handOffs = slices.Delete(l.handOffs, 0, done)
	l.durable = max(l.durable, newest.last)
	l.cache.evict(l.maxCacheBytes, l.durable)
	return newest.state, true
}

// check returns an error that names the invariant that does not hold, at a cost
// that does not grow with the log.
func (l *raftLog) check() error {
	if l.snapIndex > l.handed || l.durable > l.handed || l.handed > l.last || (l.snapIndex > l.durable && !l.markPending()) {
		return fmt.Errorf("LOG-1: snapshot %d, durable %d, handed %d, last %d", l.snapIndex, l.durable, l.handed, l.last)
	}
	if n := len(l.runs); (n > 0) != (l.last > l.snapIndex) || (n > 0 && l.runs[n-1].First > l.last) ||
		(n > 1 && l.runs[n-2].Term >= l.runs[n-1].Term) {
		return fmt.Errorf("LOG-2: runs %v of (%d, %d]", l.runs, l.snapIndex, l.last)
	}
	c := l.cache.entries
	safe := max(l.durable, l.snapIndex)
	if len(c) == 0 && safe < l.last {
		return fmt.Errorf("LOG-3: entries (%d, %d] are neither durable nor in memory", l.durable, l.last)
	}
	if n := len(c); n > 0 && (c[n-1].Index != l.last || c[0].Index+uint64(n)-1 != l.last || c[0].Index > safe+1 || c[0].Index <= l.snapIndex) {
		return fmt.Errorf("LOG-3: memory holds [%d, %d] of a log that ends at %d, durable to %d", c[0].Index, c[n-1].Index, l.last, l.durable)
	}
	return nil
}

// markPending tells whether where the log starts is on its way to the disk.
func (l *raftLog) markPending() bool {
	return l.mark.Index != 0 || slices.ContainsFunc(l.handOffs, func(h handOff) bool { return h.mark })
}

// lastNotCached returns the last index that must be fetched.
func (l *raftLog) lastNotCached() uint64 {
	if len(l.cache.entries) == 0 {
		return l.last
	}
	return l.cache.first() - 1
}
