package netsim

import (
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/holdfastdb/holdfast/kv/env"
)

// Kind names a kind of event.
type Kind uint8

// The kinds of events, as they appear in traces.
const (
	KindNone      Kind = iota
	KindDeliver        // a message was handed to its receiver
	KindTimer          // Tick
	KindJobRun         // a job's Run
	KindJobDone        // a job's Done
	KindCall           // a function handed in with Process.Inject
	KindAt             // a function handed in with World.At
	KindDropLoss       // a message was lost by chance, when sent
	KindDropCut        // a message was lost on a cut link
	KindDropDead       // a message came to a process that is down
	KindDropFull       // a message was refused, its link was full
	KindDropHook       // a message was dropped by World.OnSend
	KindClog           // a message is held back on a clogged link
	KindStart          // a process was started
	KindBootFail       // a process did not come up
	KindCrash          // a process crashed
	KindPause          // a process was paused
	KindResume         // a process was resumed
	KindFault          // a fault was switched on or off
	KindDisk           // a mutating disk operation
	KindDiskFault      // a disk operation failed by injection
	KindNote           // something recorded with World.Trace
	kindDrain          // internal: a process takes up an input it held back
	numKinds
)

var kindNames = [numKinds]string{
	"none", "deliver", "timer", "job-run", "job-done", "call", "at",
	"drop-loss", "drop-cut", "drop-dead", "drop-full", "drop-hook", "clog",
	"start", "boot-fail", "crash", "pause", "resume", "fault", "disk", "disk-fault", "note", "drain",
}

// String returns the name of the kind.
func (k Kind) String() string {
	if k < numKinds {
		return kindNames[k]
	}
	return fmt.Sprintf("kind-%d", uint8(k))
}

// Event is one line of the trace.
type Event struct {
	N       uint64      // number of the executed event it belongs to, from 1
	At      env.Instant // virtual time
	Kind    Kind
	From    env.NodeID // sender, or 0
	To      env.NodeID // receiver or the process concerned, or 0
	Ordinal uint64     // of a message on its link, from 1
	Size    int        // of a message or a disk operation, in bytes
	Payload []byte     // of a message; only valid during the call
	Note    string
}

// String formats the event as one line without the payload.
func (e Event) String() string {
	s := fmt.Sprintf("%8d %14.6fms %-10s", e.N, float64(e.At)/1e6, e.Kind)
	switch {
	case e.From != 0 && e.To != 0:
		s += fmt.Sprintf(" %d>%d #%d %dB", e.From, e.To, e.Ordinal, e.Size)
	case e.To != 0:
		s += fmt.Sprintf(" %d", e.To)
		if e.Size != 0 {
			s += fmt.Sprintf(" %dB", e.Size)
		}
	}
	if e.Note != "" {
		s += " " + e.Note
	}
	return s
}

// TraceHash is a hash of everything that has happened so far. Two runs with
// equal hashes after the same number of events took the same course.
func (w *World) TraceHash() uint64 { return w.hash }

// Trace mixes a fact of the caller's own into the trace hash, and into the trace.
func (w *World) Trace(kind string, values ...uint64) {
	h := mix(w.hash, xxhash.Sum64String(kind))
	for _, v := range values {
		h = mix(h, v)
	}
	w.hash = h
	if w.Sink != nil {
		note := kind
		for _, v := range values {
			note += fmt.Sprintf(" %d", v)
		}
		w.emit(Event{Kind: KindNote, Note: note})
	}
}

// TraceBytes is Trace for a byte string.
func (w *World) TraceBytes(kind string, b []byte) {
	w.hash = mix(mix(w.hash, xxhash.Sum64String(kind)), xxhash.Sum64(b))
	if w.Sink != nil {
		w.emit(Event{Kind: KindNote, Size: len(b), Note: kind})
	}
}

// record mixes what happens now into the trace hash.
func (w *World) record(kind Kind, from, to env.NodeID, detail uint64) {
	h := mix(w.hash, uint64(w.now)<<8|uint64(kind))
	w.hash = mix(h, mix(uint64(from)<<32^uint64(to), detail))
}

// emit hands an event to the sink, which must be there.
func (w *World) emit(e Event) {
	e.N, e.At = w.events, w.now
	w.Sink(e)
}

// message records what becomes of a message.
func (w *World) message(kind Kind, r *record) {
	to := r.l.to
	w.record(kind, r.from, to, mix(r.hash, r.ordinal))
	if w.Sink != nil {
		note := ""
		if r.dup {
			note = "duplicate"
		}
		w.emit(Event{
			Kind: kind, From: r.from, To: to, Ordinal: r.ordinal,
			Size: len(r.payload), Payload: r.payload, Note: note,
		})
	}
}

// happen records something that concerns a process, or the world when p is nil.
func (w *World) happen(kind Kind, p *Process, note string, detail uint64) {
	var id env.NodeID
	if p != nil {
		id = p.id
	}
	if note != "" {
		detail = mix(detail, xxhash.Sum64String(note))
	}
	w.record(kind, 0, id, detail)
	if w.Sink != nil {
		w.emit(Event{Kind: kind, To: id, Note: note})
	}
}
