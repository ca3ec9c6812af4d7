package raft

import (
	"fmt"
	"math"
	"time"
)

// GroupID names a Raft group. Group 0 is reserved: it never names a group.
type GroupID uint64

// ReplicaID names one replica of a group for ever: a replica that was removed or
// lost its disk comes back under a new id. 0 means "none". The low 32 bits are the
// node it lives on, the high 32 bits its generation: 0 for the replicas a group
// starts with, and for one that is added later a number that no replica of the
// group had before (confchange.Config.Generation).
type ReplicaID uint64

// MakeReplicaID returns the id of the replica of a generation on a node, which must
// be 1 to 1<<32-1.
func MakeReplicaID(node uint64, generation uint32) ReplicaID {
	if node == 0 || node > math.MaxUint32 {
		panic(fmt.Sprintf("raft: node %d cannot hold a replica: its number must be 1 to %d", node, uint32(math.MaxUint32)))
	}
	return ReplicaID(uint64(generation)<<32 | node)
}

// Node is the node that the replica lives on.
func (id ReplicaID) Node() uint64 { return uint64(id) & math.MaxUint32 }

// Generation is the replica's generation.
func (id ReplicaID) Generation() uint32 { return uint32(id >> 32) }

// EntryKind says what the payload of an entry is for.
type EntryKind uint8

const (
	// EntryNormal carries a command of the state machine.
	EntryNormal EntryKind = iota
	// EntryNoOp has no payload; a new leader appends one (dissertation §6.4 step 1).
	EntryNoOp
	// EntryConfig carries a whole configuration (confchange.Config.Append). It takes
	// effect when it is appended (§6).
	EntryConfig
)

// Entry is one position of the replicated log.
type Entry struct {
	Index uint64
	Term  uint64
	Kind  EntryKind
	Data  []byte
}

// entryOverhead is what an entry costs in memory and on the wire beyond its
// payload, in bytes; it keeps a flood of empty entries bounded.
const entryOverhead = 32

// Size is the entry's weight in the byte limits of Config.
func (e *Entry) Size() int { return len(e.Data) + entryOverhead }

// HardState is what a replica must remember across a restart (Figure 2, "persistent
// state"), beside its log. Commit is only a hint that spares work after a
// restart: it is written along with other changes, never for its own sake.
type HardState struct {
	Term   uint64
	Vote   ReplicaID
	Commit uint64
}

// TermRun says that entries from First on, up to the next run, have term Term.
// A log's terms are a short list of runs, so that the term of any index is known
// without its entry.
type TermRun struct {
	First uint64
	Term  uint64
}

// Mark says that the state machine durably covers the log up to Index, whose entry
// had Term, and under which configuration: the log may start behind it. The zero Mark
// is that of a log that starts at 1.
type Mark struct {
	Index, Term uint64
	// Config is the encoded configuration in effect at Index (confchange.Config.Append).
	Config []byte
}

// ConfigEntry is a configuration and the index of its entry.
type ConfigEntry struct {
	Index uint64
	Data  []byte
}

// Restored is the state a replica starts from: what recovery found durable.
type Restored struct {
	HardState HardState
	// SnapIndex and SnapTerm name the last entry that the log no longer holds
	// because the state machine covers it; both 0 for a log that starts at 1.
	// SnapConfig is the configuration at SnapIndex (Mark.Config); empty if SnapIndex is 0,
	// where the initial one holds (Config.Voters).
	SnapIndex, SnapTerm uint64
	SnapConfig          []byte
	// Configs are the EntryConfig entries in (SnapIndex, LastIndex], ascending.
	Configs []ConfigEntry
	// Runs covers (SnapIndex, LastIndex], ascending in index and term.
	Runs []TermRun
	// LastIndex is the last durable entry's index, SnapIndex if there is none.
	LastIndex uint64
	// Tail holds the newest entries (contiguous, ending at LastIndex); it may be
	// empty. Older ones are fetched when needed.
	Tail []Entry
	// Applied is the index up to which the state machine is durable; it is at
	// least SnapIndex and at most LastIndex.
	Applied uint64
}

