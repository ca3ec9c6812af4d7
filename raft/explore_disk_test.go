package raft

import (
	"fmt"
	"slices"
)

// simDisk is what survives a crash.
type simDisk struct {
	State HardState
	// Mark is where the log starts, Entries what it holds behind that.
	Mark    Mark
	Entries []Entry
	// Installed is the newest snapshot that the state machine took over, durably.
	Installed Mark
}

func (d *simDisk) last() uint64 { return d.Mark.Index + uint64(len(d.Entries)) }

func (d *simDisk) write(p Persist) {
	d.State = p.State
	if p.Mark.Index != 0 {
		d.startAfter(p.Mark)
	}
	if len(p.Entries) > 0 {
		d.Entries = append(slices.Clone(d.Entries[:p.Entries[0].Index-1-d.Mark.Index]), p.Entries...)
	}
}

// startAfter does what Persist.Mark says.
func (d *simDisk) startAfter(m Mark) {
	if m.Index > d.Mark.Index && d.holds(m.Index, m.Term) {
		d.Entries = slices.Clone(d.Entries[m.Index-d.Mark.Index:])
	} else if m.Index != d.Mark.Index {
		d.Entries = nil
	}
	d.Mark = m
}

// repair takes over what the state machine installed and the log did not learn before a crash.
func (d *simDisk) repair() {
	if d.Installed.Index <= d.Mark.Index {
		return
	}
	d.startAfter(d.Installed)
	if d.Installed.Term > d.State.Term {
		d.State = HardState{Term: d.Installed.Term}
	}
}

// holds tells whether the entry is durable; the state machine has what the log starts after.
func (d *simDisk) holds(index, term uint64) bool {
	return index <= d.Mark.Index || index <= d.last() && d.Entries[index-d.Mark.Index-1].Term == term
}

func (d *simDisk) restored(applied uint64) Restored {
	s := Restored{
		HardState: d.State, SnapIndex: d.Mark.Index, SnapTerm: d.Mark.Term, SnapConfig: d.Mark.Config,
		LastIndex: d.last(), Applied: applied, Tail: slices.Clone(d.Entries),
	}
	for _, e := range d.Entries {
		if n := len(s.Runs); n == 0 || s.Runs[n-1].Term != e.Term {
			s.Runs = append(s.Runs, TermRun{First: e.Index, Term: e.Term})
		}
		if e.Kind == EntryConfig {
			s.Configs = append(s.Configs, ConfigEntry{Index: e.Index, Data: e.Data})
		}
	}
	return s
}

// What is no message but travels as well, and may come late, twice or never: that a term was led, from
// whom and to nobody; a snapshot; and the word that it was taken over.
const (
	msgLed MessageType = iota + 250
	msgSnapshot
	msgTaken
)

// send sends snapshots of what is applied.
func (o *outcome) send(to []ReplicaID) {
	for _, id := range to {
		m, ok := o.Core.MarkAt(o.Core.Applied())
		if !ok {
			panic(fmt.Sprintf("raft: replica %d has no mark of what it applied", o.Core.id))
		}
		o.sent = append(o.sent, Message{
			Type: msgSnapshot, From: o.Core.id, To: id, LogIndex: m.Index, LogTerm: m.Term,
			Entries: []Entry{{Kind: EntryConfig, Data: m.Config}},
		})
	}
}

// receive gives the core what arrives.
func (o *outcome) receive(m *Message) error {
	switch m.Type {
	case msgSnapshot:
		return o.install(m)
	case msgTaken:
		o.Core.SnapshotEnded(m.From, true)
	default:
		received := *m
		received.Entries = slices.Clone(m.Entries)
		o.Core.Receive(0, received)
	}
	return nil
}

// install has the state machine take a snapshot over, and then the log.
func (o *outcome) install(m *Message) error {
	if o.Core.Role() == Leader {
		return nil
	}
	if m.LogIndex > o.Core.Applied() {
		mark := Mark{Index: m.LogIndex, Term: m.LogTerm, Config: m.Entries[0].Data}
		o.Disk.Installed = mark
		if err := o.Core.Restore(0, mark); err != nil {
			return err
		}
	}
	o.sent = append(o.sent, Message{Type: msgTaken, From: o.Core.id, To: m.From, LogIndex: m.LogIndex})
	return nil
}
