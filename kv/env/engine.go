package env

// Reader is a read-only view of an Engine or of a Batch's result.
type Reader interface {
	// Get returns a copy of the value under key and whether there is one.
	Get(key []byte) (value []byte, found bool, err error)
	// Scan calls fn for each pair with lo <= key < hi in ascending order until fn
	// returns false. The slices are only valid during the call.
	Scan(lo, hi []byte, fn func(key, value []byte) bool) error
}

// Batch collects writes that are applied atomically: after a crash either all
// or none of them are there, and never without all earlier batches.
type Batch interface {
	// Set stores value under key, which has at least one byte.
	Set(key, value []byte)
	Delete(key []byte)
	// DeleteRange removes all keys in [lo, hi).
	DeleteRange(lo, hi []byte)
	// Len is the number of writes in the batch.
	Len() int
}

// Engine is the ordered key-value storage under the state machines of a node.
// It has no write-ahead log of its own: applied batches are visible at once but
// survive a crash only from the next Flush (or a flush of the engine's own
// choice) on. What survives is always a prefix of the applied batches; the Raft log
// is the redo log for the rest (DESIGN §4).
//
// An Engine is safe for concurrent readers, writers and flushes; writers that work at the
// same time write different keys.
type Engine interface {
	Reader
	// NewBatch returns an empty batch.
	NewBatch() Batch
	// Apply applies a batch of this engine. Any error is final: the engine must
	// not be used further.
	Apply(b Batch) error
	// Snapshot returns a consistent read view; the caller closes it.
	Snapshot() (Snapshot, error)
	// Flush returns when everything applied before the call is durable.
	Flush() error
	// Close releases the engine without flushing.
	Close() error
}

// Snapshot is a consistent read view of an Engine at one point in time. It may be read beside all
// calls of the engine but Close, and holds up no flush; the engine keeps what it can see until
// it is closed. A Scan that stopped is resumed by another one behind the last key.
type Snapshot interface {
	Reader
	Close() error
}

// Sizer is what an Engine also is that can tell how much it holds without reading it.
type Sizer interface {
	// Size is about how many bytes the pairs in [lo, hi) take; what is not durable yet may be missing.
	Size(lo, hi []byte) (uint64, error)
}
