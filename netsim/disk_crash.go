package netsim

import (
	"bytes"
	"slices"
)

// Kill ends all open files and locks of the disk, as the end of the process that
// uses it does. Unsynced data stays.
func (d *Disk) Kill() { d.crash(ProcessKill) }

// PowerLoss is Kill and the loss of what was not synced, or of some of it.
func (d *Disk) PowerLoss() {
	d.stats.PowerLosses++
	d.crash(PowerLoss)
}

// crash is what a crash of the machine does to the disk.
func (d *Disk) crash(mode CrashMode) {
	d.epoch++
	clear(d.locks)
	d.forgetMisdirected()
	if mode == PowerLoss {
		d.lose()
	}
	d.blown = false
}

// loss is one power loss in progress.
type loss struct {
	d      *Disk
	rnd    uint64
	keep   float64
	prefix bool
}

var defaultKeep = []float64{0, 0.1, 0.5, 0.9, 1}

// lose decides what a power loss leaves: first of the names, then of the contents
// of the files that are still there.
func (d *Disk) lose() {
	d.losses++
	l := &loss{d: d, rnd: mix(d.seed, d.losses)}
	keep := d.cfg.Keep
	if len(keep) == 0 {
		keep = defaultKeep
	}
	l.keep = keep[below(&l.rnd, len(keep))]
	l.prefix = chance(&l.rnd, d.cfg.Prefix) && l.keep > 0 && l.keep < 1
	l.names()
	d.used = 0
	l.tree(d.root)
	d.note(KindDisk, "power-loss", 0, l.rnd)
}

// names decides for each directory change whether it is kept.
func (l *loss) names() {
	d := l.d
	first := len(d.dirLog) // of the lost ones in prefix order
	if l.prefix && first > 0 {
		first = below(&l.rnd, first+1)
	}
	for i, op := range d.dirLog {
		kept := i < first
		if !l.prefix {
			kept = chance(&l.rnd, l.keep)
		}
		if !kept {
			d.stats.LostDirEntries++
			continue
		}
		d.stats.KeptDirEntries++
		for _, a := range op.set {
			a.durably()
		}
	}
	clear(d.dirLog)
	d.dirLog = d.dirLog[:0]
}

// tree makes what is durable visible, in everything that can be reached.
func (l *loss) tree(n *inode) {
	if n.mark == l.d.losses {
		n.links++
		return
	}
	n.mark, n.links = l.d.losses, 1
	if !n.dir {
		l.file(n)
		n.alloc = int64(len(n.data))
		l.d.used += n.alloc
		return
	}
	clear(n.children)
	for _, name := range sortedNames(n.synced) {
		child := n.synced[name]
		n.children[name] = child
		l.tree(child)
	}
}

// file decides what is left of a file. The draws are keyed by the file, so they
// do not depend on the other files.
func (l *loss) file(n *inode) {
	if len(n.pending) > 0 {
		rnd := mix(l.rnd, n.id)
		c := &contents{l: l, n: n, rnd: rnd, before: len(n.durable), pieces: make([]int, len(n.pending))}
		if l.prefix {
			c.keepPrefix()
		} else {
			c.keepSectors()
		}
		c.size()
		c.count()
		n.settled()
	}
	if !bytes.Equal(n.data, n.durable) {
		n.data = append([]byte(nil), n.durable...)
	}
}

// contents is the loss of one file's unsynced writes. It builds what is left in
// n.durable.
type contents struct {
	l      *loss
	n      *inode
	rnd    uint64
	before int   // durable size before the loss
	end    int   // greatest end of what was kept
	pieces []int // kept sectors by write
}

// apply puts the part of write i that is in [lo, hi) on disk.
func (c *contents) apply(i, lo, hi int) {
	w := c.n.pending[i]
	lo, hi = max(lo, w.off), min(hi, w.off+w.n)
	if lo >= hi {
		return
	}
	c.n.durable = grow(c.n.durable, hi)
	copy(c.n.durable[lo:hi], c.n.buf[w.start+lo-w.off:])
	c.end = max(c.end, hi)
}

// keepSectors decides for each sector which of its versions the disk has: the
// durable one, or that after any of the writes that touched it.
func (c *contents) keepSectors() {
	writers := make(map[int][]int)
	for i, w := range c.n.pending {
		lo, hi := sectorsOf(w.off, w.n)
		for s := lo; s < hi; s++ {
			writers[s] = append(writers[s], i)
		}
	}
	sectors := make([]int, 0, len(writers))
	for s := range writers {
		sectors = append(sectors, s)
	}
	slices.Sort(sectors)
	for _, s := range sectors {
		c.keepSector(s, writers[s])
	}
}

func (c *contents) keepSector(s int, writers []int) {
	lo, hi := s*SectorSize, (s+1)*SectorSize
	version := len(writers)
	for version > 0 && !chance(&c.rnd, c.l.keep) {
		version--
	}
	if version == len(writers) {
		c.l.d.stats.KeptSectors++
	} else {
		c.l.d.stats.LostSectors++
	}
	for _, i := range writers[:version] {
		c.apply(i, lo, hi)
		c.pieces[i]++
	}
	// A torn sector has one more version on one side of the tear.
	if version < len(writers) && c.l.keep > 0 && chance(&c.rnd, c.l.d.cfg.Torn) {
		c.l.d.stats.TornSectors++
		tear := lo + 1 + below(&c.rnd, SectorSize-1)
		if chance(&c.rnd, 0.5) {
			c.apply(writers[version], lo, tear)
		} else {
			c.apply(writers[version], tear, hi)
		}
	}
}

// keepPrefix keeps the first writes and part of the next.
func (c *contents) keepPrefix() {
	stats := c.l.d.stats
	whole := below(&c.rnd, len(c.n.pending)+1)
	for i, w := range c.n.pending {
		lo, hi := sectorsOf(w.off, w.n)
		if i > whole {
			stats.LostSectors += uint64(hi - lo)
			continue
		}
		keep := hi
		if i == whole {
			keep = lo + below(&c.rnd, hi-lo+1)
		}
		c.apply(i, lo*SectorSize, keep*SectorSize)
		c.pieces[i] = keep - lo
		stats.KeptSectors += uint64(keep - lo)
		stats.LostSectors += uint64(hi - keep)
		if keep < hi && chance(&c.rnd, c.l.d.cfg.Torn) {
			stats.TornSectors++
			c.apply(i, keep*SectorSize, keep*SectorSize+1+below(&c.rnd, SectorSize-1))
		}
	}
}

// size sometimes keeps the new size of a file whose new end was lost: the file
// then ends in zeros.
func (c *contents) size() {
	if size := len(c.n.data); c.l.keep > 0 && max(c.before, c.end) < size && chance(&c.rnd, 0.25) {
		c.n.durable = grow(c.n.durable, size)
	}
}

func (c *contents) count() {
	for i, w := range c.n.pending {
		lo, hi := sectorsOf(w.off, w.n)
		switch kept := c.pieces[i]; {
		case kept == 0:
			c.l.d.stats.LostWrites++
		case kept < hi-lo:
			c.l.d.stats.TornWrites++
		}
	}
}
