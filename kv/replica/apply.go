package replica

import (
	"errors"
	"fmt"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/kv/wal"
	"github.com/holdfastdb/holdfast/raft"
)

// applyJob applies entries and then serves reads, off the loop. There is one per
// replica, reused; it owns the state machine while it runs.
type applyJob struct {
	replica *Replica
	entries []raft.Entry
	readers []Reader
	// export is the sending that wants the state after the entries, install the reception
	// whose state is to replace it; an installation has no entries and readers with it.
	export  *sending
	install *installation
	// size is that of the entries.
	size int

	results  []machine.Result
	applied  uint64
	hash     uint64
	sessions int
	err      error
}

// Run is called off the loop.
func (j *applyJob) Run() {
	m := j.replica.machine
	j.results, j.err = j.results[:0], nil
	if j.install != nil {
		j.install.run(m)
	}
	if len(j.entries) > 0 {
		j.results, j.err = m.Apply(j.entries, j.results)
		if j.err != nil {
			return
		}
	}
	for _, rd := range j.readers {
		rd.Read(m)
	}
	if j.export != nil {
		j.export.export, j.export.err = m.Export()
	}
	j.applied, _ = m.Applied()
	j.hash, j.sessions = m.Hash(), m.Sessions()
}

// Done completes the waiters.
func (j *applyJob) Done() {
	r := j.replica
	r.applying = false
	readers := j.readers
	r.reads.waiting -= len(readers)
	if j.err != nil {
		j.discard()
		r.node.Fail(fmt.Errorf("partition %d: applying entries from %d on: %w; "+
			"the node stops serving, restart it to recover from its log", r.Group(), r.applied+1, j.err))
		return
	}
	if r.stopped {
		j.discard()
		return
	}
	r.applied, r.hash, r.sessions = j.applied, j.hash, j.sessions
	r.compaction.total += j.size
	if in := j.install; in != nil {
		j.install = nil
		r.finished(in)
	}
	r.tellApplied()
	if s := j.export; s != nil {
		j.export = nil
		r.exported(s)
	}
	r.catchUp()
	for i := range j.results {
		r.complete(&j.results[i])
	}
	for _, rd := range readers {
		rd.ReadDone(r.applied)
	}
	clear(j.entries)
	clear(j.readers)
	j.entries, j.readers = j.entries[:0], j.readers[:0]
	if r.applied%HashEvery == 0 && len(j.results) > 0 {
		r.passedHashPoint()
	}
}

// tellApplied tells the core how far the state machine is, as far as the core can know of it: a snapshot
// that was installed while this replica was elected may be ahead of that.
func (r *Replica) tellApplied() {
	if at := min(r.applied, r.raft.Applicable()); at > r.raft.Applied() {
		r.raft.SetApplied(at)
	}
}

// discard ends a job whose replica was stopped meanwhile, or is about to be.
func (j *applyJob) discard() {
	r := j.replica
	if in := j.install; in != nil {
		j.install = nil
		r.reception.busy = false
	}
	if s := j.export; s != nil {
		j.export = nil
		s.asked = s.sender != nil
		s.over = true
		r.sendings.sweep()
	}
	for _, rd := range j.readers {
		rd.ReadDropped(Stopped)
	}
	clear(j.readers)
	j.readers = j.readers[:0]
}

// complete ends the wait for the entry's write, if this replica proposed it (REP-3).
func (r *Replica) complete(res *machine.Result) {
	for r.appended.len() > 0 && r.appended.front().index <= res.Index {
		a := r.appended.pop()
		r.writeBytes -= a.size
		switch {
		case a.index == res.Index && a.term == res.Term:
			a.writer.Written(res)
		case a.index == res.Index:
			// Another leader's entry is committed at this index, so the one
			// proposed here never will be (§5.4.3, State Machine Safety).
			a.writer.WriteDropped(NotLeader)
		default:
			panic(fmt.Sprintf("replica: entry %d was applied before the write waiting for entry %d was completed",
				res.Index, a.index))
		}
	}
}

// machinePatience times ElectionTimeout is how long an apply job may take before the
// state machine counts as hanging.
const machinePatience = 10

