package storage

import "bytes"

type writeKind uint8

const (
	writeSet writeKind = iota
	writeDelete
	writeDeleteRange
)

// memoryWrite is one write; b is the value of a set or the end of a range.
type memoryWrite struct {
	kind writeKind
	a, b []byte
}

// memoryBatch implements env.Batch for Memory.
type memoryBatch struct {
	engine *Memory // nil once applied
	writes []memoryWrite
}

func (b *memoryBatch) add(kind writeKind, x, y []byte) {
	// One allocation for both: they stay in the tree together.
	buf := make([]byte, len(x)+len(y))
	n := copy(buf, x)
	copy(buf[n:], y)
	b.writes = append(b.writes, memoryWrite{kind, buf[:n:n], buf[n:]})
}

// Set implements env.Batch.
func (b *memoryBatch) Set(key, value []byte) { b.add(writeSet, key, value) }

// Delete implements env.Batch.
func (b *memoryBatch) Delete(key []byte) { b.add(writeDelete, key, nil) }

// DeleteRange implements env.Batch.
func (b *memoryBatch) DeleteRange(lo, hi []byte) {
	if bytes.Compare(lo, hi) < 0 {
		b.add(writeDeleteRange, lo, hi)
	}
}

// Len implements env.Batch.
func (b *memoryBatch) Len() int { return len(b.writes) }