// Role is what a replica currently is (§5.1).
type Role uint8

const (
	Follower Role = iota
	// PreCandidate asks whether an election could be won, without raising its
	// term (dissertation §9.6).
	PreCandidate
	Candidate
	Leader
)

// String names the role.
func (r Role) String() string {
	return [...]string{"follower", "pre-candidate", "candidate", "leader"}[r]
}

// MessageType names the kinds of messages between replicas.
type MessageType uint8

const (
	MsgPreVote MessageType = iota + 1
	MsgPreVoteResp
	MsgVote
	MsgVoteResp
	MsgAppend
	MsgAppendResp
	MsgHeartbeat
	MsgHeartbeatResp
	// MsgTimeoutNow tells the target of a leadership transfer to campaign at once
	// (dissertation §3.10).
	MsgTimeoutNow
	// MsgReadIndex asks the leader of its Term for a read index on behalf of a follower;
	// Round names the request.
	MsgReadIndex
	// MsgReadIndexResp answers: LogIndex is the read index, Round is echoed; with Reject the
	// read must be asked again elsewhere or later.
	MsgReadIndexResp
	// MsgRemoved tells a replica that the sender's committed configuration excludes it for
	// good; LogIndex is the index of that configuration's entry.
	MsgRemoved

	firstMessage, lastMessage = MsgPreVote, MsgRemoved
)

// Message is what replicas of a group tell each other. Fields that a type does
// not use are zero.
type Message struct {
	Type  MessageType
	Group GroupID
	From  ReplicaID
	To    ReplicaID
	// Term is the sender's term; in MsgPreVote the term it would campaign in, which a
	// granting MsgPreVoteResp echoes.
	Term uint64

	// LogIndex and LogTerm name an entry: in votes the candidate's last one
	// (§5.4.1), in MsgAppend the one before Entries (prevLogIndex, prevLogTerm).
	// In MsgHeartbeat with Quiesce they name the leader's last one.
	// In MsgHeartbeatResp LogIndex is the last index known equal to the leader's log,
	// durable or not.
	// In MsgAppendResp LogIndex is, on success, the last index known durable
	// and equal to the leader's log, with LogTerm if it is that of a snapshot, which may come from a
	// later leader than the one that is answered; on a reject the prevLogIndex refused.
	LogIndex uint64
	LogTerm  uint64
	Entries  []Entry
	// Commit is the sender's commit index, as far as the receiver may use it.
	Commit uint64

	// Reject refuses a vote, an append or a read.
	Reject bool
	// Transfer, in MsgVote, says that the leader of the term before asked the candidate to
	// campaign: voters do not protect that leader (dissertation §4.2.3).
	Transfer bool
	// Quiesce, in MsgHeartbeat, says that the group is idle and its leader sleeps: the receiver sleeps, too, or
	// answers.
	Quiesce bool
	// Join, in MsgAppend and MsgHeartbeat to a learner, is the number of the store that the
	// learner was added for (confchange.Member.Store): only there, and only on its word,
	// may a replica be created by a message.
	Join uint64
	// HintIndex and HintTerm tell a refused leader where to look next: the last
	// index at which the follower's term is not above the refused one's, and its
	// term (§5.3, last paragraphs).
	HintIndex uint64
	HintTerm  uint64

	// Round numbers the leader's rounds of contact within its term. Heartbeats
	// and appends carry the newest one, responses echo it: an echo proves that the
	// sender followed this leader after the round began (§6.4 of the dissertation).
	// A MsgHeartbeatResp of round 0 is a call of a follower that slept.
	// In pre-votes and their responses it numbers the candidate's attempts.
	Round uint64
}

