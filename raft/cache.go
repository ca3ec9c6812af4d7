package raft

// cache holds the newest entries of the log in memory: a contiguous suffix.
//
// Its backing array is written only past its end, never twice at one place: a
// truncation or an eviction re-slices, and the next append moves on to a fresh
// array. So slices handed out (in messages, hand-offs, to the applier) stay
// valid and unchanged for as long as anyone holds them.
type cache struct {
	entries []Entry
	bytes   int
}

// first returns the index of the oldest entry; only if there is one.
func (c *cache) first() uint64 { return c.entries[0].Index }

func (c *cache) append(entries []Entry) {
	c.entries = append(c.entries, entries...)
	for i := range entries {
		c.bytes += entries[i].Size()
	}
}

// truncateFrom forgets the entries from index on.
func (c *cache) truncateFrom(index uint64) {
	keep := len(c.entries)
	for keep > 0 && c.entries[keep-1].Index >= index {
		keep--
		c.bytes -= c.entries[keep].Size()
	}
	c.entries = c.entries[:keep:keep]
}

// dropTo forgets the entries up to index.
func (c *cache) dropTo(index uint64) { c.evict(-1, index) }

// evict forgets the oldest entries, none beyond index, until at most limit bytes
// are left.
func (c *cache) evict(limit int, index uint64) {
	drop := 0
	for c.bytes > limit && drop < len(c.entries) && c.entries[drop].Index <= index {
		c.bytes -= c.entries[drop].Size()
		drop++
	}
	if drop == len(c.entries) {
		c.entries = nil
		return
	}
	c.entries = c.entries[drop:]
}

// slice returns entries lo..hi as far as they fit in maxBytes, but at least one,
// their size, and whether lo is in memory.
func (c *cache) slice(lo, hi uint64, maxBytes int) (entries []Entry, size int, ok bool) {
	if len(c.entries) == 0 || lo < c.first() || lo > hi {
		return nil, 0, false
	}
	entries = c.entries[lo-c.first() : hi+1-c.first()]
	n, size := prefix(entries, maxBytes)
	return entries[:n:n], size, true
}

// prefix returns how many of the entries, at least one, fit in maxBytes, and
// their size.
func prefix(entries []Entry, maxBytes int) (n, size int) {
	for n < len(entries) {
		s := entries[n].Size()
		if n > 0 && size+s > maxBytes {
			break
		}
		size += s
		n++
	}
	return n, size
}
