package raft

import "slices"

// disk is what one replica's shell made durable, and what is on its way there.
type disk struct {
	state HardState
	// mark is where the log starts, entries what it holds behind that.
	mark    Mark
	entries []Entry
	pending []Persist
}

func (d *disk) last() uint64 { return d.mark.Index + uint64(len(d.entries)) }

func (d *disk) at(index uint64) Entry { return d.entries[index-d.mark.Index-1] }

func (d *disk) write(p Persist) {
	d.state = p.State
	if p.Mark.Index != 0 {
		d.startAfter(p.Mark)
	}
	if len(p.Entries) > 0 {
		d.entries = append(slices.Clone(d.entries[:p.Entries[0].Index-1-d.mark.Index]), p.Entries...)
	}
}

// startAfter does what Persist.Mark says.
func (d *disk) startAfter(m Mark) {
	if m.Index <= d.last() && m.Index > d.mark.Index && d.at(m.Index).Term == m.Term {
		d.entries = slices.Clone(d.entries[m.Index-d.mark.Index:])
	} else {
		d.entries = nil
	}
	d.mark = m
}

// repair takes over what the engine installed before a crash and the log did not learn: the engine's
// record is the mark, and its term was seen.
func (d *disk) repair(installed Mark) {
	if installed.Index <= d.mark.Index {
		return
	}
	d.startAfter(installed)
	if installed.Term > d.state.Term {
		d.state = HardState{Term: installed.Term}
	}
}

func (d *disk) restored(applied uint64) Restored {
	s := Restored{
		HardState: d.state, LastIndex: d.last(), Applied: applied,
		SnapIndex: d.mark.Index, SnapTerm: d.mark.Term, SnapConfig: d.mark.Config,
	}
	for _, e := range d.entries {
		if n := len(s.Runs); n == 0 || s.Runs[n-1].Term != e.Term {
			s.Runs = append(s.Runs, TermRun{First: e.Index, Term: e.Term})
		}
		if e.Kind == EntryConfig {
			s.Configs = append(s.Configs, ConfigEntry{Index: e.Index, Data: e.Data})
		}
	}
	s.Tail = slices.Clone(d.entries[len(d.entries)/2:])
	return s
}
