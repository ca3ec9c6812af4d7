package osio

import "sync"

// mailbox is an unbounded queue of many writers and one reader. The reader
// takes all that is waiting at once; two slices change hands, so that a steady
// state allocates nothing.
type mailbox[T any] struct {
	// wake holds a token when the mailbox may have become non-empty or closed.
	wake chan struct{}

	mu     sync.Mutex
	items  []T
	spare  []T
	closed bool
}

// maxSpare is the largest slice, in items, that is kept after a burst.
const maxSpare = 1 << 14

func newMailbox[T any]() *mailbox[T] {
	return &mailbox[T]{wake: make(chan struct{}, 1)}
}

// put appends an item and returns the number of items waiting, or 0 if the
// mailbox is closed.
func (m *mailbox[T]) put(item T) int {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return 0
	}
	m.items = append(m.items, item)
	waiting := len(m.items)
	m.mu.Unlock()
	if waiting == 1 {
		m.signal()
	}
	return waiting
}

// takeAll returns all the items that are waiting, oldest first, and whether the
// mailbox is still open. A closed mailbox yields nothing. The caller gives the
// slice back with recycle.
func (m *mailbox[T]) takeAll() (items []T, open bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, false
	}
	items = m.items
	m.items, m.spare = m.spare, nil
	return items, true
}

// recycle gives a slice of takeAll back.
func (m *mailbox[T]) recycle(items []T) {
	if cap(items) == 0 || cap(items) > maxSpare {
		return
	}
	clear(items)
	m.mu.Lock()
	if m.spare == nil {
		m.spare = items[:0]
	}
	m.mu.Unlock()
}

// isClosed tells whether close was called.
func (m *mailbox[T]) isClosed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.closed
}

// close drops what is waiting and refuses further items.
func (m *mailbox[T]) close() {
	m.mu.Lock()
	m.closed = true
	m.items, m.spare = nil, nil
	m.mu.Unlock()
	m.signal()
}

func (m *mailbox[T]) signal() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}
