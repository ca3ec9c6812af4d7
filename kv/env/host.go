package env

import "time"

// Instant is monotonic time in nanoseconds since an arbitrary origin that is
// fixed for the life of one process. Instants of two processes cannot be
// compared.
type Instant int64

// Add returns the instant d later.
func (t Instant) Add(d time.Duration) Instant { return t + Instant(d) }

// Sub returns the duration from u to t.
func (t Instant) Sub(u Instant) time.Duration { return time.Duration(t - u) }

// Never is an instant that is not reached: the deadline of a disarmed timer.
const Never Instant = 1<<63 - 1

// NodeID names one node of a cluster. It is given by the operator at start-up,
// is 1 to 1<<32-1, and is never given to another node of the same cluster.
type NodeID uint64

// Clock tells the time.
type Clock interface {
	// Now is monotonic: it never goes back within one process.
	Now() Instant
	// WallNow is the wall clock in nanoseconds since the Unix epoch. It may jump
	// either way; it is only used as a proposal for log time (kv/machine),
	// never to decide anything locally.
	WallNow() int64
}

// Rand is a seeded stream of random numbers. *math/rand/v2.Rand implements it.
type Rand interface {
	// Uint64 returns 64 uniformly distributed bits.
	Uint64() uint64
	// Int64N returns a uniform number in [0,n); it panics when n <= 0.
	Int64N(n int64) int64
}

// Channel names a stream of messages to a node. What waits on one channel holds up none
// of the others; messages of different channels may overtake each other.
type Channel int

const (
	// ChannelControl carries what is small and urgent: votes, heartbeats, answers.
	ChannelControl Channel = iota
	// ChannelLog carries log entries.
	ChannelLog
	// ChannelSnapshot carries snapshots.
	ChannelSnapshot
	// NumChannels is the number of channels.
	NumChannels
)

// String names the channel for logs and traces.
func (c Channel) String() string {
	switch c {
	case ChannelControl:
		return "control"
	case ChannelLog:
		return "log"
	case ChannelSnapshot:
		return "snapshot"
	}
	return "unknown"
}

// Transport carries opaque messages between nodes.
type Transport interface {
	// Send queues payload for delivery to the node and returns at once. It may
	// drop it when the channel's queue to that node is full or the node is unreachable or
	// unknown. The transport owns payload from here on.
	Send(to NodeID, channel Channel, payload []byte)
}

// Lane names a queue of off-loop jobs (ENV-3).
type Lane int

const (
	// LaneWAL carries the writes of the node's shared log.
	LaneWAL Lane = iota
	// LaneApply carries state machine work: applying entries and serving reads.
	LaneApply
	// LaneFetch carries reads of older log entries for slow followers.
	LaneFetch
	// LaneSnapshot carries what is slow and can wait: flushes of the engine, and the reading
	// and staging of snapshots.
	LaneSnapshot
	// NumLanes is the number of lanes.
	NumLanes
)

// String names the lane for logs and traces.
func (l Lane) String() string {
	switch l {
	case LaneWAL:
		return "wal"
	case LaneApply:
		return "apply"
	case LaneFetch:
		return "fetch"
	case LaneSnapshot:
		return "snapshot"
	}
	return "unknown"
}

// Job is a unit of work that may block, so it runs off the loop.
type Job interface {
	// Run does the work. It must not touch state owned by the event loop.
	Run()
	// Done is called on the event loop after Run returned.
	Done()
}

// Executor runs jobs off the event loop.
type Executor interface {
	// Submit queues the job on its lane and returns at once. Callers bound the
	// number of jobs they have outstanding.
	Submit(lane Lane, job Job)
}

// Timer wakes the node.
type Timer interface {
	// Arm asks for one call of the node's Tick at or soon after the instant.
	// It replaces any earlier request; Arm(Never) cancels.
	Arm(at Instant)
}

// Host is all that one node stands on.
type Host interface {
	Clock
	Timer
	Transport
	Executor
}
