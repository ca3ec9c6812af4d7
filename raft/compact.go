package raft

import (
	"errors"
	"fmt"
	"time"

	"github.com/holdfastdb/holdfast/raft/progress"
)

// ErrRestore is what Restore answers, wrapped with the reason.
var ErrRestore = errors.New("raft: the snapshot cannot take the log's place; nothing was changed")

// FirstIndex returns the index of the first entry that the log holds, or will hold.
func (r *Raft) FirstIndex() uint64 { return r.log.snapIndex + 1 }

// MarkAt returns the mark of an index: what a snapshot of the state machine at that index is of.
// False if the index is below FirstIndex()-1 or not committed, or if this replica does not know
// the configuration there, because it was added later.
func (r *Raft) MarkAt(index uint64) (Mark, bool) {
	term, ok := r.log.termAt(index)
	data := r.configAt(index).data
	if !ok || index > r.commit || (index > 0 && len(data) == 0) {
		return Mark{}, false
	}
	if index == 0 {
		return Mark{}, true
	}
	return Mark{Index: index, Term: term, Config: data}, true
}

// Compact forgets the log up to index, which the state machine must hold durably; the next Output hands
// the mark off. It does nothing if the log starts behind index already, or MarkAt(index) knows no
// mark. It panics if the index is not applied.
func (r *Raft) Compact(index uint64) {
	if index > r.applied {
		panic(fmt.Sprintf("raft: group %d: RAFT-15: compaction up to %d, but only %d is applied", r.cfg.Group, index, r.applied))
	}
	m, ok := r.MarkAt(index)
	if !ok || index <= r.log.snapIndex {
		return
	}
	base := *r.configAt(index)
	base.index = index
	r.log.startAfter(m)
	r.rebaseConfigs(index, base)
}

// Restore tells that the state machine has been replaced, durably, by the one at the mark, of a
// snapshot from another replica. What the log holds behind the mark stays iff the entry at
// the mark is there and has its term (§7). The mark is handed off with the next Output, and
// acknowledged to the leader when it is durable. Nothing goes back: a mark that is not ahead of what is
// applied, one that contradicts the log, and any on a leader are refused with ErrRestore.
func (r *Raft) Restore(now time.Duration, m Mark) error {
	r.advance(now)
	r.stir()
	base := configEntry{index: m.Index}
	if err := base.decode(m.Config); err != nil {
		return fmt.Errorf("%w: its configuration: %w", ErrRestore, err)
	}
	held := r.log.matches(m.Index, m.Term)
	switch {
	case r.role == Leader:
		return fmt.Errorf("%w: this replica leads term %d and holds all there is", ErrRestore, r.term)
	case m.Term == 0 || m.Term >= maxNumber || m.Index >= maxNumber:
		return fmt.Errorf("%w: index %d or term %d is out of range", ErrRestore, m.Index, m.Term)
	case m.Index <= r.applied:
		return fmt.Errorf("%w: it is of index %d, this replica has applied %d", ErrRestore, m.Index, r.applied)
	case !held && m.Index <= r.commit:
		return fmt.Errorf("%w: entry %d has term %d there, here another one is committed", ErrRestore, m.Index, m.Term)
	}
	if m.Term > r.term || r.role != Follower {
		r.becomeFollower(max(r.term, m.Term))
	}
	if held {
		r.following.matched = max(r.following.matched, m.Index)
	} else {
		r.popConfigs(r.log.snapIndex + 1)
		r.following.matched, r.promises.acked = m.Index, 0
		r.resets++
	}
	r.log.startAfter(m)
	r.rebaseConfigs(m.Index, base)
	r.commit, r.applied = max(r.commit, m.Index), m.Index
	r.following.restored = true
	r.promises.ack = r.leader
	r.configure()
	r.pushElection()
	return nil
}

// sendSnapshot asks the shell to bring the follower on: it needs entries that the log no longer holds.
func (r *Raft) sendSnapshot(p *peer) {
	p.progress.NeedSnapshot()
	p.sending = true
	r.snapshots = append(r.snapshots, p.id)
}

// endSnapshot goes on with appends to a follower that acknowledged, by whatever means, enough for it.
func (r *Raft) endSnapshot(p *peer) {
	if p.progress.State() == progress.Snapshot && p.progress.Match() >= r.log.snapIndex {
		p.progress.CaughtUp()
		r.cancelSnapshot(p)
	}
}

// cancelSnapshot tells the shell that the peer needs no snapshot from this replica any more.
func (r *Raft) cancelSnapshot(p *peer) {
	if p.sending {
		p.sending = false
		r.cancelled = append(r.cancelled, p.id)
	}
}

// SnapshotEnded reports that the sending that Output.Snapshots asked for is over: ok if the
// follower said that it has taken the snapshot over. It must not be called for a sending that was
// Cancelled. The follower is asked where its log is, at once or, after a failure, when it is next heard.
func (r *Raft) SnapshotEnded(to ReplicaID, ok bool) {
	p := r.peer(to)
	if r.role != Leader || p == nil || !p.sending {
		return
	}
	p.sending = false
	p.progress.SnapshotEnded(r.FirstIndex(), ok)
}
