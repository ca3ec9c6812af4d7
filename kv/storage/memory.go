package storage

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/holdfastdb/holdfast/kv/env"
)

// errClosed answers calls after Close.
var errClosed = errors.New("storage: the engine is closed")

// MemoryOptions configure OpenMemory.
type MemoryOptions struct {
	// FlushEvery makes each so many batches flush by themselves; 0 leaves it to Flush. A
	// flush writes the whole state.
	FlushEvery int
}

// Memory is an env.Engine that keeps its state in memory, for the simulation:
// deterministic, without goroutines, and with as little work per batch as
// can be.
type Memory struct {
	fs   env.FS
	dir  string
	opts MemoryOptions

	tree tree
	// checkpoint numbers the newest checkpoint file, 0 before the first.
	checkpoint uint64
	// unflushed counts the batches since then.
	unflushed int
	failed    error  // final, see the package contract
	buf       []byte // scratch of checkpoints
}

var _ env.Engine = (*Memory)(nil)

// OpenMemory opens the engine whose checkpoints are in dir, which is created if need
// be. It fails if the newest checkpoint is damaged or of an unknown version.
func OpenMemory(fs env.FS, dir string, opts MemoryOptions) (*Memory, error) {
	if opts.FlushEvery < 0 {
		return nil, fmt.Errorf("storage: FlushEvery is %d, it must not be negative", opts.FlushEvery)
	}
	m := &Memory{fs: fs, dir: dir, opts: opts}
	if err := m.load(); err != nil {
		return nil, fmt.Errorf("storage: open %s: %w", dir, err)
	}
	return m, nil
}

// Get implements env.Reader.
func (m *Memory) Get(key []byte) ([]byte, bool, error) {
	if m.failed != nil {
		return nil, false, m.failed
	}
	value, found := m.tree.get(key)
	return slices.Clone(value), found, nil
}

// Scan implements env.Reader.
func (m *Memory) Scan(lo, hi []byte, fn func(key, value []byte) bool) error {
	if m.failed != nil {
		return m.failed
	}
	if bytes.Compare(lo, hi) < 0 {
		m.tree.scan(lo, hi, fn)
	}
	return nil
}

// NewBatch implements env.Engine.
func (m *Memory) NewBatch() env.Batch { return &memoryBatch{engine: m} }

// Apply implements env.Engine.
func (m *Memory) Apply(batch env.Batch) error {
	b, ok := batch.(*memoryBatch)
	if !ok || b.engine != m {
		panic("storage: a batch of another engine, or one that was applied before")
	}
	b.engine = nil
	if m.failed != nil {
		return m.failed
	}
	for i := range b.writes {
		w := &b.writes[i]
		switch w.kind {
		case writeSet:
			m.tree.set(w.a, w.b)
		case writeDelete:
			m.tree.delete(w.a)
		case writeDeleteRange:
			m.tree.deleteRange(w.a, w.b)
		}
	}
	m.unflushed++
	if m.opts.FlushEvery > 0 && m.unflushed >= m.opts.FlushEvery {
		return m.Flush()
	}
	return nil
}

// Snapshot implements env.Engine.
func (m *Memory) Snapshot() (env.Snapshot, error) {
	if m.failed != nil {
		return nil, m.failed
	}
	return &memorySnapshot{tree: m.tree.freeze()}, nil
}

// Flush implements env.Engine.
func (m *Memory) Flush() error {
	if m.failed != nil {
		return m.failed
	}
	if m.unflushed == 0 {
		return nil
	}
	if err := m.save(); err != nil {
		m.failed = fmt.Errorf("storage: flush %s: %w", m.dir, err)
		return m.failed
	}
	m.unflushed = 0
	return nil
}

// Close implements env.Engine.
func (m *Memory) Close() error {
	if errors.Is(m.failed, errClosed) {
		return m.failed
	}
	m.failed = errClosed
	m.tree = tree{}
	return nil
}

// memorySnapshot implements env.Snapshot.
type memorySnapshot struct {
	tree   tree
	closed bool
}

// Get implements env.Reader.
func (s *memorySnapshot) Get(key []byte) ([]byte, bool, error) {
	if s.closed {
		return nil, false, errSnapshotClosed
	}
	value, found := s.tree.get(key)
	return slices.Clone(value), found, nil
}

// Scan implements env.Reader.
func (s *memorySnapshot) Scan(lo, hi []byte, fn func(key, value []byte) bool) error {
	if s.closed {
		return errSnapshotClosed
	}
	if bytes.Compare(lo, hi) < 0 {
		s.tree.scan(lo, hi, fn)
	}
	return nil
}

var errSnapshotClosed = errors.New("storage: the snapshot is closed")

// Close implements env.Snapshot.
func (s *memorySnapshot) Close() error {
	if s.closed {
		return errSnapshotClosed
	}
	s.closed = true
	s.tree = tree{}
	return nil
}
