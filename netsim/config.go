package netsim

import (
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
)

// FirstClient is the lowest id of a client process by convention; links with
// such an end take Config.ClientLink.
const FirstClient env.NodeID = 1000

// Config says what the world is like before any fault. The zero value is a world
// in which nothing takes time and nothing fails; DefaultConfig is a realistic
// one.
type Config struct {
	// Link is how messages between nodes fare.
	Link LinkConfig
	// ClientLink is how messages from and to clients fare; nil means Link.
	ClientLink *LinkConfig
	// Lanes says how long jobs take, by lane.
	Lanes [env.NumLanes]LaneConfig
	// Disk says what a power loss does.
	Disk DiskConfig
	// TimerSlack is how much later than asked for a Tick comes.
	TimerSlack Dist
	// WallStart is the wall clock at virtual time 0, in nanoseconds since the
	// Unix epoch. 0 means 2026-01-01T00:00:00Z.
	WallStart int64
	// InputsPerTurn is how many inputs that were held back (a paused or slow
	// process) are handed in between two Turns, at most. 0 means 1.
	InputsPerTurn int
	// MaxEventsPerInstant bounds the events at one instant of virtual time, to
	// turn a program that never lets time pass into a panic. 0 means 1 << 20.
	MaxEventsPerInstant int
}

// LinkConfig is how the messages of one direction between two processes fare.
type LinkConfig struct {
	Delay     Dist    // from sending to arrival
	Loss      float64 // probability that a message is lost
	Duplicate float64 // probability that a message arrives twice
	// FIFO makes the messages of each channel arrive in the order they were sent, as on
	// a TCP connection. Otherwise independent delays reorder them. Messages of
	// different channels may always overtake each other.
	FIFO bool
	// BytesPerSecond limits the rate at which each channel takes messages; 0 is no limit.
	BytesPerSecond int64
	// MaxInFlight bounds the messages of each channel under way; more are dropped. 0 is
	// no bound.
	MaxInFlight int
}

// LaneConfig is how long the jobs of a lane take.
type LaneConfig struct {
	// Run is the time from the start of a job to its Run. The tail counts as
	// an fsync stall on LaneWAL.
	Run Dist
	// Done is the time from Run to Done.
	Done Dist
}

// DiskConfig says what a power loss does to what was not synced.
type DiskConfig struct {
	// Torn is the probability that a sector that is kept is torn inside.
	Torn float64
	// Prefix is the probability that a power loss keeps a prefix of the unsynced
	// operations instead of deciding for each of them.
	Prefix float64
	// Keep are the probabilities, of which each power loss draws one, that an
	// unsynced sector or directory entry is kept; 0 leaves exactly what was
	// synced and 1 what was written. Empty means 0, 0.1, 0.5, 0.9, 1.
	Keep []float64
	// Capacity is the size of the disk in bytes; 0 is unlimited.
	Capacity int64
	// FullSyncTo makes File.SyncTo a full sync that says so. Otherwise SyncTo
	// promises nothing, as vfs.File allows.
	FullSyncTo bool
}

// DefaultConfig is a data centre on a normal day: about a millisecond between
// nodes, fsyncs of 150 µs, rare slow messages and rare fsync stalls, no loss.
func DefaultConfig() Config {
	us, ms := time.Microsecond, time.Millisecond
	return Config{
		Link: LinkConfig{
			Delay: Dist{Base: 200 * us, Jitter: 800 * us, Tail: 0.001, TailMin: 5 * ms, TailMax: 100 * ms},
		},
		Lanes: [env.NumLanes]LaneConfig{
			env.LaneWAL: {
				Run:  Dist{Base: 150 * us, Jitter: 150 * us, Tail: 0.0005, TailMin: 10 * ms, TailMax: 300 * ms},
				Done: Dist{Base: 5 * us, Jitter: 50 * us},
			},
			env.LaneApply: {
				Run:  Dist{Base: 10 * us, Jitter: 50 * us, Tail: 0.001, TailMin: ms, TailMax: 50 * ms},
				Done: Dist{Base: 5 * us, Jitter: 20 * us},
			},
			env.LaneFetch: {
				Run:  Dist{Base: 50 * us, Jitter: 500 * us, Tail: 0.001, TailMin: ms, TailMax: 50 * ms},
				Done: Dist{Base: 5 * us, Jitter: 20 * us},
			},
			env.LaneSnapshot: {
				Run:  Dist{Base: 200 * us, Jitter: 2 * ms, Tail: 0.005, TailMin: 10 * ms, TailMax: 500 * ms},
				Done: Dist{Base: 5 * us, Jitter: 20 * us},
			},
		},
		Disk:       DiskConfig{Torn: 0.2, Prefix: 0.3},
		TimerSlack: Dist{Jitter: 200 * us, Tail: 0.001, TailMin: ms, TailMax: 10 * ms},
	}
}

// defaultWallStart is 2026-01-01T00:00:00Z.
const defaultWallStart = 1_767_225_600 * int64(time.Second)

func (c *Config) fill() {
	if c.WallStart == 0 {
		c.WallStart = defaultWallStart
	}
	if c.InputsPerTurn <= 0 {
		c.InputsPerTurn = 1
	}
	if c.MaxEventsPerInstant <= 0 {
		c.MaxEventsPerInstant = 1 << 20
	}
}
