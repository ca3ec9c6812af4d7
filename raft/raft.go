package raft

import (
	"fmt"
	"slices"
	"time"

	"github.com/holdfastdb/holdfast/raft/progress"
	"github.com/holdfastdb/holdfast/raft/quorum"
)

// Raft is one replica of one group. It is not safe for concurrent use. Make it with New.
type Raft struct {
	cfg    Config
	id     ReplicaID
	config quorum.Config
	// configs are the configurations that the log knows of: first the one where it starts, then those of
	// its entries. The last one is in effect (membership.go).
	configs []configEntry
	// transient: it is joint or gives this replica no vote, so that a leader will do something about it.
	transient bool

	// Persistent state (Figure 2). durableState is what is known to be on disk,
	// handedState what was given to the shell; the log keeps the same of itself.
	term        uint64
	vote        ReplicaID
	log         raftLog
	handedState HardState
	// unfit: the shell said that this replica should not lead.
	unfit bool
	// removed: it was told that it is out of the group for good.
	removed      bool
	durableState HardState

	// Volatile state of all replicas (Figure 2).
	commit  uint64
	applied uint64

	role   Role
	leader ReplicaID

	// Everybody else in the configuration, ascending by id: votes of candidates, progress of leaders.
	peers    []peer
	selfVote quorum.Vote

	election  electionState
	leading   leaderState
	following followerState
	reads     readState
	promises  promises
	sleep     sleepState
	now       time.Duration
	random    uint64
	dropped   uint64
	in        Message
	messages  []Message
	fetches   []Fetch
	snapshots []ReplicaID
	cancelled []ReplicaID
	spent     Output
	// configChanged: the configuration in effect has changed since the last Output.
	configChanged bool
	// resets counts how often a snapshot replaced the log.
	resets     uint64
	checkpoint *checkpoint
}

// peer is another replica, as this one sees it.
type peer struct {
	id   ReplicaID
	vote quorum.Vote
	// voter: its vote and its log count. join is what goes to a learner as Message.Join.
	voter bool
	join  uint64

	// Volatile state of leaders (Figure 2), fresh with each leadership.
	progress progress.Progress
	// round is the newest round echoed; heard is when the last response arrived.
	round uint64
	heard time.Duration
	stall stall
	// catchUp measures the pace of a learner. sending: the shell was asked to send a snapshot.
	catchUp catchUp
	sending bool
}

// New starts a replica as a follower, from what recovery found. The
// configuration and the restored state are checked; they are refused with an
// error that says what is wrong.
func New(cfg Config, restored Restored, now time.Duration) (*Raft, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if err := restored.validate(); err != nil {
		return nil, err
	}
	configs, err := restoreConfigs(&cfg, &restored)
	if err != nil {
		return nil, err
	}
	cfg.Voters = slices.Clone(cfg.Voters)
	slices.Sort(cfg.Voters)
	hs := restored.HardState
	r := &Raft{
		cfg: cfg, id: cfg.ID, configs: configs,
		term: hs.Term, vote: hs.Vote, log: newLog(&restored, cfg.MaxCacheBytes),
		handedState: hs, durableState: hs,
		// The hint may be newer than the log when a hand-off was torn.
		commit: max(restored.Applied, min(hs.Commit, restored.LastIndex)), applied: restored.Applied,
		now: now, random: cfg.Seed,
	}
	r.configure()
	r.configChanged = false
	// The log may start with a snapshot of a later leader than the one of its term.
	r.following.restored = restored.SnapIndex > 0
	// Before the restart it may have heard a leader just now (lease.go).
	r.election.heard = now
	r.pushElection()
	if r.config.IsSole(uint64(r.id)) {
		// There is no leader to wait for.
		r.election.deadline = now
	}
	return r, nil
}

// Tick lets the core act on the time. It is wanted at or after Deadline; other
// calls do nothing.
func (r *Raft) Tick(now time.Duration) {
	r.advance(now)
	if r.sleep.asleep {
		return
	}
	if r.role == Leader {
		r.tickLeader()
		return
	}
	r.expireReads()
	if r.now >= r.election.deadline && r.promotable() {
		r.campaign()
	}
}

