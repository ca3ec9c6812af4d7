package netsim

import (
	"io/fs"
	"strings"
)

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

// Rot inverts one bit at rest of a durable byte that is in use: of the files under a
// directory whose names are durable, none of the zeros they end in. With old, what the
// newest of all syncs of these files wrote is spared as well: damage there cannot be told
// from a write that a crash cut short. Each bit is equally likely; ok is false when there
// is none.
func (d *Disk) Rot(dir string, draw uint64, old bool) (name string, off int64, bit int, ok bool) {
	files := d.live(dir)
	sizes, total := make([]uint64, len(files)), uint64(0)
	for i, f := range files {
		sizes[i] = uint64(f.inUse(old && f.syncedAt == newestSync(files)))
		total += sizes[i]
	}
	if total == 0 {
		return "", 0, 0, false
	}
	at := draw % (total * 8)
	for i, f := range files {
		if at < sizes[i]*8 {
			return f.path, int64(at / 8), int(at % 8), d.FlipBit(f.path, int64(at/8), int(at%8)) == nil
		}
		at -= sizes[i] * 8
	}
	panic("netsim: a draw below the sum of all sizes is in none of them")
}

// liveFile is a file that is there now and is there after a power loss too.
type liveFile struct {
	path string
	*inode
}

func (d *Disk) live(dir string) []liveFile {
	under := strings.TrimSuffix(clean(dir), "/") + "/"
	var out []liveFile
	for _, f := range d.Files() {
		if f.DurableName && strings.HasPrefix(f.Path, under) {
			out = append(out, liveFile{f.Path, d.lookup(f.Path, false)})
		}
	}
	return out
}

// newestSync is the number of the newest sync of any of the files.
func newestSync(files []liveFile) uint64 {
	var newest uint64
	for _, f := range files {
		newest = max(newest, f.syncedAt)
	}
	return newest
}

// inUse is how many bytes of the file may be damaged: to the last that is not zero, or to
// what the last sync wrote.
func (n *inode) inUse(spareNewest bool) int {
	size := len(n.durable)
	if spareNewest {
		size = min(size, n.newest)
	}
	size = min(size, len(n.data))
	for size > 0 && n.durable[size-1] == 0 {
		size--
	}
	return size
}
