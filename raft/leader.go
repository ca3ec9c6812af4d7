package raft

import (
	"fmt"
	"time"

	"github.com/holdfastdb/holdfast/raft/progress"
)

// leaderState belongs to one leadership.
type leaderState struct {
	// heartbeat and quorum are when the next timed round and the next look at the
	// quorum are due.
	heartbeat time.Duration
	quorum    time.Duration
	// round is the newest round, timed the newest one that the clock began;
	// announce: round is to be sent with a heartbeat.
	round    uint64
	timed    uint64
	announce bool
	// start is the index of the entry that began this leadership.
	start       uint64
	uncommitted uncommitted
	batch       []Entry
	// woken is the round that ended the last sleep, 0 if there was none.
	woken uint64

	// starts tells when timed rounds began, for the lease.
	starts roundStarts
	// transfer is the hand-over of the leadership, if one is under way; abdicated: somebody
	// was told to campaign in this term.
	transfer  transfer
	abdicated bool
}

// stall notices a follower that makes no progress for a heartbeat interval.
type stall struct {
	timed          uint64
	match, matched uint64
}

// becomeLeader starts a leadership (§5.2, §5.3).
func (r *Raft) becomeLeader() {
	r.role, r.leader = Leader, r.id
	r.sleep.busy = r.now
	r.leading = leaderState{
		heartbeat: r.now + r.cfg.HeartbeatInterval, quorum: r.now + r.cfg.ElectionTimeout,
		round: 1, timed: 1, start: r.log.last + 1,
		batch: r.leading.batch, uncommitted: r.leading.uncommitted.reset(),
	}
	r.leading.starts.add(r.leading.round, r.now)
	for i := range r.peers {
		p := &r.peers[i]
		fresh := r.freshPeer(p.id)
		fresh.voter, fresh.join = p.voter, p.join
		*p = fresh
	}
	// Without an entry of its own term a leader can neither commit older ones
	// (§5.4.2) nor know how far it may serve reads (dissertation §6.4 step 1).
	r.appendOwn([]Entry{{Index: r.log.last + 1, Term: r.term, Kind: EntryNoOp}})
}

// stepDown ends a leadership; the caller chooses what comes next.
func (r *Raft) stepDown() {
	r.dropReads()
	r.endTransfer()
	r.leading.uncommitted = r.leading.uncommitted.reset()
	for i := range r.peers {
		r.cancelSnapshot(&r.peers[i])
	}
}

// appendOwn appends entries that this leader made.
func (r *Raft) appendOwn(entries []Entry) {
	r.log.append(entries)
	size := 0
	for i := range entries {
		size += entries[i].Size()
	}
	r.leading.uncommitted.add(r.log.last, size)
}

// tickLeader begins a timed round, the last one if the group is idle, and looks after the quorum and
// the disk, when they are due.
func (r *Raft) tickLeader() {
	if r.diskHangs() {
		r.becomeFollower(r.term)
		return
	}
	if r.cfg.CheckQuorum && r.now >= r.leading.quorum && !r.quorumAlive() {
		r.becomeFollower(r.term)
		return
	}
	r.tickTransfer()
	if r.role != Leader || r.now < r.leading.heartbeat || (len(r.peers) == 0 && r.cfg.QuiesceAfter == 0) {
		return
	}
	r.beginRound()
	if r.cfg.QuiesceAfter > 0 && r.idle() {
		r.quiesce()
	}
}

// beginRound begins a timed round.
func (r *Raft) beginRound() {
	r.leading.heartbeat = r.now + r.cfg.HeartbeatInterval
	r.leading.round++
	r.leading.timed = r.leading.round
	r.leading.starts.add(r.leading.round, r.now)
	r.leading.announce = true
}

// quorumAlive tells whether a quorum answered within the last election timeout, and
// if so when to look again (dissertation §6.2).
func (r *Raft) quorumAlive() bool {
	r.leading.quorum = time.Duration(r.config.CommittedIndex(r.heardAt)) + r.cfg.ElectionTimeout
	return r.now < r.leading.quorum
}

func (r *Raft) heardAt(id uint64) uint64 {
	if ReplicaID(id) == r.id {
		return uint64(r.now)
	}
	return uint64(r.peer(ReplicaID(id)).heard)
}

// heardFrom takes from any response what it proves: the peer lives, and it
// followed this leader after the round began.
func (r *Raft) heardFrom(p *peer, m *Message) {
	p.heard = r.now
	if m.Round > r.leading.round {
		r.dropped++
		return
	}
	if m.Round > p.round {
		p.round = m.Round
		r.confirmReads()
	}
}

// onAppendResp moves the follower's progress. What matches comes only from the
// answer itself, never from what was sent meanwhile.
func (r *Raft) onAppendResp(m *Message) {
	p := r.peer(m.From)
	r.heardFrom(p, m)
	if m.Reject {
		// Skip whatever of this log is newer than what the follower could have there.
		hint, _ := r.log.notAbove(m.HintIndex, m.HintTerm)
		p.progress.Refuse(m.LogIndex, hint)
		return
	}
	if m.LogIndex > r.log.last {
		r.dropped++
		return
	}
	if term, ok := r.log.termAt(m.LogIndex); m.LogTerm != 0 && ok && term != m.LogTerm {
		// A snapshot of a later leader, and this one does not know yet that it is deposed.
		return
	}
	news := p.progress.Ack(m.LogIndex)
	r.endSnapshot(p)
	if !p.voter {
		p.catchUp.observe(p.progress.Match(), r.log.last, r.now, r.cfg.ElectionTimeout)
	}
	if news {
		r.maybeCommit()
	}
}

