package target

import (
	"context"
	"time"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/testsuite/live/proxy"
	"github.com/holdfastdb/holdfast/testsuite/plan"
)

// Store is a cluster of real processes. Nodes have the ids from 1 on. Its methods may be used by several goroutines, but
// one node must not be started and ended at the same time.
type Store interface {
	// Name is for people.
	Name() string
	// Begin starts the nodes that the cluster begins with, and returns when it can be used.
	Begin(ctx context.Context) error
	// Start starts a node again that is down; it returns when the process runs, whether it answers or not.
	Start(ctx context.Context, id uint64) error
	// Kill ends a node with SIGKILL.
	Kill(ctx context.Context, id uint64) error
	// Pause stops a node with SIGSTOP, Resume lets it go on.
	Pause(ctx context.Context, id uint64) error
	Resume(ctx context.Context, id uint64) error
	// Members are the nodes that belong to the cluster now, Running those of them whose process lives, and Paused those
	// that are stopped.
	Members() []uint64
	Running() []uint64
	Paused() []uint64
	// Died are the nodes whose process ended by itself.
	Died() []uint64
	// Leader is the node that seems to lead, or 0.
	Leader(ctx context.Context) uint64
	// Course is what happens to the processes, and what is known of their nodes.
	Course() *Course
	// Net is the network between the nodes.
	Net() *proxy.Net
	// Client connects a client.
	Client(ctx context.Context, number int, patience Patience) (Client, error)
	// Log is the file with what a node wrote to its outputs.
	Log(id uint64) string
	// Close ends everything.
	Close() error
}

// Patience is how long clients wait.
type Patience struct{ Operation, Attempt time.Duration }

// Client performs operations; several at a time.
type Client interface {
	// Do performs an operation. For an outcome other than OK, why says more.
	Do(ctx context.Context, in history.Input, how How) (result history.Result, outcome history.Outcome, why error)
	Close() error
}

// Several is a Client that can ask for many keys at once, as one request of its own.
type Several interface {
	// DoSeveral performs gets, or puts and erases, of different keys; each is an operation for itself. The answers are in the
	// order of the inputs.
	DoSeveral(ctx context.Context, ins []history.Input, how How) []Answer
	// Scan reads all keys that there are, in pages of so many; some page has read each key between the call and the return. For
	// an outcome other than OK nothing is known of any key.
	Scan(ctx context.Context, page int, how How) (found map[string]history.Result, outcome history.Outcome, why error)
}

// Answer is how an operation ended, as Client.Do tells it.
type Answer struct {
	Result  history.Result
	Outcome history.Outcome
	Why     error
}

// How are the ways to perform an operation that a history does not tell.
type How struct {
	// NoSession: a write is not sent again after doubt.
	NoSession bool
	// Follower: any node may answer the read, linearizably.
	Follower bool
}

// Changer is a Store whose members can be changed, and whose disks can be lost.
type Changer interface {
	// Changes tells whether faults of a kind can be played: a change of members or nodes, or a wipe.
	Changes(kind plan.FaultKind) bool
	// Change carries out a change of a node; it returns when it is done, or recorded where the cluster goes on by itself.
	// undo, if not nil, takes it back.
	Change(ctx context.Context, f *plan.Fault, id uint64) (undo func(context.Context) error, err error)
	// Wipe kills a node and empties its disk; the next Start lets it rejoin. Rejoined waits until it did.
	Wipe(ctx context.Context, id uint64) error
	Rejoined(ctx context.Context, id uint64) error
}

// Restful is a Store that moves its data between its nodes by itself, until they are where they are to be.
type Restful interface {
	// Rest waits until nothing moves any more and returns what is wrong then. An error says that this could not be seen before
	// ctx ended.
	Rest(ctx context.Context) (verdict.Case, error)
}

// Observer is a Store that is watched from inside.
type Observer interface {
	// Observed is what was seen so far.
	Observed() verdict.Case
	// Said is what each node said last, a line for each, for people who ask why nobody answers.
	Said() []string
}
