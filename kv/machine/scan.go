package machine

import (
	"bytes"
	"fmt"
)

// Pair is one key of a scan.
type Pair struct {
	Key, Value []byte
	Version    uint64
}

// Scan returns the pairs whose keys begin with prefix and are above after, ascending: at most limit of
// them, and no further ones once their keys and values take maxBytes. More tells whether there are. After a
// final error it returns that, as Get does.
func (m *Machine) Scan(prefix, after []byte, limit, maxBytes int) (pairs []Pair, more bool, err error) {
	if m.failed != nil {
		return nil, false, m.failed
	}
	lo := m.keys.data(nil, prefix)
	if bytes.Compare(after, prefix) >= 0 {
		lo = append(m.keys.data(nil, after), 0) // the next key after it
	}
	size, skip := 0, len(m.keys.data(nil, nil))
	var damaged error
	err = m.engine.Scan(lo, m.prefixEnd(prefix), func(key, record []byte) bool {
		if len(pairs) >= limit || size >= maxBytes {
			more = true
			return false
		}
		version, value, err := decodeValue(record)
		if err != nil {
			damaged = damagef("key %q is damaged: %w", key[skip:], err)
			return false
		}
		pairs = append(pairs, Pair{Key: bytes.Clone(key[skip:]), Value: bytes.Clone(value), Version: version})
		size += len(key) - skip + len(value)
		return true
	})
	if err == nil {
		err = damaged
	}
	if err != nil {
		return nil, false, fmt.Errorf("machine: partition %d: scan keys from %q on: %w", m.keys.group, lo[skip:], err)
	}
	return pairs, more, nil
}

// prefixEnd is the engine key behind all data whose keys begin with prefix.
func (m *Machine) prefixEnd(prefix []byte) []byte {
	for n := len(prefix); n > 0; n-- {
		if prefix[n-1] != 0xff {
			end := m.keys.data(nil, prefix[:n])
			end[len(end)-1]++
			return end
		}
	}
	return m.keys.key(nil, kindData+1)
}