// onHeartbeatResp looks for what got lost. An append that waits for its answer for a
// whole heartbeat interval without any progress is taken for lost.
func (r *Raft) onHeartbeatResp(m *Message) {
	p := r.peer(m.From)
	r.heardFrom(p, m)
	if m.Round < r.leading.timed || p.stall.timed == r.leading.timed {
		return
	}
	before := p.stall
	p.stall = stall{timed: r.leading.timed, match: p.progress.Match(), matched: m.LogIndex}
	p.progress.Resume()
	if !p.voter {
		p.catchUp.observe(p.progress.Match(), r.log.last, r.now, r.cfg.ElectionTimeout)
	}
	known := p.progress.Next() - 1
	behind := p.progress.Match() < known || m.LogIndex < known
	still := before.match == p.stall.match && before.matched == p.stall.matched
	if behind && still && p.progress.State() == progress.Replicate {
		r.nudge(p)
	}
}

// nudge asks a follower with an empty append whether it has all that it was sent: a
// yes repeats a lost acknowledgement, a no brings its progress back to probing. If the log has been
// compacted beyond that, a no could not be answered any more.
func (r *Raft) nudge(p *peer) {
	prev := p.progress.Next() - 1
	term, ok := r.log.termAt(prev)
	if !ok {
		r.sendSnapshot(p)
		return
	}
	r.send(Message{
		Type: MsgAppend, To: p.id, LogIndex: prev, LogTerm: term, Commit: r.commit, Round: r.leading.round, Join: p.join,
	})
}

// announceRound sends the newest round with a heartbeat to everybody. It tells the whole commit index, so that a
// follower knows how far it is behind; it commits no more than it knows to be equal (learnCommit).
func (r *Raft) announceRound() {
	if !r.leading.announce {
		return
	}
	r.leading.announce = false
	var last, term uint64
	if r.sleep.asleep {
		last, term = r.log.last, r.log.lastTerm()
	}
	for i := range r.peers {
		p := &r.peers[i]
		r.send(Message{
			Type: MsgHeartbeat, To: p.id, Quiesce: r.sleep.asleep, LogIndex: last, LogTerm: term, Commit: r.commit,
			Round: r.leading.round, Join: p.join,
		})
	}
}

// sendAppends sends all that the followers' progress allows.
func (r *Raft) sendAppends() {
	for i := range r.peers {
		p := &r.peers[i]
		for p.progress.Ready(r.log.last) && r.sendAppend(p) {
		}
	}
}

// sendAppend sends the next append to the follower, or asks for its entries.
func (r *Raft) sendAppend(p *peer) bool {
	next := p.progress.Next()
	if _, ok := r.log.termAt(next - 1); !ok {
		r.sendSnapshot(p)
		return false
	}
	if next > r.log.last {
		r.sendEntries(p, nil, 0)
		return true
	}
	budget := min(r.cfg.MaxAppendBytes, max(1, p.progress.Room()))
	entries, size, ok := r.log.cache.slice(next, r.log.last, budget)
	if !ok {
		p.progress.FetchStarted()
		r.fetches = append(r.fetches, Fetch{
			Peer: p.id, Lo: next, Hi: r.log.lastNotCached(), MaxBytes: r.cfg.MaxAppendBytes,
		})
		return false
	}
	if !p.progress.Fits(size) {
		return false
	}
	r.sendEntries(p, entries, size)
	return true
}

func (r *Raft) sendEntries(p *peer, entries []Entry, size int) {
	prev := p.progress.Next() - 1
	term, _ := r.log.termAt(prev)
	r.send(Message{
		Type: MsgAppend, To: p.id, LogIndex: prev, LogTerm: term, Entries: entries,
		Commit: r.commit, Round: r.leading.round, Join: p.join,
	})
	p.progress.Sent(prev+uint64(len(entries)), size)
}

// Fetched answers a Fetch with the entries from lo on; nil says that they could not be
// read, and they are asked for again later. Every Fetch must be answered.
// Answers that nobody waits for any more are ignored; entries that are not
// those of the log are a panic, for the shell's storage is broken.
func (r *Raft) Fetched(id ReplicaID, lo uint64, entries []Entry) {
	p := r.peer(id)
	if p == nil || r.role != Leader || !p.progress.FetchEnded(lo, len(entries) == 0) || lo < r.FirstIndex() {
		return
	}
	for i := range entries {
		e := &entries[i]
		if e.Index != lo+uint64(i) || !r.log.matches(e.Index, e.Term) {
			panic(fmt.Sprintf("raft: group %d: fetched entry %d of term %d at place %d is not in the log",
				r.cfg.Group, e.Index, e.Term, lo+uint64(i)))
		}
	}
	n, size := prefix(entries, min(r.cfg.MaxAppendBytes, max(1, p.progress.Room())))
	if p.progress.Ready(r.log.last) && p.progress.Fits(size) {
		r.sendEntries(p, entries[:n], size)
	}
}
