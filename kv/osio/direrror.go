package osio

import (
	"errors"
	"fmt"
)

// Reasons why a data directory is refused; a *DirError wraps one of them.
var (
	// ErrDirLocked: another process, or this one, uses the directory.
	ErrDirLocked = errors.New("the data directory is in use")
	// ErrDirEmpty: there is no data and the caller did not say that the node is new.
	ErrDirEmpty = errors.New("the data directory is empty or missing")
	// ErrDirForeign: there are files, and they are not Holdfast's.
	ErrDirForeign = errors.New("the directory holds something else")
	// ErrDirOtherNode: the directory belongs to another node of the cluster.
	ErrDirOtherNode = errors.New("the data directory belongs to another node")
	// ErrDirOtherCluster: the directory belongs to a node of another cluster.
	ErrDirOtherCluster = errors.New("the data directory belongs to another cluster")
	// ErrDirOtherKind: the directory belongs to a cluster with partitions, and this node's has none, or the other way
	// round.
	ErrDirOtherKind = errors.New("the data directory belongs to another kind of cluster")
	// ErrDirNewerFormat: a newer version of Holdfast wrote the directory.
	ErrDirNewerFormat = errors.New("the data directory has a newer format")
	// ErrDirBadIdentity: the IDENTITY file cannot be understood.
	ErrDirBadIdentity = errors.New("the IDENTITY file is damaged")
	// ErrDirDataMissing: the log or the engine was there once and is gone.
	ErrDirDataMissing = errors.New("the node's data is gone")
)

// DirError says why a data directory cannot be used and what to do next.
type DirError struct {
	// Dir is the directory.
	Dir string
	// Reason is one of the ErrDir values, or the error of the file system.
	Reason error
	// Detail says what was found; it may be empty.
	Detail string
	// Next says what to do.
	Next string
}

func (e *DirError) Error() string {
	msg := fmt.Sprintf("cannot open data directory %s: %v", e.Dir, e.Reason)
	if e.Detail != "" {
		msg += " (" + e.Detail + ")"
	}
	return msg + "; " + e.Next
}

func (e *DirError) Unwrap() error { return e.Reason }
