package replica

import (
	"fmt"
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/kv/transfer"
	"github.com/holdfastdb/holdfast/raft"
)

// HashEvery is the distance in log positions between comparisons of state hashes.
const HashEvery = 1024

// Config is fixed for the life of a Replica.
type Config struct {
	Raft raft.Config
	// MaxApplyBytes bounds the entries of one apply job (at least one is applied).
	MaxApplyBytes int
	// ApplyDelay is how long a follower may let committed entries gather, so that it applies more of them at once; 0: not
	// at all. More than an election timeout counts as one: a new leader has to make up for it before it answers.
	ApplyDelay time.Duration
	// MaxWaitingReads bounds the reads that wait for a grant or for the state
	// machine to catch up. It must not exceed Raft.MaxPendingReads, so that the core
	// never refuses a read out of turn.
	MaxWaitingReads int
	// CompactBytes is the size of applied entries between two flushes of the engine, after each of
	// which the log forgets what the flush before made durable; 0 never forgets.
	CompactBytes int
	// SharedFlush leaves it to the node to flush the engine, for all its replicas at once (BeginFlush).
	SharedFlush bool
	// Snapshots paces the sending of snapshots.
	Snapshots transfer.Limits
}

// Replica is one replica of one partition.
type Replica struct {
	cfg     Config
	node    Node
	log     LogReader
	raft    *raft.Raft
	machine *machine.Machine

	// output is the core's of the turn under way.
	output raft.Output
	// proposals and proposers are this turn's writes, in order of arrival.
	proposals [][]byte
	proposers []Writer
	// appended are the writes whose entries are in the log, ascending in index.
	appended fifo[appendedWrite]
	// ledTerm is the term in which appended were proposed.
	ledTerm uint64
	// writeBytes is the size of the commands of proposals and appended.
	writeBytes int

	reads readState

	// applied is the index the state machine has reached as far as the loop
	// knows: the last entry of the last finished apply job.
	applied uint64
	// hash is the state machine's hash at applied.
	hash uint64
	// sessions is the number of open sessions at applied.
	sessions int
	// applying is set while a job owns machine.
	applying bool
	// applySince is when the job that owns machine was submitted.
	applySince env.Instant
	// fetching is set while entries to apply are read back from the log.
	fetching bool
	// fetched are entries read back, to be applied next.
	fetched []raft.Entry
	job     applyJob
	// gatherUntil is when the entries that wait for more are applied, Never if none do.
	gatherUntil env.Instant

	compaction compaction
	duties     duties
	sendings   sendings
	reception  reception

	// now is the newest time that the replica was told.
	now     env.Instant
	hashes  hashWindow
	fresh   freshness
	holding bool
	stopped bool
}

type appendedWrite struct {
	index uint64
	term  uint64
	// size is that of the command, in bytes.
	size   int
	writer Writer
}

// New starts a replica from what recovery found. restored.Applied is ignored: the
// state machine itself says how far it got. The error is ErrDamaged (wrapped) if log and state
// machine contradict each other.
func New(cfg Config, restored raft.Restored, m *machine.Machine, log LogReader, node Node, now env.Instant) (*Replica, error) {
	if cfg.MaxWaitingReads > cfg.Raft.MaxPendingReads {
		return nil, fmt.Errorf("partition %d: MaxWaitingReads (%d) must not exceed Raft.MaxPendingReads (%d)",
			cfg.Raft.Group, cfg.MaxWaitingReads, cfg.Raft.MaxPendingReads)
	}
	mark, err := reconcile(cfg.Raft.Group, &restored, m)
	if err != nil {
		return nil, err
	}
	core, err := raft.New(cfg.Raft, restored, time.Duration(now))
	if err != nil {
		return nil, fmt.Errorf("partition %d: %w", cfg.Raft.Group, err)
	}
	if mark != nil {
		if err := core.Restore(time.Duration(now), *mark); err != nil {
			return nil, damaged(cfg.Raft.Group, "the snapshot at entry %d that was installed: %v", mark.Index, err)
		}
	}
	applied, _ := m.Applied()
	r := &Replica{
		cfg: cfg, node: node, log: log, raft: core, machine: m,
		applied: applied, hash: m.Hash(), sessions: m.Sessions(), now: now, gatherUntil: env.Never,
		compaction: newCompaction(core.FirstIndex()-1, applied, restored.Tail, cfg.CompactBytes),
	}
	r.job.replica = r
	r.reception.installed, _ = m.Installed()
	r.reception.receiver = transfer.NewReceiver(cfg.Raft.Group, cfg.Raft.ID, cfg.Snapshots)
	return r, nil
}

// ID is the replica's id.
func (r *Replica) ID() raft.ReplicaID { return r.cfg.Raft.ID }

// Idle tells whether no job of the replica is under way, so that its data may be replaced.
func (r *Replica) Idle() bool {
	return !r.applying && !r.fetching && !r.compaction.flushing && r.sendings.idle() && r.reception.idle()
}

// Group is the partition's group.
func (r *Replica) Group() raft.GroupID { return r.cfg.Raft.Group }

// Raft gives access to the core for inspection; callers must not change it.
func (r *Replica) Raft() *raft.Raft { return r.raft }

// Applied is the index and the state hash that the state machine has reached.
func (r *Replica) Applied() (index, hash uint64) { return r.applied, r.hash }

// Sessions is the number of open client sessions.
func (r *Replica) Sessions() int { return r.sessions }

