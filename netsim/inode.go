package netsim

// grow makes b at least size bytes long.
func grow(b []byte, size int) []byte {
	if n := size - len(b); n > 0 {
		return append(b, make([]byte, n)...)
	}
	return b
}

// write makes bytes visible and remembers them as not synced.
func (n *inode) write(p []byte, off int) {
	n.data = grow(n.data, off+len(p))
	copy(n.data[off:], p)
	n.pending = append(n.pending, pendingWrite{off: off, start: len(n.buf), n: len(p)})
	n.buf = append(n.buf, p...)
}

// sync makes the visible content of all written sectors durable. Sectors go to
// disk whole, as the cache has them.
func (n *inode) sync(d *Disk) {
	if len(n.pending) == 0 {
		return
	}
	d.lastSync++
	n.syncedAt, n.newest = d.lastSync, n.pending[0].off
	for _, w := range n.pending {
		n.newest = min(n.newest, w.off)
	}
	n.durable = grow(n.durable, len(n.data))
	for _, w := range n.pending {
		lo, hi := sectorsOf(w.off, w.n)
		copy(n.durable[lo*SectorSize:], n.data[lo*SectorSize:min(hi*SectorSize, len(n.data))])
	}
	n.settled()
}

// settled forgets the unsynced writes.
func (n *inode) settled() {
	n.pending, n.buf = n.pending[:0], n.buf[:0]
}

// dropDirty is what a failed sync does: the writes count as clean, later syncs do
// not write them again, yet reads still see them. It returns their bytes.
func (n *inode) dropDirty() int {
	size := len(n.buf)
	n.settled()
	return size
}

// sectorsOf returns the sectors [lo, hi) that n bytes at an offset touch.
func sectorsOf(off, n int) (lo, hi int) {
	return off / SectorSize, (off + n + SectorSize - 1) / SectorSize
}

// syncDir makes all changes in a directory durable.
func (d *Disk) syncDir(dir *inode) {
	kept := d.dirLog[:0]
	for _, op := range d.dirLog {
		rest := op.set[:0]
		for _, a := range op.set {
			if a.dir == dir {
				a.durably()
			} else {
				rest = append(rest, a)
			}
		}
		if op.set = rest; len(rest) > 0 {
			kept = append(kept, op)
		}
	}
	clear(d.dirLog[len(kept):])
	d.dirLog = kept
}

// durably carries the assignment out in the durable tree.
func (a assignment) durably() {
	if a.node != nil {
		a.dir.synced[a.name] = a.node
	} else {
		delete(a.dir.synced, a.name)
	}
}
