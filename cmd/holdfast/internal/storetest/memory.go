package storetest

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/store"
)

type item struct {
	value   []byte
	version uint64
}

// Memory is a store.Store. Its zero value is not ready; use New.
type Memory struct {
	mu      sync.Mutex
	items   map[string]item
	version uint64
	fail    error
	any     int
	mode    store.Mode
	failing map[string]error
	before  func()
	nodes   []store.NodeReport
}

// New returns an empty store.
func New() *Memory { return &Memory{items: map[string]item{}, failing: map[string]error{}} }

// Fail makes every further call end with err; nil ends this.
func (m *Memory) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

// Before makes f run before every further call.
func (m *Memory) Before(f func()) { m.before = f }

// Nodes sets the answer of Status.
func (m *Memory) Nodes(nodes ...store.NodeReport) { m.nodes = nodes }

func (m *Memory) enter() (func(), error) {
	if m.before != nil {
		m.before()
	}
	m.mu.Lock()
	return m.mu.Unlock, m.fail
}

func (m *Memory) write(key, value []byte) store.Written {
	m.version++
	m.items[string(key)] = item{append([]byte(nil), value...), m.version}
	return store.Written{Version: m.version, Place: store.Place{Partition: 1, Index: m.version, Node: 1}}
}

// Put implements store.Store.
func (m *Memory) Put(_ context.Context, key, value []byte) (store.Written, error) {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return store.Written{}, err
	}
	return m.write(key, value), nil
}

// Get implements store.Store.
func (m *Memory) Get(_ context.Context, key []byte, _ bool) (store.Read, error) {
	leave, err := m.enter()
	defer leave()
	return m.read(key, err)
}

// GetAny implements store.Store.
func (m *Memory) GetAny(_ context.Context, key []byte) (store.Read, error) {
	leave, err := m.enter()
	defer leave()
	m.any++
	return m.read(key, err)
}

// AnyReads counts the calls of GetAny.
func (m *Memory) AnyReads() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.any
}

func (m *Memory) read(key []byte, err error) (store.Read, error) {
	if err != nil {
		return store.Read{}, err
	}
	it, found := m.items[string(key)]
	return store.Read{Found: found, Value: it.value, Version: it.version}, nil
}

// GetMany implements store.Store.
func (m *Memory) GetMany(_ context.Context, keys [][]byte, mode store.Mode) ([]store.ReadOne, error) {
	leave, err := m.enter()
	defer leave()
	m.mode = mode
	out := make([]store.ReadOne, len(keys))
	var failed error
	for i, key := range keys {
		if out[i].Read, out[i].Err = m.read(key, m.failure(key, err)); out[i].Err != nil {
			failed = out[i].Err
		}
	}
	return out, failed
}

// PutMany implements store.Store.
func (m *Memory) PutMany(_ context.Context, pairs []store.Pair) ([]store.WrittenOne, error) {
	leave, err := m.enter()
	defer leave()
	out := make([]store.WrittenOne, len(pairs))
	stored := 0
	var failed error
	for i, p := range pairs {
		if out[i].Err = m.failure(p.Key, err); out[i].Err != nil {
			failed = out[i].Err
			continue
		}
		out[i].Written = m.write(p.Key, p.Value)
		stored++
	}
	if failed != nil && stored > 0 {
		failed = &store.Error{Ending: store.Unknown, Err: failed}
	}
	return out, failed
}

// failure is what the call for a key ends with.
func (m *Memory) failure(key []byte, all error) error {
	if all != nil {
		return all
	}
	return m.failing[string(key)]
}

// FailAt makes calls of many keys end with err at one of them; nil ends this.
func (m *Memory) FailAt(key string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failing[key] = err
}

// Mode is that of the last call of GetMany or Scan.
func (m *Memory) Mode() store.Mode {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mode
}

// Scan implements store.Store. The cursor is the last key; each page has at most three pairs.
func (m *Memory) Scan(_ context.Context, prefix, cursor []byte, limit int, mode store.Mode) (store.Page, error) {
	leave, err := m.enter()
	defer leave()
	m.mode = mode
	var page store.Page
	if err != nil {
		return page, err
	}
	if limit == 0 || limit > 3 {
		limit = 3
	}
	for _, key := range slices.Sorted(maps.Keys(m.items)) {
		switch {
		case !strings.HasPrefix(key, string(prefix)) || cursor != nil && key <= string(cursor):
		case len(page.Pairs) == limit:
			page.Next = page.Pairs[limit-1].Key
			return page, nil
		default:
			it := m.items[key]
			page.Pairs = append(page.Pairs, store.Pair{Key: []byte(key), Value: it.value, Version: it.version})
		}
	}
	return page, nil
}

// Erase implements store.Store.
func (m *Memory) Erase(_ context.Context, key []byte) (store.Erased, error) {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return store.Erased{}, err
	}
	_, found := m.items[string(key)]
	delete(m.items, string(key))
	if !found {
		return store.Erased{}, nil
	}
	m.version++
	return store.Erased{Found: true, Version: m.version}, nil
}

// CompareAndSet implements store.Store.
func (m *Memory) CompareAndSet(_ context.Context, key, value []byte, e store.Expect) (store.Swap, error) {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return store.Swap{}, err
	}
	it, found := m.items[string(key)]
	var holds bool
	switch {
	case e.Absent:
		holds = !found
	case e.Version != 0:
		holds = found && it.version == e.Version
	default:
		holds = found && string(it.value) == string(e.Value)
	}
	if !holds {
		return store.Swap{Found: found, Version: it.version, Value: it.value}, nil
	}
	return store.Swap{Swapped: true, Version: m.write(key, value).Version}, nil
}

// Status implements store.Store.
func (m *Memory) Status(context.Context) ([]store.NodeReport, error) {
	leave, err := m.enter()
	defer leave()
	return m.nodes, err
}

// Close implements store.Store.
func (m *Memory) Close() error { return nil }
