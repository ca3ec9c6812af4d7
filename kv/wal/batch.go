package wal

import (
	"fmt"

	"github.com/holdfastdb/holdfast/raft"
)

// maxSection is about how many bytes one section of a frame takes at most, unless a
// single entry is larger: reading an entry means reading its section.
const maxSection = 256 << 10

// Batch collects what one Commit makes durable. It is encoded as it is filled, so
// the caller's slices are free again after each Add.
type Batch struct {
	buf      []byte // room for the frame header, then the payload
	sections []section
	runs     []raft.TermRun // what the sections' runs are part of
}

// NewBatch returns an empty batch.
func NewBatch() *Batch {
	b := &Batch{}
	b.Reset()
	return b
}

// Reset empties the batch and keeps its memory. It must not be called while a
// Commit of the batch runs.
func (b *Batch) Reset() {
	if cap(b.buf) < frameHdrSize {
		b.buf = make([]byte, frameHdrSize, 4096)
	}
	b.buf = b.buf[:frameHdrSize]
	b.sections = b.sections[:0]
	b.runs = b.runs[:0]
}

// Len is the number of sections in the batch: at least one for each Add. A batch
// with Len 0 needs no Commit.
func (b *Batch) Len() int { return len(b.sections) }

// Bytes is what the batch takes in the log, in bytes.
func (b *Batch) Bytes() int { return int(frameSize(int64(len(b.buf) - frameHdrSize))) }

// Add appends a hand-off of the replica to the batch; hand-offs of one group are
// added in their order. A replica id other than the group's last one starts the group's
// history anew: it must have a higher generation. It panics on what no correct core hands
// over: group or replica 0, entries that do not follow one another, terms that decrease or exceed the
// hard state's. A batch holds at most 1 GiB.
func (b *Batch) Add(g raft.GroupID, replica raft.ReplicaID, p *raft.Persist) {
	checkPersist(g, replica, p)
	s := section{group: g, replica: replica, state: p.State, mark: p.Mark}
	rest := p.Entries
	for {
		n := b.addSection(s, rest)
		if rest = rest[n:]; len(rest) == 0 {
			break
		}
		s.mark = raft.Mark{}
	}
	if len(b.buf)-frameHdrSize > maxPayload {
		panic(fmt.Sprintf("wal: a batch of %d bytes is over the limit of %d", len(b.buf), maxPayload))
	}
}

func checkPersist(g raft.GroupID, replica raft.ReplicaID, p *raft.Persist) {
	if g == 0 || replica == 0 {
		panic(fmt.Sprintf("wal: group %d, replica %d: 0 never names a group or a replica", g, replica))
	}
	if p.Mark.Term > p.State.Term {
		panic(fmt.Sprintf("wal: group %d: the mark at %d has term %d, above the hard state's %d",
			g, p.Mark.Index, p.Mark.Term, p.State.Term))
	}
	for i := range p.Entries {
		e := &p.Entries[i]
		switch {
		case e.Index == 0 || e.Index != p.Entries[0].Index+uint64(i):
			panic(fmt.Sprintf("wal: group %d: entry %d at position %d of a hand-off that starts at %d",
				g, e.Index, i, p.Entries[0].Index))
		case i > 0 && e.Term < p.Entries[i-1].Term:
			panic(fmt.Sprintf("wal: group %d: term of entry %d goes back from %d to %d",
				g, e.Index, p.Entries[i-1].Term, e.Term))
		case e.Term > p.State.Term:
			panic(fmt.Sprintf("wal: group %d: entry %d has term %d, above the hard state's %d",
				g, e.Index, e.Term, p.State.Term))
		}
	}
}

// addSection encodes the section with as many of the entries as it takes, and returns how
// many these are.
func (b *Batch) addSection(s section, entries []raft.Entry) int {
	start, run := len(b.buf), len(b.runs)
	b.buf = append(b.buf, make([]byte, sectionHdrSize)...)
	if s.mark.Index > 0 {
		b.buf = appendMark(b.buf, &s.mark)
		s.mark.Config = b.buf[len(b.buf)-len(s.mark.Config):] // the caller's is free again
	}
	n := 0
	for n < len(entries) && (n == 0 || len(b.buf)-start+len(entries[n].Data) < maxSection) {
		e := &entries[n]
		b.buf = appendEntry(b.buf, e)
		b.runs = addRun(b.runs, n == 0, e.Index, e.Term)
		n++
	}
	s.count, s.offset, s.length = uint32(n), uint32(start), uint32(len(b.buf)-start)
	if n > 0 {
		s.first = entries[0].Index
		s.runs = b.runs[run:]
	}
	s.encode(b.buf[start:])
	b.sections = append(b.sections, s)
	return n
}
