package wal

import (
	"encoding/binary"
	"maps"
	"slices"

	"github.com/holdfastdb/holdfast/raft"
)

// checkpoint is the content of the frame that starts a segment: what replaying all
// segments before it yields, but for the entries.
type checkpoint struct {
	// floor is the oldest segment that the log needed when the checkpoint was written.
	floor  uint64
	groups []checkpointGroup // ascending
}

type checkpointGroup struct {
	group raft.GroupID
	state state
}

// appendCheckpoint encodes the state of all groups. There is one encoding only, so
// that replaying can compare.
func appendCheckpoint(b []byte, floor uint64, groups map[raft.GroupID]*group) []byte {
	b = le.AppendUint64(b, floor)
	for _, id := range slices.Sorted(maps.Keys(groups)) {
		st := &groups[id].state
		if st.replica == 0 {
			continue // nothing was committed of it yet
		}
		for _, n := range []uint64{
			uint64(id), uint64(st.replica), st.hard.Term, uint64(st.hard.Vote), st.hard.Commit,
			st.mark.Index, st.mark.Term, uint64(len(st.mark.Config)),
		} {
			b = binary.AppendUvarint(b, n)
		}
		b = append(b, st.mark.Config...)
		b = binary.AppendUvarint(b, st.last-st.mark.Index)
		b = binary.AppendUvarint(b, uint64(len(st.runs)))
		for _, run := range st.runs {
			b = binary.AppendUvarint(b, run.First-st.mark.Index)
			b = binary.AppendUvarint(b, run.Term)
		}
	}
	return b
}

// decodeCheckpoint reports whether b is well-formed. It copies what it keeps of b.
func decodeCheckpoint(b []byte) (c checkpoint, ok bool) {
	if len(b) < 8 {
		return c, false
	}
	c.floor = le.Uint64(b)
	d := decoder{b: b[8:]}
	for len(d.b) > 0 && !d.bad {
		g := checkpointGroup{group: raft.GroupID(d.uvarint())}
		d.state(&g.state)
		if n := len(c.groups); g.group == 0 || n > 0 && g.group <= c.groups[n-1].group {
			return c, false
		}
		c.groups = append(c.groups, g)
	}
	return c, !d.bad
}

// decoder reads a checkpoint; what it returns once bad is set means nothing.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.b, d.bad = nil, true
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) bytes(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.b, d.bad = nil, true
		return nil
	}
	out := slices.Clone(d.b[:n])
	d.b = d.b[n:]
	return out
}

func (d *decoder) state(st *state) {
	st.replica = raft.ReplicaID(d.uvarint())
	st.hard = raft.HardState{Term: d.uvarint(), Vote: raft.ReplicaID(d.uvarint()), Commit: d.uvarint()}
	st.mark = raft.Mark{Index: d.uvarint(), Term: d.uvarint()}
	st.mark.Config = d.bytes(d.uvarint())
	if len(st.mark.Config) == 0 {
		st.mark.Config = nil
	}
	count := d.uvarint()
	st.last = st.mark.Index + count
	d.bad = d.bad || st.replica == 0 || st.last < st.mark.Index || st.last == 1<<64-1
	runs := d.uvarint()
	// The first run starts behind the mark; the others follow in index and term.
	d.bad = d.bad || (runs == 0) != (count == 0)
	for before, term := uint64(0), st.mark.Term; runs > 0 && !d.bad; runs-- {
		at, next := d.uvarint(), d.uvarint()
		d.bad = d.bad || at <= before || at > count || before == 0 && (at != 1 || next < term) || before > 0 && next <= term
		st.runs = append(st.runs, raft.TermRun{First: st.mark.Index + at, Term: next})
		before, term = at, next
	}
}
