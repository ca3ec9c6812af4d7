package store

import "context"

// Store is a cluster.
type Store interface {
	// Put stores value under key.
	Put(ctx context.Context, key, value []byte) (Written, error)
	// Get reads key, linearizably unless stale is set.
	Get(ctx context.Context, key []byte, stale bool) (Read, error)
	// GetAny reads key linearizably at any node, which asks the leader where it must be.
	GetAny(ctx context.Context, key []byte) (Read, error)
	// Erase removes key.
	Erase(ctx context.Context, key []byte) (Erased, error)
	// CompareAndSet stores value if the key is as expected.
	CompareAndSet(ctx context.Context, key, value []byte, expect Expect) (Swap, error)
	// GetMany reads keys, each for itself: not at one moment. The results are in the order of the keys. If err is not nil, each
	// result has its own.
	GetMany(ctx context.Context, keys [][]byte, mode Mode) ([]ReadOne, error)
	// PutMany stores values under different keys, each for itself: it is not atomic. The results are as those of GetMany;
	// err is NotApplied or Denied only if nothing was changed.
	PutMany(ctx context.Context, pairs []Pair) ([]WrittenOne, error)
	// Scan reads a page of the keys that begin with prefix, from where cursor says, nil at first: at most limit of them, 0
	// leaves that to the node. The pages together are no snapshot; keys ascend within a partition only.
	Scan(ctx context.Context, prefix, cursor []byte, limit int, mode Mode) (Page, error)
	// Status asks every node for what it knows of itself.
	Status(ctx context.Context) ([]NodeReport, error)
	// Close gives up the connections.
	Close() error
}

// Written is the answer to a Put.
type Written struct {
	// Version the key got; versions of a key grow.
	Version uint64
	Place   Place
}

// Read is the answer to a Get.
type Read struct {
	Found   bool
	Value   []byte
	Version uint64
	// LagMS of a stale read: milliseconds since the node last knew itself to be up to date.
	LagMS uint64
	Place Place
}

// Erased is the answer to an Erase.
type Erased struct {
	// Found tells whether there was a value to remove.
	Found bool
	// Version of the removal, 0 if there was nothing to remove.
	Version uint64
	Place   Place
}

// Swap is the answer to a CompareAndSet.
type Swap struct {
	// Swapped tells whether the condition held and the value was stored.
	Swapped bool
	// Version written, or, if not swapped, the actual one.
	Version uint64
	// Found and Value are what the key holds if not swapped.
	Found bool
	Value []byte
	Place Place
}

// Place is where in the log of which partition a call took effect, and the node
// that answered; the numbers are 0 where they are not known.
type Place struct {
	Partition, Index, Node uint64
}

// Expect is the condition of a CompareAndSet: exactly one of its fields counts,
// the first that is set.
type Expect struct {
	Absent  bool
	Version uint64
	// Value is the condition if neither of the others is set. An empty value is one.
	Value []byte
}