// Persist is what the shell must make durable, in order of Seq: first Mark, then
// Entries, which replace everything the log holds from Entries[0].Index on.
type Persist struct {
	// Seq counts the hand-offs of one Raft value from 1. The shell reports completion
	// with Persisted(Seq); completion covers all smaller ones too.
	Seq   uint64
	State HardState
	// Mark, if its Index is not 0, lets the log start after Mark.Index. What the log holds
	// behind that index survives iff the entry at the index is there and has
	// Mark.Term; otherwise the log is empty then.
	Mark    Mark
	Entries []Entry
}

// ReadGrant says that the read may be served from any state that has applied at
// least Index.
type ReadGrant struct {
	ID    uint64
	Index uint64
}

// Fetch asks the shell for entries that are no longer in memory, from Lo on, at
// most to Hi (inclusive) and about MaxBytes; answered with Fetched.
type Fetch struct {
	Peer     ReplicaID
	Lo, Hi   uint64
	MaxBytes int
}

// Output is all that the core wants done since the last call of Raft.Output.
// Its slices are the caller's until the next call.
type Output struct {
	// Messages may be sent at once: what they promise is durable already.
	Messages []Message
	// Persist is to be made durable if HasPersist.
	Persist    Persist
	HasPersist bool
	// Reads are granted; DroppedReads cannot be granted here (the replica is not
	// the leader, or ceased to be): they had no effect.
	Reads        []ReadGrant
	DroppedReads []uint64
	Fetches      []Fetch
	// Snapshots are the followers that need entries which the log no longer holds: the
	// shell sends each the state machine's state, and reports with SnapshotEnded. Until then
	// the follower gets no entries. Cancelled ones need no snapshot any more: they come before
	// Snapshots, which may name the same follower again, and nothing is reported of them.
	Snapshots, Cancelled []ReplicaID
	// ConfigChanged: Configuration has changed since the last Output.
	ConfigChanged bool
}

// Config is fixed for the life of a Raft value.
type Config struct {
	Group GroupID
	ID    ReplicaID
	// Voters is the initial configuration, identical on all replicas that the group
	// starts with; empty on a replica that is added later.
	Voters []ReplicaID
	// Seed starts the stream of election timeouts.
	Seed uint64

	// HeartbeatInterval is the time between rounds of an idle leader.
	HeartbeatInterval time.Duration
	// ElectionTimeout is the least time without a leader after which a replica
	// campaigns; the actual time is drawn from [1,2) times this for each wait
	// (§5.2). It must be at least twice HeartbeatInterval.
	ElectionTimeout time.Duration
	// PreVote and CheckQuorum are on in production (dissertation §9.6, §6.2). They
	// are switches because tests of the paper's claims need both settings.
	PreVote     bool
	CheckQuorum bool
	// QuiesceAfter is how long nothing must have happened in the group before its leader sends it to sleep: at
	// most a day, 0 for never. A follower sleeps only if its own is not 0. The shell then owes what Wake says.
	QuiesceAfter time.Duration

	// LeaseReads lets a leader grant reads without asking a quorum, for a while after a
	// quorum answered (dissertation §6.4.1). It needs CheckQuorum. All replicas of a
	// group must have the same setting. Reads are linearizable then only if, of any two
	// replicas, one's clock does not run more than MaxClockDrift faster than the other's
	// should: each clock's rate is within 1±MaxClockDrift/1e6 of true time.
	LeaseReads bool
	// MaxClockDrift is in parts per million, 0 to 500,000.
	MaxClockDrift int

	// MaxAppendBytes bounds the entries of one append (at least one is sent).
	MaxAppendBytes int
	// MaxInflightAppends and MaxInflightBytes bound the appends on their way to
	// one follower.
	MaxInflightAppends int
	MaxInflightBytes   int
	// MaxUncommittedBytes bounds the leader's uncommitted tail; beyond it Propose
	// answers ErrOverloaded.
	MaxUncommittedBytes int
	// MaxCacheBytes bounds the durable entries kept in memory.
	MaxCacheBytes int
	// MaxPendingReads bounds the reads waiting for a grant; beyond it they drop.
	MaxPendingReads int
}