// Deadline is when the core next wants a Tick, Never if it only waits for input.
func (r *Raft) Deadline() time.Duration {
	if r.sleep.asleep {
		return Never
	}
	if r.role != Leader {
		if !r.promotable() {
			return r.reads.expiry()
		}
		return min(r.election.deadline, r.reads.expiry())
	}
	if len(r.peers) == 0 {
		return r.bedtime()
	}
	deadline := r.leading.heartbeat
	if r.cfg.CheckQuorum {
		deadline = min(deadline, r.leading.quorum)
	}
	if r.leading.transfer.to != 0 {
		deadline = min(deadline, r.leading.transfer.until)
	}
	return deadline
}

// Receive takes a message from a peer. Messages that a replica of this group cannot
// have sent are dropped and counted (Status.Dropped). The core keeps the
// payloads of entries: the caller must not change them any more.
func (r *Raft) Receive(now time.Duration, m Message) {
	r.advance(now)
	if !r.valid(&m) {
		r.dropped++
		return
	}
	r.listen(&m)
	r.in = m
	if r.settleTerm(&r.in) {
		r.dispatch(&r.in)
	}
	r.in.Entries = nil
}

// Propose appends a batch of commands to the leader's log. It returns the index
// of the first, the others follow; and the term: the commands are committed iff
// entries of this term get committed at these indexes. On an error nothing was
// appended. The core keeps the payloads.
func (r *Raft) Propose(now time.Duration, payloads [][]byte) (first, term uint64, err error) {
	r.advance(now)
	r.stir()
	if r.role != Leader {
		return 0, 0, ErrNotLeader
	}
	if r.leading.transfer.to != 0 {
		// The target must be able to catch up (LIVE-02).
		return 0, 0, ErrTransferring
	}
	size := 0
	for _, p := range payloads {
		if len(p) > MaxEntryBytes {
			return 0, 0, ErrBadProposal
		}
		size += len(p) + entryOverhead
	}
	if len(payloads) == 0 {
		return 0, 0, ErrBadProposal
	}
	if !r.leading.uncommitted.fits(size, r.cfg.MaxUncommittedBytes) {
		return 0, 0, ErrOverloaded
	}
	first = r.log.last + 1
	batch := r.leading.batch[:0]
	for i, p := range payloads {
		batch = append(batch, Entry{Index: first + uint64(i), Term: r.term, Kind: EntryNormal, Data: p})
	}
	r.leading.batch = batch
	r.appendOwn(batch)
	clear(batch)
	return first, r.term, nil
}

// Persisted reports that the hand-offs up to Persist.Seq seq are durable. Reports may be
// skipped and repeated, but a seq that was never handed off is a panic.
func (r *Raft) Persisted(seq uint64) {
	state, news := r.log.persisted(seq)
	if !news {
		return
	}
	r.durableState = state
	r.keepPromises()
	if r.role == Leader {
		r.maybeCommit()
	}
}

// Applicable returns the index up to which entries may be applied: committed, and
// durable here, so that a restart never finds its state machine ahead of its log. What a
// snapshot brought is applied, whether the log's mark is durable yet or not.
func (r *Raft) Applicable() uint64 { return max(r.log.snapIndex, min(r.commit, r.log.durable)) }

// SetApplied tells the core how far the state machine has come. It panics if that
// goes back or beyond Applicable.
func (r *Raft) SetApplied(index uint64) {
	if index < r.applied || index > r.Applicable() {
		panic(fmt.Sprintf("raft: RAFT-3: applied %d after %d with only %d applicable", index, r.applied, r.Applicable()))
	}
	r.applied = index
}

// Slice returns entries lo to hi (inclusive) from memory, as many as fit in maxBytes but
// at least one; false if lo is no longer, or not yet, in memory. The entries
// stay valid and must not be changed.
func (r *Raft) Slice(lo, hi uint64, maxBytes int) ([]Entry, bool) {
	if lo == 0 || hi > r.log.last {
		return nil, false
	}
	entries, _, ok := r.log.cache.slice(lo, hi, maxBytes)
	return entries, ok
}

// advance takes the time from the caller; time that goes back is ignored.
func (r *Raft) advance(now time.Duration) { r.now = max(r.now, now) }

// peer returns the peer with this id, nil if it is not a member.
func (r *Raft) peer(id ReplicaID) *peer {
	for i := range r.peers {
		if r.peers[i].id == id {
			return &r.peers[i]
		}
	}
	return nil
}

// send queues a message; it stamps what all messages have in common.
func (r *Raft) send(m Message) {
	m.Group, m.From = r.cfg.Group, r.id
	if m.Term == 0 {
		m.Term = r.term
	}
	r.messages = append(r.messages, m)
}
