package netsim

import (
	"maps"
	"path"
	"slices"

	"github.com/holdfastdb/holdfast/kv/env"
)

// FileState describes one file for audits.
type FileState struct {
	Path         string
	Size         int64 // that reads see
	DurableSize  int64 // that certainly survives, when the name does
	DurableName  bool  // the name certainly survives and means this file
	UnsyncedSize int64 // bytes written and not synced
}

// Files lists all visible files, sorted by path.
func (d *Disk) Files() []FileState {
	var files []FileState
	var walk func(at string, n *inode)
	walk = func(at string, n *inode) {
		for _, name := range sortedNames(n.children) {
			child, p := n.children[name], path.Join(at, name)
			if child.dir {
				walk(p, child)
				continue
			}
			files = append(files, FileState{
				Path: p, Size: int64(len(child.data)), DurableSize: int64(len(child.durable)),
				DurableName: d.lookup(p, true) == child, UnsyncedSize: int64(len(child.buf)),
			})
		}
	}
	walk("/", d.root)
	return files
}

// DurableBytes returns what of a file certainly survives a power loss now; ok is
// false when its name does not. The bytes are only valid until the next
// operation on the disk, and must not be changed.
func (d *Disk) DurableBytes(name string) (b []byte, ok bool) {
	if n := d.lookup(name, true); n != nil && !n.dir {
		return n.durable, true
	}
	return nil, false
}

// VisibleBytes returns what reads of a file see, under the rules of DurableBytes.
func (d *Disk) VisibleBytes(name string) (b []byte, ok bool) {
	if n := d.lookup(name, false); n != nil && !n.dir {
		return n.data, true
	}
	return nil, false
}

// DurableView returns a read-only file system with what certainly survives a
// power loss now. It is only valid until the next operation on the disk, and
// costs time in proportion to the number of files, not to their sizes.
func (d *Disk) DurableView() env.FS {
	v := &Disk{stats: new(Stats), readOnly: true, locks: make(map[string]bool)}
	var view func(n *inode) *inode
	view = func(n *inode) *inode {
		if !n.dir {
			return &inode{id: n.id, mod: n.mod, data: n.durable, durable: n.durable}
		}
		c := &inode{id: n.id, dir: true, mod: n.mod, children: make(map[string]*inode, len(n.synced))}
		for name, child := range n.synced {
			c.children[name] = view(child)
		}
		c.synced = c.children
		return c
	}
	v.root = view(d.root)
	return v
}

// Clone returns a copy of the disk with all its unsynced state. The copy belongs
// to no process and has no faults, no fuse and counters of its own.
func (d *Disk) Clone() *Disk {
	c := &Disk{
		cfg: d.cfg, seed: d.seed, stats: new(Stats), lastInode: d.lastInode, lastSync: d.lastSync,
		locks: make(map[string]bool), losses: d.losses, used: d.used,
	}
	seen := make(map[*inode]*inode)
	var dup func(n *inode) *inode
	dup = func(n *inode) *inode {
		if n == nil {
			return nil
		}
		if have := seen[n]; have != nil {
			return have
		}
		m := *n
		seen[n] = &m
		m.data, m.durable = slices.Clone(n.data), slices.Clone(n.durable)
		m.pending, m.buf = slices.Clone(n.pending), slices.Clone(n.buf)
		m.children, m.synced = maps.Clone(n.children), maps.Clone(n.synced)
		for name, child := range m.children {
			m.children[name] = dup(child)
		}
		for name, child := range m.synced {
			m.synced[name] = dup(child)
		}
		return &m
	}
	c.root = dup(d.root)
	for _, op := range d.dirLog {
		set := slices.Clone(op.set)
		for i, a := range set {
			set[i] = assignment{dup(a.dir), a.name, dup(a.node)}
		}
		c.dirLog = append(c.dirLog, dirOp{set: set})
	}
	return c
}

// Reseed gives the disk another seed for its power losses, so that several
// outcomes can be had from clones.
func (d *Disk) Reseed(seed uint64) { d.seed = Derive(seed, "disk") }
