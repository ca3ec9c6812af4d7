package machine

import (
	"bytes"

	"github.com/cespare/xxhash/v2"
)

// overlay holds the writes of the batch being built, so that later entries of
// the same Apply see them. It is a hash index over a list, used again by every
// Apply, because a map keyed by string would allocate for each write.
type overlay struct {
	writes []write
	// newest gives, by hash of the key, the number of the newest write plus one.
	newest map[uint64]int32
}

// write is one write; its slices share memory with the log entry.
type write struct {
	key, value []byte
	version    uint64 // 0: erased
	older      int32  // the write before with the same hash, plus one
}

func (o *overlay) reset() {
	clear(o.writes) // let go of the entries' memory
	o.writes = o.writes[:0]
	clear(o.newest)
}

func (o *overlay) add(key, value []byte, version uint64) {
	h := xxhash.Sum64(key)
	o.writes = append(o.writes, write{key, value, version, o.newest[h]})
	o.newest[h] = int32(len(o.writes))
}

// find returns the newest write of key, nil if there is none.
func (o *overlay) find(key []byte) *write {
	if len(o.writes) == 0 {
		return nil
	}
	for i := o.newest[xxhash.Sum64(key)]; i != 0; {
		w := &o.writes[i-1]
		if bytes.Equal(w.key, key) {
			return w
		}
		i = w.older
	}
	return nil
}
