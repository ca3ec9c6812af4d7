package machine

import "fmt"

// Status says how a command ended. Whatever is not StatusOK changed no key.
type Status uint8

const (
	// StatusOK says the command was carried out.
	StatusOK Status = iota
	// StatusConditionFailed says a condition did not hold.
	StatusConditionFailed
	// StatusSessionUnknown says the session does not exist, or not any more. Whether
	// an earlier copy of the command was carried out is no longer known.
	StatusSessionUnknown
	// StatusSeqTooOld says the client had already acknowledged this number.
	StatusSeqTooOld
	// StatusWindowFull says too many numbers of the session are unacknowledged: the
	// same number may be tried again after Acked has moved on.
	StatusWindowFull
	// StatusInvalid says the command could not be understood or breaks Limits.
	StatusInvalid
)

// String names the status.
func (s Status) String() string {
	switch s {
	case StatusOK:
		return "ok"
	case StatusConditionFailed:
		return "condition failed"
	case StatusSessionUnknown:
		return "session unknown or expired"
	case StatusSeqTooOld:
		return "request number already acknowledged"
	case StatusWindowFull:
		return "too many unacknowledged requests in the session"
	case StatusInvalid:
		return "invalid command"
	}
	return fmt.Sprintf("status %d", uint8(s))
}

// OpResult is the outcome of one Op, or of a read.
type OpResult struct {
	// Found: OpGet, whether there is a value; OpErase, whether there was one. With
	// CondFailed, whether the key has a value. An OpPut does not report it.
	Found bool
	// Applied says that the operation was carried out.
	Applied bool
	// CondFailed says that this operation's condition did not hold; Found, Version
	// and Value then tell what is there instead.
	CondFailed bool
	// Version is the log index of the write that the result speaks of: of OpPut and
	// OpErase themselves, or of the one whose value was read; 0 if not found.
	Version uint64
	// Value is what was read. It may share memory with the entries given to Apply.
	Value []byte
}

// Result is the outcome of one log entry.
type Result struct {
	// Index and Term name the entry. A caller that waits for its command compares both:
	// another leader's command may have taken the index.
	Index uint64
	Term  uint64
	// ResultIndex is the index at which the command was first executed: Index,
	// unless Duplicate.
	ResultIndex uint64
	Status      Status
	// Duplicate says that this is the saved result of the first execution.
	Duplicate bool
	// Session is the id of the session that CmdOpenSession opened.
	Session uint64
	// Ops has one result for each Op of a command that was executed (StatusOK and
	// StatusConditionFailed), in their order.
	Ops []OpResult
}