// Deadline is when the replica next wants a Tick.
func (r *Replica) Deadline() env.Instant {
	if r.stopped {
		return env.Never
	}
	return min(env.Instant(r.raft.Deadline()), r.gatherUntil, r.sendings.deadline(), r.reception.deadline(), r.grantDeadline())
}

// Tick lets time pass.
func (r *Replica) Tick(now env.Instant) {
	r.now = max(r.now, now)
	if !r.stopped {
		r.raft.Tick(time.Duration(now))
	}
}

// instant is the newest time as the core counts it.
func (r *Replica) instant() time.Duration { return time.Duration(r.now) }

// Receive hands in a message of a peer.
func (r *Replica) Receive(now env.Instant, m raft.Message) {
	r.now = max(r.now, now)
	if r.stopped {
		return
	}
	r.raft.Receive(time.Duration(now), m)
	if m.From == r.raft.Leader() && m.Term == r.raft.Term() {
		r.fresh.hear(now, &m)
		r.catchUp()
	}
}

// Wake ends the sleep of an idle group (raft.Raft.Wake).
func (r *Replica) Wake(now env.Instant) {
	r.now = max(r.now, now)
	if !r.stopped {
		r.raft.Wake(time.Duration(now))
	}
}

// Hold says whether writes are to wait, so that more of them are proposed at once. The caller ends that soon, and gives
// the replica a turn then.
func (r *Replica) Hold(on bool) { r.holding = on }

// Held tells whether writes wait since Hold.
func (r *Replica) Held() bool { return len(r.proposals) > 0 }

// Stopped tells whether Stop was called.
func (r *Replica) Stopped() bool { return r.stopped }

// Persisted reports that everything up to the hand-off seq is durable.
func (r *Replica) Persisted(seq uint64) {
	if !r.stopped {
		r.raft.Persisted(seq)
	}
}

// Write proposes a command (machine.AppendCommand's encoding, at most raft.MaxEntryBytes)
// at the end of this turn. It is refused as Overloaded if the writes that have not
// ended would hold more than twice Raft.MaxUncommittedBytes with it (REP-8).
func (r *Replica) Write(command []byte, w Writer) {
	switch {
	case r.stopped:
		w.WriteDropped(Stopped)
	case r.raft.Role() != raft.Leader:
		w.WriteDropped(NotLeader)
	case r.writeBytes > 0 && r.writeBytes+len(command) > 2*r.cfg.Raft.MaxUncommittedBytes:
		w.WriteDropped(Overloaded)
	default:
		r.writeBytes += len(command)
		r.proposals = append(r.proposals, command)
		r.proposers = append(r.proposers, w)
	}
}

// Turn ends a turn of the event loop.
func (r *Replica) Turn(now env.Instant) {
	r.now = max(r.now, now)
	if r.stopped {
		return
	}
	r.perform(now)
	if !r.holding {
		r.propose(now)
	}
	r.askReads(now)
	r.output = r.raft.Output() // in a place of its own, or it would be made anew for each turn
	out := &r.output
	if out.ConfigChanged {
		r.node.ConfigChanged(r)
	}
	for i := range out.Messages {
		r.node.Send(&out.Messages[i])
	}
	if out.HasPersist {
		r.node.Persist(r, &out.Persist)
	}
	for _, f := range out.Fetches {
		r.node.Submit(r, env.LaneFetch, &peerFetch{replica: r, term: r.raft.Term(), fetch: f})
	}
	r.settleReads(out)
	r.expireGranted(now)
	if r.raft.Role() != raft.Leader || r.raft.Term() != r.ledTerm {
		r.abandonAppended()
	}
	r.follow(out)
	r.turnSendings(now)
	r.turnReception(now)
	r.startApply(now)
	r.startFlush()
	r.raft.SetUnfit(r.machineHangs(now))
	r.output = raft.Output{}
}

func (r *Replica) propose(now env.Instant) {
	if len(r.proposals) == 0 {
		return
	}
	first, term, err := r.raft.Propose(time.Duration(now), r.proposals)
	if err != nil {
		why := NotLeader
		switch err {
		case raft.ErrNotLeader:
		case raft.ErrOverloaded, raft.ErrTransferring:
			why = Overloaded
		default:
			panic(fmt.Sprintf("replica: partition %d: a command that cannot be proposed: %v", r.Group(), err))
		}
		for i, w := range r.proposers {
			r.writeBytes -= len(r.proposals[i])
			w.WriteDropped(why)
		}
	} else {
		if term != r.ledTerm {
			r.abandonAppended()
			r.ledTerm = term
		}
		for i, w := range r.proposers {
			r.appended.push(appendedWrite{index: first + uint64(i), term: term, size: len(r.proposals[i]), writer: w})
		}
	}
	clear(r.proposers)
	r.proposers = r.proposers[:0]
	// The core keeps the payloads, not the slice that held them.
	clear(r.proposals)
	r.proposals = r.proposals[:0]
}

// abandonAppended ends the wait for writes that this replica no longer leads:
// their entries may still be committed by the next leader (REP-4).
func (r *Replica) abandonAppended() {
	for r.appended.len() > 0 {
		r.writeBytes -= r.appended.front().size
		r.appended.pop().writer.WriteDropped(Unknown)
	}
}

// Stop ends the replica: all waits end honestly, nothing is accepted any more.
func (r *Replica) Stop() {
	if r.stopped {
		return
	}
	r.stopped = true
	for i, w := range r.proposers {
		r.writeBytes -= len(r.proposals[i])
		w.WriteDropped(Stopped)
	}
	r.proposers, r.proposals = nil, nil
	r.abandonAppended()
	r.dropReads(Stopped)
	r.sendings.stop()
	r.reception.stop()
}
