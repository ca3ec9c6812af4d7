package rafttest

import (
	"fmt"
	"slices"

	"github.com/holdfastdb/holdfast/raft"
)

// Disk is what one replica has made durable.
type Disk struct {
	State raft.HardState
	// Mark is where the log starts, the zero Mark at index 1; Entries are behind it.
	Mark    raft.Mark
	Entries []raft.Entry
	// Installed is the mark of the snapshot that the state machine took over last.
	Installed raft.Mark
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
	if p.Mark.Index != 0 {
		d.startAfter(p.Mark)
	}
	if len(p.Entries) > 0 {
		keep := p.Entries[0].Index - 1 - d.Mark.Index
		if keep > uint64(len(d.Entries)) {
			panic(fmt.Sprintf("rafttest: hand-off %d leaves a gap after entry %d", p.Seq, d.last()))
		}
		d.Entries = append(slices.Clone(d.Entries[:keep]), p.Entries...)
	}
}

// last is the index of the last durable entry.
func (d *Disk) last() uint64 { return d.Mark.Index + uint64(len(d.Entries)) }

func (d *Disk) at(index uint64) raft.Entry { return d.Entries[index-d.Mark.Index-1] }

// startAfter does what raft.Persist.Mark says.
func (d *Disk) startAfter(m raft.Mark) {
	if m.Index > d.Mark.Index && m.Index <= d.last() && d.at(m.Index).Term == m.Term {
		d.Entries = slices.Clone(d.Entries[m.Index-d.Mark.Index:])
	} else {
		d.Entries = nil
	}
	d.Mark = m
}

// repair takes over what the state machine installed and the log did not learn before a crash: the
// state machine's record is the mark, and its term was seen.
func (d *Disk) repair() {
	if d.Installed.Index <= d.Mark.Index {
		return
	}
	d.startAfter(d.Installed)
	if d.Mark.Term > d.State.Term {
		d.State = raft.HardState{Term: d.Mark.Term}
	}
}

// holds tells whether the entry is durable, in the log or in the state machine.
func (d *Disk) holds(index, term uint64) bool {
	switch covered := max(d.Mark.Index, d.Installed.Index); {
	case index < covered:
		return true
	case index == d.Installed.Index && index > d.Mark.Index:
		return d.Installed.Term == term
	case index == d.Mark.Index:
		return d.Mark.Term == term
	}
	return index <= d.last() && d.at(index).Term == term
}

// Restored is what recovery would find, with at most tail entries in memory.
func (d *Disk) Restored(tail int) raft.Restored {
	s := raft.Restored{
		HardState: d.State, LastIndex: d.last(), Applied: d.Applied,
		SnapIndex: d.Mark.Index, SnapTerm: d.Mark.Term, SnapConfig: d.Mark.Config,
	}
	for _, e := range d.Entries {
		if n := len(s.Runs); n == 0 || s.Runs[n-1].Term != e.Term {
			s.Runs = append(s.Runs, raft.TermRun{First: e.Index, Term: e.Term})
		}
		if e.Kind == raft.EntryConfig {
			s.Configs = append(s.Configs, raft.ConfigEntry{Index: e.Index, Data: e.Data})
		}
	}
	s.Tail = slices.Clone(d.Entries[max(0, len(d.Entries)-tail):])
	return s
}
