package wal

import (
	"errors"
	"fmt"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/raft"
)

// CorruptError says that bytes which had been durable are damaged or gone. The
// node may have voted or acknowledged on the strength of them, so it must not
// go on from what is left.
type CorruptError struct {
	File   string
	Offset int64 // in bytes from the start of File
	Reason string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("the log is damaged: %s at offset %d: %s; this node's replicas must neither vote nor "+
		"acknowledge any more: a node that starts with it sets its data aside and has its group replace its "+
		"replicas, for which the other nodes must be a majority",
		e.File, e.Offset, e.Reason)
}

// WrongOwnerError says that an intact segment belongs to another node or cluster.
type WrongOwnerError struct {
	File                 string
	Cluster, WantCluster uint64
	Node, WantNode       env.NodeID
}

func (e *WrongOwnerError) Error() string {
	return fmt.Sprintf("%s was written by node %d of cluster %d, but this is node %d of cluster %d; "+
		"start with the data directory of this node, or with an empty one to join anew",
		e.File, e.Node, e.Cluster, e.WantNode, e.WantCluster)
}

// FormatError says that an intact segment has a format this program does not read: an
// older one, which only unreleased versions wrote, or a newer one.
type FormatError struct {
	File    string
	Version uint32
	Reads   uint32 // the one format this program reads
}

func (e *FormatError) Error() string {
	remedy := "start a newer holdfast, or the one that wrote it"
	if e.Version < e.Reads {
		remedy = "start the holdfast that wrote it; to go on with this one, stop all nodes, set their data directories " +
			"aside, and begin with a new cluster: there is no conversion"
	}
	return fmt.Sprintf("%s has log format %d, but this program reads format %d only; %s", e.File, e.Version, e.Reads, remedy)
}

// ErrNoEntries is what ReadEntries answers, wrapped, when the log does not hold
// the first entry asked for.
var ErrNoEntries = errors.New("not in the log")

// ErrCompacted is what ReadEntries answers, wrapped, when the first entry asked for is at
// or below the group's mark: the state machine covers it.
var ErrCompacted = errors.New("compacted")

// ErrMissing is what Open answers, wrapped, when Options.MustExist is set and there is no log.
var ErrMissing = errors.New("the log is missing")

// ErrClosed is returned by calls after Close.
var ErrClosed = errors.New("wal: the log is closed")

func missing(dir string) error {
	return fmt.Errorf("wal: %w: %s holds no segment that was ever written, though this node had a log there; put the original files "+
		"back; if they are lost, let the node rejoin: as it forgot its votes and acknowledgements, its group replaces its "+
		"replicas, for which the other nodes must be a majority", ErrMissing, dir)
}

func noEntries(g raft.GroupID, lo, last uint64) error {
	return fmt.Errorf("wal: group %d: entry %d: %w (it ends at %d)", g, lo, ErrNoEntries, last)
}

func compacted(g raft.GroupID, lo, mark uint64) error {
	return fmt.Errorf("wal: group %d: entry %d: %w (the log starts after %d)", g, lo, ErrCompacted, mark)
}

// failed describes the input or output error that ends the use of a log.
func failed(op, file string, offset int64, err error) error {
	return fmt.Errorf("wal: %s %s at offset %d: %w; the log is stopped, since what the disk holds is now "+
		"uncertain: check the disk, then restart the node", op, file, offset, err)
}
