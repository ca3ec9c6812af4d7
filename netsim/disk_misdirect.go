package netsim

import (
	"slices"
	"strings"
)

// Misdirection makes one write land where it should not. Give it to Disk.Misdirect.
type Misdirection struct {
	Match string // part of the path of the file, as it was opened; empty matches all
	Skip  int    // let that many matching writes pass first
	// Delta is how far from its place the write lands; at the start of the file at the lowest.
	Delta int64
	// To is the path of the file it lands in; empty means its own. If there is no such file
	// the write is lost.
	To string
	// Late lets reads see the write in its place, as a page cache does, until it and then
	// a later write to a matching file were synced; only then both its place and where it
	// landed are found changed. A crash before that leaves the write where it should be:
	// the loss of the newest write cannot be told from a write that the crash cut short.
	Late bool
	// Hits is 1 once a write has landed elsewhere.
	Hits int

	seen *misplaced
}

// misplaced is a late misdirected write that is still seen in its place.
type misplaced struct {
	file          *file
	off           int64
	before, bytes []byte
	// next is where the later write went.
	next    *inode
	nextOff int
	nextLen int
}

// Misdirect makes one later write land elsewhere.
func (d *Disk) Misdirect(m Misdirection) *Misdirection {
	if m.Delta == 0 && m.To == "" {
		panic("netsim: a misdirected write needs another offset or another file")
	}
	d.misdirects = append(d.misdirects, &m)
	d.note(KindFault, "misdirect "+m.Match+" "+m.To, 0, uint64(m.Delta))
	return &m
}

// MisdirectNextWrite makes the next write to a matching file land delta bytes
// from where it should, at the start of the file at the lowest.
func (d *Disk) MisdirectNextWrite(match string, delta int64) *Misdirection {
	return d.Misdirect(Misdirection{Match: match, Delta: delta})
}

// Redirect undoes Misdirect if it has not struck yet; nil undoes all.
func (d *Disk) Redirect(m *Misdirection) {
	d.misdirects = slices.DeleteFunc(d.misdirects, func(o *Misdirection) bool { return m == nil || o == m })
	d.note(KindFault, "redirect", 0, uint64(len(d.misdirects)))
}

// redirect returns the file and the offset where a write lands.
func (f *file) redirect(p []byte, off int64) (*file, int64) {
	if len(p) == 0 {
		return f, off
	}
	for _, m := range f.d.misdirects {
		switch {
		case !strings.Contains(f.name, m.Match):
		case m.seen != nil:
			if m.seen.next == nil && len(m.seen.file.n.pending) == 0 {
				m.seen.next, m.seen.nextOff, m.seen.nextLen = f.n, int(off), len(p)
			}
		case m.Skip > 0:
			m.Skip--
		case m.Late:
			m.seen = &misplaced{file: f, off: off, bytes: slices.Clone(p), before: f.n.content(int(off), len(p))}
			return f, off
		default:
			f.d.struck(m, f, off)
			return m.target(f), m.lands(off)
		}
	}
	return f, off
}

// lands is the offset at which a write to an offset lands.
func (m *Misdirection) lands(off int64) int64 { return max(off+m.Delta, 0) }

// target is the file in which a write to f lands.
func (m *Misdirection) target(f *file) *file {
	if m.To == "" {
		return f
	}
	n := f.d.lookup(m.To, false)
	if n == nil || n.dir {
		n = &inode{} // the bytes are nowhere
	}
	return f.d.handle(m.To, n, true)
}

// struck counts a misdirected write, which happens once.
func (d *Disk) struck(m *Misdirection, f *file, off int64) {
	m.Hits++
	d.misdirects = slices.DeleteFunc(d.misdirects, func(o *Misdirection) bool { return o == m })
	d.stats.Misdirected++
	d.note(KindDiskFault, "misdirect "+f.name, 0, uint64(off))
}

// landMisdirected changes the disk for the late misdirected writes whose successor is durable.
func (d *Disk) landMisdirected() {
	for _, m := range slices.Clone(d.misdirects) {
		s := m.seen
		if s == nil || s.next == nil || len(s.next.pending) > 0 {
			continue
		}
		if d.lookup(s.file.name, false) != s.file.n {
			m.seen = nil // removed meanwhile
			continue
		}
		// What came after it overwrote it.
		later := s.next.content(s.nextOff, s.nextLen)
		target := m.target(s.file)
		s.file.n.overwrite(int(s.off), s.before)
		target.n.overwrite(int(m.lands(s.off)), s.bytes)
		s.next.overwrite(s.nextOff, later)
		for _, n := range []*inode{s.file.n, target.n} {
			d.reserve(n, int64(len(n.data)))
		}
		d.struck(m, s.file, s.off)
	}
}

// forgetMisdirected lets the late misdirected writes whose successor is not durable have
// gone to their place. They are still to strike.
func (d *Disk) forgetMisdirected() {
	for _, m := range d.misdirects {
		m.seen = nil
	}
}

// content returns n visible bytes from an offset, zeros where the file has none.
func (n *inode) content(off, size int) []byte {
	b := make([]byte, size)
	if off < len(n.data) {
		copy(b, n.data[off:])
	}
	return b
}

// overwrite changes bytes at rest.
func (n *inode) overwrite(off int, p []byte) {
	n.data, n.durable = grow(n.data, off+len(p)), grow(n.durable, off+len(p))
	copy(n.data[off:], p)
	copy(n.durable[off:], p)
}
