package rafttest

import (
	"fmt"
	"slices"

	"github.com/holdfastdb/holdfast/raft"
)

// Disk is what one replica has made durable. Its log starts at index 1.
type Disk struct {
	State   raft.HardState
	Entries []raft.Entry
	// Applied is what the state machine has durably.
	Applied uint64
}

// LogOfTerms returns entries 1, 2, ... of these terms, each with a payload that
// tells it from any other.
func LogOfTerms(terms ...uint64) []raft.Entry {
	entries := make([]raft.Entry, len(terms))
	for i, term := range terms {
		entries[i] = raft.Entry{Index: uint64(i) + 1, Term: term, Data: fmt.Appendf(nil, "%d.%d", i+1, term)}
	}
	return entries
}

// Write makes a hand-off durable: its entries replace all from the first of them on.
func (d *Disk) Write(p raft.Persist) {
	d.State = p.State
	if len(p.Entries) > 0 {
		keep := p.Entries[0].Index - 1
		if keep > uint64(len(d.Entries)) {
			panic(fmt.Sprintf("rafttest: hand-off %d leaves a gap after entry %d", p.Seq, len(d.Entries)))
		}
		d.Entries = append(slices.Clone(d.Entries[:keep]), p.Entries...)
	}
}

// holds tells whether the entry is durable.
func (d *Disk) holds(index, term uint64) bool {
	return index <= uint64(len(d.Entries)) && (index == 0 || d.Entries[index-1].Term == term)
}

// Restored is what recovery would find, with at most tail entries in memory.
func (d *Disk) Restored(tail int) raft.Restored {
	s := raft.Restored{HardState: d.State, LastIndex: uint64(len(d.Entries)), Applied: d.Applied}
	for _, e := range d.Entries {
		if n := len(s.Runs); n == 0 || s.Runs[n-1].Term != e.Term {
			s.Runs = append(s.Runs, raft.TermRun{First: e.Index, Term: e.Term})
		}
	}
	s.Tail = slices.Clone(d.Entries[max(0, len(d.Entries)-tail):])
	return s
}
