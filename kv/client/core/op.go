package core

import (
	"fmt"
	"time"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// OpID names one submitted operation for the life of its Core.
type OpID uint64

// Kind says what an operation does.
type Kind uint8

const (
	// Put stores Value under Key.
	Put Kind = iota + 1
	// Get reads Key.
	Get
	// Erase removes Key.
	Erase
	// CASVersion stores Value if the key's version is ExpectVersion (not 0).
	CASVersion
	// CASValue stores Value if the key's value equals ExpectValue.
	CASValue
	// PutIfAbsent stores Value if the key has no value.
	PutIfAbsent
	// Batch carries out Items atomically: all conditions hold, or nothing is done. In a sharded
	// cluster they must be of one partition.
	Batch
	// MultiGet reads the keys of Items, in any partitions. Each key is read linearizably (unless
	// Stale), but not all at one moment.
	MultiGet
	// MultiPut carries out Items, puts and erases of keys that are all different, in any
	// partitions. It is NOT atomic: each item ends for itself, which Result.Items tells.
	MultiPut
	// Scan reads a page of the keys that begin with Prefix, from Cursor on.
	Scan
)

// String names the kind as errors do.
func (k Kind) String() string {
	switch k {
	case Put:
		return "put"
	case Get:
		return "get"
	case Erase:
		return "erase"
	case CASVersion:
		return "compare-and-set by version"
	case CASValue:
		return "compare-and-set by value"
	case PutIfAbsent:
		return "put-if-absent"
	case Batch:
		return "batch"
	case MultiGet:
		return "multi-get"
	case MultiPut:
		return "multi-put"
	case Scan:
		return "scan"
	}
	return fmt.Sprintf("operation %d", uint8(k))
}

// Item is one part of a batch, a MultiGet or a MultiPut. In a batch, Kind is any of Put to
// PutIfAbsent, and a batch of Gets only is a read; in a MultiGet it is Get, in a MultiPut Put or
// Erase.
type Item struct {
	Kind          Kind
	Key           []byte
	Value         []byte
	ExpectVersion uint64
	ExpectValue   []byte
}

// Op is an operation to carry out.
type Op struct {
	Kind  Kind
	Key   []byte
	Value []byte
	// ExpectVersion belongs to CASVersion, ExpectValue to CASValue.
	ExpectVersion uint64
	ExpectValue   []byte
	// Items belongs to Batch, MultiGet and MultiPut.
	Items []Item
	// Prefix, Limit and Cursor belong to Scan. An empty Prefix stands for all keys. Limit bounds
	// the pairs of the page; 0 leaves it to the node, which may return fewer in any case. Cursor is
	// empty for the first page, then what the page before returned, to a scan of the same Prefix.
	Prefix []byte
	Limit  int
	Cursor []byte
	// Stale lets any endpoint answer a read from what it has applied.
	Stale bool
	// Follower lets any endpoint answer a read, linearizably all the same: one that does not
	// lead asks the leader up to where it must have applied (dissertation §6.4). Such reads
	// are spread over the endpoints. It excludes Stale.
	Follower bool
	// NoSession sends a write outside the session: nothing protects it from being
	// applied twice, so it is not sent again once it may have been applied.
	NoSession bool
	// Deadline is when to give up; 0 means never.
	Deadline env.Instant
	// Tag is handed back in the Completion.
	Tag any
}

// isRead tells whether the operation changes nothing.
func (o *Op) isRead() bool {
	switch o.Kind {
	case Get, MultiGet, Scan:
		return true
	case Batch:
		for i := range o.Items {
			if o.Items[i].Kind != Get {
				return false
			}
		}
		return true
	}
	return false
}

// anywhere tells whether the operation need not go to the leader.
func (o *op) anywhere() bool { return o.read && (o.spec.Stale || o.spec.Follower) }

// Outcome says what is known of an operation (DESIGN §1.4).
type Outcome uint8

const (
	// OK: answered; for a write, decided exactly once (also if its condition failed).
	OK Outcome = iota + 1
	// Failed: certainly not applied, now or later.
	Failed
	// Unknown: a write that was applied once or not at all, possibly later. A MultiPut also ends so
	// if its items did not all end alike.
	Unknown
)

// String names the outcome.
func (o Outcome) String() string {
	switch o {
	case OK:
		return "ok"
	case Failed:
		return "failed, not applied"
	case Unknown:
		return "outcome unknown"
	}
	return fmt.Sprintf("outcome %d", uint8(o))
}

// ItemResult is the result of one item.
type ItemResult struct {
	// Found: a get, whether there is a value; an erase, whether there was one; with a
	// failed condition, whether the key has a value.
	Found bool
	// Applied says that the item changed the store.
	Applied bool
	// Version is that of the value read or written, or of the actual value if the
	// condition failed.
	Version uint64
	// Value is what was read, or the actual value if the condition failed.
	Value []byte

	// What follows is set for the items of a MultiGet or MultiPut only, which end for themselves.

	// Outcome tells how the item ended, and Err why, if it is not OK (an *Error).
	Outcome Outcome
	Err     error
	// Partition, Index and Node are to the item what those of Result are to the operation.
	Partition, Index, Node uint64
}

// Pair is a key that a scan found.
type Pair struct {
	Key, Value []byte
	Version    uint64
}

// Result is what an operation that ended OK returned.
type Result struct {
	// ItemResult is that of a single operation, or of a batch's first item.
	ItemResult
	// ConditionFailed says that a condition did not hold, so nothing was changed.
	ConditionFailed bool
	// Items has one result for each item of a batch, a MultiGet or a MultiPut.
	Items []ItemResult
	// Pairs are a page of a scan, ascending, as all of them are at Index of Partition. A page may
	// be empty though there are more.
	Pairs []Pair
	// Cursor is where the next page of a scan begins, nil if there is none.
	Cursor []byte
	// Partition and Index are the place of a write in its partition's log, or the
	// applied index a read was served at.
	Partition, Index uint64
	// Lag of a stale read: how long ago the replica last knew itself up to date.
	Lag time.Duration
	// Duplicate says that the answer is the saved one of an earlier attempt.
	Duplicate bool
	// Endpoint and Node tell who answered.
	Endpoint int
	Node     uint64
}

// Completion ends one operation.
type Completion struct {
	Op      OpID
	Tag     any
	Outcome Outcome
	// Result is set if Outcome is OK. Of a MultiGet or MultiPut that ends otherwise, Result.Items is
	// set all the same; it is nil if nothing was begun, and then all items ended as the operation did.
	Result Result
	// Err is set if it is not.
	Err *Error
}

// Send is a request for an endpoint. The shell may drop it, which it
// reports with Disconnected or not at all.
type Send struct {
	Endpoint int
	Request  *kvpb.Request
}

// Dial asks the shell to connect to an endpoint that a hint or the routing table named. Its number is
// the next one, or that of an endpoint the shell reported as Closed.
type Dial struct {
	Endpoint int
	Address  string
}

// Output is what the shell has to do. Its slices are valid until the
// next call of Core.Output.
type Output struct {
	Sends []Send
	Done  []Completion
	Dials []Dial
	// Hangups are endpoints to disconnect from for good, once what is queued for them is sent. The
	// shell reports Closed when it has. There are none unless Config.Sharded.
	Hangups []int
}
