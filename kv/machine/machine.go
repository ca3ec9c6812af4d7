package machine

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/raft"
)

// Machine is the state machine of one replica of one partition. It is not safe
// for concurrent use, except that Get may run beside anything but Open.
type Machine struct {
	keys   layout
	engine env.Engine
	limits Limits
	failed error // a final error of an earlier call

	meta     meta
	sessions table

	// What follows is scratch of the Apply in progress.
	batch   env.Batch
	overlay overlay
	chain   chain
	command Command
	results []OpResult // unused rest of the current block of results
	dirty   []*session // in order of their first change
	own     []ownResult
	keyBuf  []byte
	valBuf  []byte
}

// ownResult names a saved result whose encoding leaves memory with the Apply.
type ownResult struct {
	s   *session
	seq uint64
}

// Open returns the machine of the group as the engine knows it; an engine that
// knows nothing of the group gives a machine at index 0. It fails if the engine
// does, or if what it holds is damaged or of another format version.
func Open(group raft.GroupID, engine env.Engine, limits Limits) (*Machine, error) {
	if err := limits.check(); err != nil {
		return nil, err
	}
	if group == 0 || group == math.MaxUint64 {
		return nil, fmt.Errorf("machine: %d cannot be the number of a group", group)
	}
	m := &Machine{
		keys:     layout{group},
		engine:   engine,
		limits:   limits,
		sessions: table{byID: make(map[uint64]*session)},
		overlay:  overlay{newest: make(map[uint64]int32)},
	}
	if err := m.loadMeta(); err != nil {
		return nil, fmt.Errorf("machine: open partition %d: %w", group, err)
	}
	if err := m.loadSessions(); err != nil {
		return nil, fmt.Errorf("machine: open partition %d: %w", group, err)
	}
	return m, nil
}

func (m *Machine) loadMeta() error {
	format, hasFormat, err := m.engine.Get(m.keys.key(nil, kindFormat))
	if err != nil {
		return fmt.Errorf("read the format version: %w", err)
	}
	record, hasMeta, err := m.engine.Get(m.keys.key(nil, kindMeta))
	if err != nil {
		return fmt.Errorf("read the applied index: %w", err)
	}
	if !hasFormat && !hasMeta {
		return nil
	}
	if !hasFormat || !hasMeta {
		return errors.New("the engine holds only one of format version and applied index: the data is damaged; " +
			"remove this replica's data and let it be rebuilt from its group")
	}
	if v, n := binary.Uvarint(format); n != len(format) || v != formatVersion {
		return fmt.Errorf("the data has format version % x, this build knows %d: use the build that wrote it", format, formatVersion)
	}
	m.meta, err = decodeMeta(record)
	if err != nil {
		return fmt.Errorf("the applied index's record is damaged: %w", err)
	}
	return nil
}

func (m *Machine) loadSessions() error {
	var all []*session
	var damaged error
	prefix := m.keys.key(nil, kindSession)
	err := m.engine.Scan(prefix, m.keys.key(nil, kindSession+1), func(key, value []byte) bool {
		if len(key) != len(prefix)+8 {
			damaged = fmt.Errorf("session key % x is damaged", key)
			return false
		}
		id := binary.BigEndian.Uint64(key[len(prefix):])
		s, err := decodeSession(id, value)
		if err != nil {
			damaged = fmt.Errorf("the record of session %d is damaged: %w", id, err)
			return false
		}
		all = append(all, s)
		return true
	})
	if err = errors.Join(err, damaged); err != nil {
		return fmt.Errorf("read the sessions: %w", err)
	}
	slices.SortFunc(all, func(a, b *session) int { return cmp.Compare(a.lastIndex, b.lastIndex) })
	for _, s := range all {
		m.sessions.add(s)
	}
	return nil
}

// Applied is the last applied entry's index and term, 0 before the first.
func (m *Machine) Applied() (index, term uint64) { return m.meta.index, m.meta.term }

// Hash is the state hash at the applied index: equal on all replicas that have
// applied the same entries (MACH-8).
func (m *Machine) Hash() uint64 { return m.meta.hash }

// LogTime is the highest time proposed by an applied command, in nanoseconds since
// the Unix epoch.
func (m *Machine) LogTime() int64 { return m.meta.logTime }

// Sessions is the number of open sessions.
func (m *Machine) Sessions() int { return len(m.sessions.byID) }

// Limits are the limits the machine was opened with.
func (m *Machine) Limits() Limits { return m.limits }

// Get reads key at the applied index. Found, Version and Value tell the outcome.
func (m *Machine) Get(key []byte) (OpResult, error) {
	return m.load(make([]byte, 0, len(key)+9), key)
}

// load reads key from the engine; keyBuf is scratch.
func (m *Machine) load(keyBuf, key []byte) (OpResult, error) {
	record, found, err := m.engine.Get(m.keys.data(keyBuf[:0], key))
	if err != nil {
		return OpResult{}, fmt.Errorf("machine: partition %d: read key %q: %w", m.keys.group, key, err)
	}
	if !found {
		return OpResult{}, nil
	}
	version, value, err := decodeValue(record)
	if err != nil {
		return OpResult{}, fmt.Errorf("machine: partition %d: key %q is damaged: %w", m.keys.group, key, err)
	}
	return OpResult{Found: true, Version: version, Value: value}, nil
}
