package netsim

import (
	"errors"
	"io/fs"
	"path"
	"strings"
	"syscall"

	"github.com/cespare/xxhash/v2"

	"github.com/holdfastdb/holdfast/kv/env"
)

// SectorSize is the unit in which a power loss keeps or loses data, in bytes.
const SectorSize = 512

// ErrCrashed is what a disk answers once its machine has crashed, and what file
// handles of an earlier incarnation answer.
var ErrCrashed = errors.New("netsim: the machine has crashed")

// Disk is a simulated disk with a file system; it implements env.FS. Written
// bytes are visible at once and durable after a sync of the file; created,
// renamed and removed names are durable after a sync of their directory. Like all
// of the world it is not safe for concurrent use, so Pebble cannot run on it.
type Disk struct {
	cfg   DiskConfig
	seed  uint64
	stats *Stats
	own   DiskStats
	w     *World     // nil for a disk of its own
	owner env.NodeID // 0 for a disk of its own

	root      *inode
	lastInode uint64
	dirLog    []dirOp // unsynced directory changes, in order
	locks     map[string]bool
	epoch     uint64 // crashes and wipes so far; handles of other epochs are dead
	losses    uint64 // power losses so far
	ops       uint64 // mutating operations so far
	used      int64
	readOnly  bool

	armed bool // the fuse is armed
	fuse  int  // operations it still lets pass
	blown bool

	faults     []*Fault
	misdirects []*Misdirection
	lastSync   uint64 // syncs of files so far that wrote something
}

var _ env.FS = (*Disk)(nil)

// inode is a file or a directory.
type inode struct {
	id    uint64
	dir   bool
	links int
	mod   env.Instant
	mark  uint64 // last power loss that has dealt with it

	// Of a file.
	data    []byte // what reads see
	durable []byte // what certainly survives
	pending []pendingWrite
	buf     []byte // the bytes of pending
	alloc   int64  // reserved space, at least len(data)
	// newest is the lowest offset that the last sync wrote, syncedAt its number.
	newest   int
	syncedAt uint64

	// Of a directory.
	children map[string]*inode
	synced   map[string]*inode
}

// pendingWrite is a write that was not synced; its bytes are buf[start:start+n].
type pendingWrite struct{ off, start, n int }

// dirOp is one directory change; its assignments are kept or lost together.
type dirOp struct{ set []assignment }

// assignment gives a name in a directory to a node, or to nothing.
type assignment struct {
	dir  *inode
	name string
	node *inode
}

// NewDisk returns an empty disk that belongs to no process. CrashAfterOps leaves
// it dead until Kill or PowerLoss.
func NewDisk(seed uint64, cfg DiskConfig) *Disk {
	d := &Disk{cfg: cfg, seed: Derive(seed, "disk"), stats: new(Stats)}
	d.format()
	return d
}

func newDisk(w *World, owner env.NodeID, cfg DiskConfig) *Disk {
	d := &Disk{cfg: cfg, seed: Derive(w.seed, "disk", uint64(owner)), stats: &w.stats, w: w, owner: owner}
	d.format()
	return d
}

func (d *Disk) format() {
	d.root = d.newInode(true)
	d.dirLog, d.used = nil, 0
	d.locks = make(map[string]bool)
}

func (d *Disk) newInode(dir bool) *inode {
	d.lastInode++
	n := &inode{id: d.lastInode, dir: dir}
	if dir {
		n.children = make(map[string]*inode)
		n.synced = make(map[string]*inode)
	}
	if d.w != nil {
		n.mod = d.w.now
	}
	return n
}

// SetConfig changes what power losses do, and the capacity, from now on.
func (d *Disk) SetConfig(cfg DiskConfig) { d.cfg = cfg }

// Stats returns the counters of a disk of its own, or those of the world.
func (d *Disk) Stats() Stats { return *d.stats }

// Ops is the number of mutating operations so far; with it, CrashAfterOps can be
// aimed at each of them in turn.
func (d *Disk) Ops() uint64 { return d.ops }

// Own returns what happened to this disk alone.
func (d *Disk) Own() DiskStats { return d.own }

// fused counts a crash by CrashAfterOps.
func (d *Disk) fused() {
	d.stats.FuseCrashes++
	d.own.FuseCrashes++
}

// noSpace counts an operation that found no room.
func (d *Disk) noSpace() {
	d.stats.NoSpace++
	d.own.NoSpace++
}

