package events

// Kind is what happened.
type Kind string

// The kinds of events.
const (
	// Up: a node's process was started; Down: it ended, Name says how.
	Up   Kind = "up"
	Down Kind = "down"
	// Pause: a node's process was stopped and takes nothing in until Resume.
	Pause  Kind = "pause"
	Resume Kind = "resume"
	// Stopped: a node that runs has stopped serving by itself, Name says why.
	Stopped Kind = "stopped"
	// Role: the node's replica of Group is Name ("follower", "pre-candidate", "candidate" or
	// "leader") in Term from now on; with the Name "" the node has no replica of it any more.
	Role Kind = "role"
	// Snapshot: the replica's state was replaced by a snapshot up to log index Count.
	Snapshot Kind = "snapshot"
	// Table: the node got the table of partitions of version Count.
	Table Kind = "table"
	// Fault: fault number Fault of kind Name struck Targets. Change: number Fault is a change, of members or of
	// nodes, that an operator asked for. Bites: it had its first effect. FaultEnd: it is over and had Count effects.
	Fault    Kind = "fault"
	Change   Kind = "change"
	Bites    Kind = "fault-bites"
	FaultEnd Kind = "fault-end"
	// Healed: all faults were ended.
	Healed Kind = "healed"
)

// Event is one thing that happened. Fields that its kind does not have are zero.
type Event struct {
	// At is nanoseconds of the run's clock.
	At      int64  `json:"at"`
	Kind    Kind   `json:"kind"`
	Node    int    `json:"node,omitempty"`
	Group   uint64 `json:"group,omitempty"`
	Term    uint64 `json:"term,omitempty"`
	Name    string `json:"name,omitempty"`
	Fault   int    `json:"fault,omitempty"`
	Targets []int  `json:"targets,omitempty"`
	Count   uint64 `json:"count,omitempty"`
}
