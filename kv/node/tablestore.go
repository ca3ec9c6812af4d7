package node

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/kv/placement"
)

// tableStore keeps the node's copy of the table in its engine, so that a node that restarts knows where keys
// belong and whom to ask although nobody asks it. It is a copy, as old as may be, that nothing rests on.
type tableStore struct {
	node *Node
	// writing is the table that is being written, next the one to write then; flush says that it has other nodes than
	// the one before, and is to survive a crash at once.
	writing, next []byte
	flush         bool
	err           error
}

// tableKey is the key of the table in the engine: group 0, which no group has, and a kind.
func tableKey() []byte { return append(binary.BigEndian.AppendUint64(nil, 0), 1) }

// keep has the table written.
func (s *tableStore) keep(encoded []byte, flush bool) {
	s.next = encoded
	s.flush = s.flush || flush
	s.start()
}

func (s *tableStore) start() {
	if s.writing != nil || s.next == nil {
		return
	}
	s.writing, s.next = s.next, nil
	s.node.host.Submit(env.LaneSnapshot, &tableWrite{tableStore: s, table: s.writing, flush: s.flush})
	s.flush = false
}

// tableWrite writes one table.
type tableWrite struct {
	*tableStore
	table []byte
	flush bool
}

// Run implements env.Job.
func (w *tableWrite) Run() {
	engine := w.node.deps.Engine
	b := engine.NewBatch()
	b.Set(tableKey(), w.table)
	if w.err = engine.Apply(b); w.err == nil && w.flush {
		w.err = engine.Flush()
	}
}

// Done implements env.Job.
func (w *tableWrite) Done() {
	s := w.tableStore
	s.writing = nil
	if s.err != nil {
		s.node.Fail(fmt.Errorf("keeping the table of partitions: %w; the node stops serving", s.err))
		return
	}
	s.start()
}

// VerifyTable looks at what a stopped node's engine has of its own: the table, whose version it returns, 0 without one. The
// error says what is damaged; a start goes on without the table then, and gets another one.
func VerifyTable(engine env.Reader) (version uint64, err error) {
	lo, hi := machine.Span(0)
	scanned := engine.Scan(lo, hi, func(key, value []byte) bool {
		var t placement.State
		if t, err = placement.DecodeTable(value); !bytes.Equal(key, tableKey()) {
			err = fmt.Errorf("the record under key % x is nobody's", key)
		}
		version = t.Version
		return err == nil
	})
	return version, errors.Join(err, scanned)
}

// read returns the table that was kept last, nil if there is none that can be used.
func (s *tableStore) read() (*placement.State, error) {
	encoded, found, err := s.node.deps.Engine.Get(tableKey())
	if err != nil {
		return nil, fmt.Errorf("reading the table of partitions: %w", err)
	}
	if !found {
		return nil, nil
	}
	t, err := placement.DecodeTable(encoded)
	if err != nil {
		return nil, nil // a newer program's, or damaged: the next one comes from the driver
	}
	return &t, nil
}
