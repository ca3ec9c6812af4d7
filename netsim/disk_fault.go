package netsim

import (
	"errors"
	"fmt"
	"io/fs"
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
	Err   error  // what they fail with; nil means EIO
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

// FailReads makes all reads of matching files fail with EIO from now on.
func (d *Disk) FailReads(match string) *Fault {
	return d.Inject(Fault{Ops: OpRead, Match: match})
}

// fault returns the error of the first fault that matches the operation.
func (d *Disk) fault(op Op, name string) error {
	for _, f := range d.faults {
		if f.Ops&op == 0 || !strings.Contains(name, f.Match) || f.Count > 0 && f.Hits >= f.Count {
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

// misdirect is a write that is to land elsewhere.
type misdirect struct {
	match string
	delta int64
}

// MisdirectNextWrite makes the next write to a matching file land delta bytes
// from where it should, at the start of the file at the lowest.
func (d *Disk) MisdirectNextWrite(match string, delta int64) {
	d.misdirects = append(d.misdirects, misdirect{match, delta})
	d.note(KindFault, "misdirect "+match, 0, uint64(delta))
}

// redirect returns where a write to an offset lands.
func (d *Disk) redirect(name string, off int64) int64 {
	for i, m := range d.misdirects {
		if strings.Contains(name, m.match) {
			d.misdirects = append(d.misdirects[:i], d.misdirects[i+1:]...)
			d.stats.Misdirected++
			d.note(KindDiskFault, "misdirect "+name, 0, uint64(off))
			return max(off+m.delta, 0)
		}
	}
	return off
}

// damaged returns the file to damage at rest.
func (d *Disk) damaged(name string, off int64) (*inode, error) {
	n := d.lookup(name, false)
	switch {
	case n == nil:
		return nil, pathError("damage", name, fs.ErrNotExist)
	case n.dir || off < 0 || off > int64(len(n.data)):
		return nil, pathError("damage", name, fs.ErrInvalid)
	}
	return n, nil
}

// FlipBit inverts one bit at rest: what reads see and what is durable both change.
func (d *Disk) FlipBit(name string, off int64, bit int) error {
	n, err := d.damaged(name, off)
	if err != nil {
		return err
	}
	if off == int64(len(n.data)) || bit < 0 || bit > 7 {
		return pathError("damage", name, fs.ErrInvalid)
	}
	n.data[off] ^= 1 << bit
	if off < int64(len(n.durable)) {
		n.durable[off] ^= 1 << bit
	}
	d.stats.BitFlips++
	d.note(KindFault, "flip "+name, 0, uint64(off)<<3|uint64(bit))
	return nil
}

// FlipRandomBit inverts one bit of one of the files that match, each bit being
// equally likely, and returns where; ok is false when there is none.
func (d *Disk) FlipRandomBit(match string, draw uint64) (name string, off int64, bit int, ok bool) {
	var total uint64
	files := d.Files()
	for _, f := range files {
		if strings.Contains(f.Path, match) {
			total += uint64(f.Size)
		}
	}
	if total == 0 {
		return "", 0, 0, false
	}
	at := draw % (total * 8)
	for _, f := range files {
		if !strings.Contains(f.Path, match) {
			continue
		}
		if at < uint64(f.Size)*8 {
			name, off, bit = f.Path, int64(at/8), int(at%8)
			break
		}
		at -= uint64(f.Size) * 8
	}
	return name, off, bit, d.FlipBit(name, off, bit) == nil
}

// Truncate cuts a file off at rest.
func (d *Disk) Truncate(name string, size int64) error {
	n, err := d.damaged(name, size)
	if err != nil {
		return err
	}
	n.data = n.data[:size:size]
	n.durable = n.durable[:min(size, int64(len(n.durable)))]
	n.settled()
	d.stats.Truncations++
	d.note(KindFault, "truncate "+name, 0, uint64(size))
	return nil
}
