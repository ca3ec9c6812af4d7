package transfer

import (
	"fmt"

	"github.com/holdfastdb/holdfast/raft"
)

// Bounds of what a message may hold, in bytes.
const (
	// MaxData bounds Chunk.Data. A chunk is larger than Limits.ChunkBytes only if one
	// pair of the state is.
	MaxData = 64 << 20
	// MaxKey bounds Chunk.After and Position.After.
	MaxKey = 64 << 10
	// MaxConfig bounds Mark.Config.
	MaxConfig = 64 << 10
)

// Identity names one state: that of a group after the entry Index of Term was applied. Equal
// identities have equal contents, whoever sends them.
type Identity struct {
	Index, Term, StateHash uint64
}

// String names the state for logs and errors.
func (id Identity) String() string {
	return fmt.Sprintf("index %d term %d hash %016x", id.Index, id.Term, id.StateHash)
}

// Position is a place in the stream of a state. The zero Position is its begin.
type Position struct {
	// Next is the number of the next chunk, so that of the chunks before.
	Next uint64
	// After is the last key of the chunks before; empty at the begin.
	After []byte
	// Sum is the running checksum of the chunks before. It means nothing to this package: it
	// comes from the receiver's stage and goes to the sender's export.
	Sum uint64
}

func (p Position) clone() Position {
	p.After = append([]byte(nil), p.After...)
	return p
}

// Kind says what a Chunk is for.
type Kind uint8

const (
	// Probe asks where the receiver stands; it has no data.
	Probe Kind = iota + 1
	// Data carries the pairs behind After.
	Data
	// End says that no pairs follow After.
	End
)

// Chunk is what a sender says.
type Chunk struct {
	Kind     Kind
	Group    raft.GroupID
	From, To raft.ReplicaID
	// Term is the term that the sender leads.
	Term uint64
	// Join is the number of the store that a learner was added for (raft.Message.Join);
	// the node heeds it before there is a Receiver.
	Join uint64
	// Mark is the log position of the state. Every chunk carries its configuration, so that
	// a receiver that has restarted can go on with any of them.
	Mark      raft.Mark
	StateHash uint64
	// Stream names the Sender, so that answers to an earlier one of the same leader are not
	// taken for its own.
	Stream uint64
	// Try numbers the sender's messages from 1.
	Try uint64

	// Number counts the chunks of a state from 0; 0 in a probe. After is the last key of the
	// chunk before; empty in the first one and in a probe.
	Number uint64
	After  []byte
	// Data is at least one pair; only in Data.
	Data []byte
	// Pairs and Sum describe the whole state; only in End. They come from the sender's export
	// and go to Install.
	Pairs, Sum uint64
}

// Identity is that of the state that the chunk is of.
func (c *Chunk) Identity() Identity {
	return Identity{Index: c.Mark.Index, Term: c.Mark.Term, StateHash: c.StateHash}
}

// Status is what an Ack says.
type Status uint8

const (
	// Going: the receiver stands at Ack.At and wants Ack.Want.
	Going Status = iota + 1
	// Waiting: the receiver lives, and can take the chunk later: it opens its stage, or
	// installs another state.
	Waiting
	// Installing: the receiver has all of the state and is installing it.
	Installing
	// Done: the receiver has the state, or a newer one.
	Done
	// Refused: the receiver will not take the state from this sender; Ack.Reason says why.
	Refused
)

// Reason says why a transfer was refused.
type Reason uint8

const (
	// StaleTerm: the receiver knows a newer leader.
	StaleTerm Reason = iota + 1
	// Older: the receiver takes in a newer state of the same leader.
	Older
	// Conflict: the receiver knows another state, or another configuration, at the same
	// place.
	Conflict
	// StageFailed: the receiver could not stage a chunk.
	StageFailed
	// InstallFailed: the state that was staged is not what was promised.
	InstallFailed
)

// String says the reason in words.
func (r Reason) String() string {
	switch r {
	case StaleTerm:
		return "it knows a newer leader"
	case Older:
		return "it takes in a newer state"
	case Conflict:
		return "it was promised other contents for the same index"
	case StageFailed:
		return "it could not store a chunk; its log says why"
	case InstallFailed:
		return "the state it received failed verification; its log says why"
	}
	return "it gave no reason"
}

// Ack is what a receiver answers.
type Ack struct {
	Group    raft.GroupID
	From, To raft.ReplicaID
	// Term, Identity, Stream and Try are those of the chunk that is answered, but Try is
	// the highest one of its stream that the receiver has seen.
	Term     uint64
	Identity Identity
	Stream   uint64
	Try      uint64

	Status Status
	// Reason is set if Status is Refused.
	Reason Reason
	// At is the position of the stage, and Want the first chunk that the receiver neither
	// has staged nor holds; zero unless Status is Going.
	At   Position
	Want uint64
}