// machineHangs tells whether the state machine keeps this replica from answering
// anybody: then another should lead (REP-9).
func (r *Replica) machineHangs(now env.Instant) bool {
	return r.applying && now.Sub(r.applySince) > machinePatience*r.cfg.Raft.ElectionTimeout
}

// startApply hands committed and durable entries (REP-1) and servable reads to
// the state machine, if no job has it.
func (r *Replica) startApply(now env.Instant) {
	if r.applying || r.stopped {
		return
	}
	j := &r.job
	if j.install = r.takeInstallation(); j.install != nil {
		j.size = 0
		r.applying, r.applySince = true, now
		r.node.Submit(r, env.LaneApply, j)
		return
	}
	j.entries = j.entries[:0]
	if !r.gathers(now) {
		j.entries = r.takeEntries(j.entries)
	}
	j.size = 0
	for i := range j.entries {
		j.size += j.entries[i].Size()
	}
	reach := r.applied
	if n := len(j.entries); n > 0 {
		reach = j.entries[n-1].Index
	}
	j.readers = r.reads.ready(reach, j.readers[:0])
	j.export = r.sendings.nextExport()
	if len(j.entries) == 0 && len(j.readers) == 0 && j.export == nil {
		return
	}
	r.applying, r.applySince = true, now
	r.node.Submit(r, env.LaneApply, j)
}

// takeEntries returns the entries to apply next, stopping at hash points so that
// every replica passes each of them with the same state.
func (r *Replica) takeEntries(into []raft.Entry) []raft.Entry {
	lo, hi := r.applied+1, r.raft.Applicable()
	if stop := (r.applied/HashEvery + 1) * HashEvery; hi > stop {
		hi = stop
	}
	if lo > hi || r.fetching {
		return into
	}
	if len(r.fetched) > 0 {
		into = append(into, r.fetched...)
		r.fetched = nil
		return into
	}
	if entries, ok := r.raft.Slice(lo, hi, r.cfg.MaxApplyBytes); ok {
		return append(into, entries...)
	}
	r.fetching = true
	r.node.Submit(r, env.LaneFetch, &applyFetch{replica: r, lo: lo, hi: hi})
	return into
}

// applyFetch reads entries back from the log that are to be applied, as after a
// restart.
type applyFetch struct {
	replica *Replica
	lo, hi  uint64
	entries []raft.Entry
	err     error
}

func (f *applyFetch) Run() {
	r := f.replica
	f.entries, f.err = r.log.ReadEntries(r.Group(), f.lo, f.hi, r.cfg.MaxApplyBytes)
	if f.err == nil && (len(f.entries) == 0 || f.entries[0].Index != f.lo) {
		f.err = fmt.Errorf("the log has no entry %d", f.lo)
	}
}

func (f *applyFetch) Done() {
	r := f.replica
	r.fetching = false
	if r.stopped || f.lo != r.applied+1 {
		return // a snapshot was installed meanwhile
	}
	if f.err != nil {
		r.node.Fail(fmt.Errorf("partition %d: reading committed entries %d to %d back: %w; the node stops serving",
			r.Group(), f.lo, f.hi, f.err))
		return
	}
	r.fetched = f.entries
}

// peerFetch reads older entries for a follower that is behind. It belongs to the
// leadership that asked for it: once that is over, the log may have been rewritten
// under it, and what was read, or could not be, means nothing.
type peerFetch struct {
	replica *Replica
	term    uint64
	fetch   raft.Fetch
	entries []raft.Entry
	err     error
}

func (f *peerFetch) Run() {
	r := f.replica
	f.entries, f.err = r.log.ReadEntries(r.Group(), f.fetch.Lo, f.fetch.Hi, f.fetch.MaxBytes)
}

func (f *peerFetch) Done() {
	r := f.replica
	if r.stopped || r.raft.Role() != raft.Leader || r.raft.Term() != f.term {
		return
	}
	if errors.Is(f.err, wal.ErrCompacted) {
		f.entries, f.err = nil, nil // the follower gets a snapshot instead
	}
	if f.err != nil {
		r.node.Fail(fmt.Errorf("partition %d: reading entries %d to %d for a follower: %w; the node stops serving",
			r.Group(), f.fetch.Lo, f.fetch.Hi, f.err))
		return
	}
	r.raft.Fetched(f.fetch.Peer, f.fetch.Lo, f.entries)
}
