package netsim

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// Op is a set of kinds of disk operations.
type Op uint32

// The kinds of disk operations.
const (
	OpCreate Op = 1 << iota
	OpWrite
	OpSync    // of a file
	OpSyncDir // of a directory
	OpRename
	OpRemove
	OpLink
	OpMkdir
	OpPreallocate
	OpRead
	OpOpen
	OpList
	OpStat

	mutating = OpCreate | OpWrite | OpSync | OpSyncDir | OpRename | OpRemove | OpLink | OpMkdir | OpPreallocate
)

// Fault makes operations fail. Give it to Disk.Inject.
type Fault struct {
	Ops   Op     // which operations
	Match string // part of the path of the file, as it was opened; empty matches all
	Skip  int    // let that many matching operations pass first
	Count int    // fail that many; 0 means all from then on
	// From and To limit reads and writes to those that touch bytes From to To-1 of the
	// file; a To of 0 means its end.
	From, To int64
	Err      error // what they fail with; nil means EIO
	// Partial makes a failing write write half of its bytes first.
	Partial bool
	// KeepDirty keeps the unsynced bytes of a file whose sync fails. By default
	// they count as clean afterwards though they never reached the disk, as on
	// Linux: a second sync succeeds and does not write them.
	KeepDirty bool
	// Lie makes writes and syncs claim success and do nothing.
	Lie bool
	// Hits is how often the fault has struck.
	Hits int
}

// faultError carries the fault along with the error it caused.
type faultError struct {
	err   error
	fault *Fault
}

func (e *faultError) Error() string { return e.err.Error() }
func (e *faultError) Unwrap() error { return e.err }

// faultIn returns the injected fault behind an error, or nil.
func faultIn(err error) *Fault {
	var e *faultError
	if errors.As(err, &e) {
		return e.fault
	}
	return nil
}

// Injected reports whether an error was caused by Disk.Inject.
func Injected(err error) bool { return faultIn(err) != nil }

// Inject adds a fault, after those that are there. The first that matches an
// operation decides.
func (d *Disk) Inject(f Fault) *Fault {
	if f.Err == nil {
		f.Err = syscall.EIO
	}
	d.faults = append(d.faults, &f)
	d.note(KindFault, fmt.Sprintf("inject %+v", f), 0, 0)
	return &f
}

// Eject takes a fault away; nil takes all.
func (d *Disk) Eject(f *Fault) {
	kept := d.faults[:0]
	for _, g := range d.faults {
		if f != nil && g != f {
			kept = append(kept, g)
		}
	}
	clear(d.faults[len(kept):])
	d.faults = kept
	d.note(KindFault, "eject", 0, uint64(len(kept)))
}

// FailNextWrite makes the next write to a matching file fail with EIO.
func (d *Disk) FailNextWrite(match string) *Fault {
	return d.Inject(Fault{Ops: OpWrite, Match: match, Count: 1})
}

// FailNextSync makes the next sync of a matching file fail with EIO, and drops
// what it should have written.
func (d *Disk) FailNextSync(match string) *Fault {
	return d.Inject(Fault{Ops: OpSync, Match: match, Count: 1})
}

// FailNextRead makes the next read of a matching file fail with EIO.
func (d *Disk) FailNextRead(match string) *Fault {
	return d.Inject(Fault{Ops: OpRead, Match: match, Count: 1})
}

// FailReads makes all reads of matching files fail with EIO from now on.
func (d *Disk) FailReads(match string) *Fault {
	return d.Inject(Fault{Ops: OpRead, Match: match})
}

// span is the bytes from to to-1 of a file.
type span struct{ from, to int64 }

// covers reports whether the fault is one for these bytes. An operation without bytes
// is not limited.
func (f *Fault) covers(at span) bool {
	return at.from == at.to || at.to > f.From && (f.To == 0 || at.from < f.To)
}

// fault returns the error of the first fault that matches the operation.
func (d *Disk) fault(op Op, name string, at span) error {
	for _, f := range d.faults {
		if f.Ops&op == 0 || !strings.Contains(name, f.Match) || f.Count > 0 && f.Hits >= f.Count || !f.covers(at) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			return nil
		}
		f.Hits++
		switch {
		case f.Lie:
			d.stats.SilentLies++
		case op == OpWrite:
			d.stats.WriteErrors++
		case op&(OpSync|OpSyncDir) != 0:
			d.stats.SyncErrors++
		case op == OpRead:
			d.stats.ReadErrors++
		default:
			d.stats.MetaErrors++
		}
		d.note(KindDiskFault, name, 0, uint64(op))
		return &faultError{err: f.Err, fault: f}
	}
	return nil
}
