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
		"acknowledge: keep the directory, put undamaged files back if there are any, and keep the other "+
		"nodes running, which are enough as long as they are a majority; never start this node with an "+
		"empty directory, it would forget its votes",
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

// FormatError says that an intact segment has a format this program does not know.
type FormatError struct {
	File          string
	Version       uint32
	NewestVersion uint32 // the newest this program reads
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("%s has log format %d, but this program reads formats up to %d; "+
		"start a newer holdfast, or the one that wrote it", e.File, e.Version, e.NewestVersion)
}

// ErrNoEntries is what ReadEntries answers, wrapped, when the log does not hold
// the first entry asked for.
var ErrNoEntries = errors.New("not in the log")

// ErrClosed is returned by calls after Close.
var ErrClosed = errors.New("wal: the log is closed")

func noEntries(g raft.GroupID, lo, last uint64) error {
	return fmt.Errorf("wal: group %d: entry %d: %w (it ends at %d)", g, lo, ErrNoEntries, last)
}

// failed describes the input or output error that ends the use of a log.
func failed(op, file string, offset int64, err error) error {
	return fmt.Errorf("wal: %s %s at offset %d: %w; the log is stopped, since what the disk holds is now "+
		"uncertain: check the disk, then restart the node", op, file, offset, err)
}