// CrashAfterOps lets k more mutating operations (create, write, sync, rename,
// remove, link, mkdir) pass. At the next one the power fails: it does
// nothing, it and everything after it fails with ErrCrashed, and the owner
// crashes as soon as its current callback or job returns. It stays armed across
// other crashes. A negative k disarms it.
func (d *Disk) CrashAfterOps(k int) {
	d.armed, d.fuse = k >= 0, k
}

// FuseArmed reports whether CrashAfterOps has not struck yet.
func (d *Disk) FuseArmed() bool { return d.armed }

// blow is the fuse's strike.
func (d *Disk) blow() {
	d.armed, d.blown = false, true
	if d.w == nil {
		d.fused()
		return
	}
	p := d.w.byID[d.owner]
	if !p.running {
		d.fused()
	}
	p.Crash(PowerLoss)
}

// Wipe empties the disk for good, as if it was replaced.
func (d *Disk) Wipe() {
	d.epoch++
	d.format()
	d.faults, d.misdirects = nil, nil
	d.stats.Wipes++
	d.note(KindFault, "wipe", 0, 0)
}

// SetCapacity changes the size of the disk; 0 is unlimited. What is there stays.
func (d *Disk) SetCapacity(bytes int64) {
	d.cfg.Capacity = bytes
	d.note(KindFault, "capacity", 0, uint64(bytes))
}

// Used is the space taken, in bytes.
func (d *Disk) Used() int64 { return d.used }

// reserve grows what the file takes to size bytes and reports how many of them
// there is room for.
func (d *Disk) reserve(n *inode, size int64) int64 {
	if size <= n.alloc || n.links == 0 {
		return size
	}
	if limit := d.cfg.Capacity; limit > 0 && d.used+size-n.alloc > limit {
		size = n.alloc + max(limit-d.used, 0)
	}
	d.used += size - n.alloc
	n.alloc = size
	return size
}

func (d *Disk) release(n *inode) {
	n.links--
	if n.links == 0 {
		d.used -= n.alloc
		n.alloc = 0
	}
}

// note traces something that happened to the disk.
func (d *Disk) note(kind Kind, what string, size int, detail uint64) {
	w := d.w
	if w == nil {
		return
	}
	w.record(kind, 0, d.owner, mix(detail, xxhash.Sum64String(what)))
	if w.Sink != nil {
		w.emit(Event{Kind: kind, To: d.owner, Size: size, Note: what})
	}
}

// op admits one operation on a path, or fails it.
func (d *Disk) op(op Op, name string) error { return d.opAt(op, name, span{}) }

// opAt is op for an operation that concerns a part of a file.
func (d *Disk) opAt(op Op, name string, at span) error {
	if d.blown {
		return ErrCrashed
	}
	if op&mutating != 0 {
		if d.readOnly {
			return syscall.EROFS
		}
		if d.armed {
			if d.fuse == 0 {
				d.blow()
				return ErrCrashed
			}
			d.fuse--
		}
		d.ops++
		d.stats.DiskOps++
	}
	if len(d.faults) > 0 {
		return d.fault(op, name, at)
	}
	return nil
}

// clean makes a path absolute and canonical.
func clean(name string) string { return path.Clean("/" + name) }

// lookup returns the node under a path in the visible or the durable tree, or nil.
func (d *Disk) lookup(name string, durable bool) *inode {
	n := d.root
	for rest := clean(name)[1:]; rest != ""; {
		var part string
		part, rest, _ = strings.Cut(rest, "/")
		if !n.dir {
			return nil
		}
		if durable {
			n = n.synced[part]
		} else {
			n = n.children[part]
		}
		if n == nil {
			return nil
		}
	}
	return n
}

// parent returns the directory a path is in, and the name there.
func (d *Disk) parent(op, name string) (*inode, string, error) {
	dir, base := path.Split(clean(name))
	if base == "" {
		return nil, "", pathError(op, name, fs.ErrInvalid)
	}
	n := d.lookup(dir, false)
	switch {
	case n == nil:
		return nil, "", pathError(op, name, fs.ErrNotExist)
	case !n.dir:
		return nil, "", pathError(op, name, syscall.ENOTDIR)
	}
	return n, base, nil
}

// assign carries out a directory change and remembers that it is not synced.
func (d *Disk) assign(set ...assignment) {
	for _, a := range set {
		if old := a.dir.children[a.name]; old != nil {
			d.release(old)
		}
		if a.node != nil {
			a.node.links++
			a.dir.children[a.name] = a.node
		} else {
			delete(a.dir.children, a.name)
		}
	}
	d.dirLog = append(d.dirLog, dirOp{set: set})
}

func pathError(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: err}
}
