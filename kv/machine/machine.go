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

// Machine is the state machine of one replica of one partition. It is not safe for
// concurrent use: one lane owns it (env.LaneApply). What it hands out, Export and Stage,
// shares nothing with it but the engine.
type Machine struct {
	keys   layout
	engine env.Engine
	limits Limits
	failed error // a final error of an earlier call

	meta     meta
	sessions table
	owner    raft.ReplicaID
	// installed is the mark of the newest installed snapshot; its Index is 0 without one.
	installed raft.Mark
	// stage is the newest stage, which may have ended.
	stage *Stage

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
// knows nothing of the group gives a machine at index 0. Owner is the replica's id, not 0: what
// another replica of the group left in the engine is wiped (MACH-12), what
// nobody owns is adopted. It fails if the engine does, or if what it holds is damaged
// (ErrDamaged) or of another format version.
func Open(group raft.GroupID, owner raft.ReplicaID, engine env.Engine, limits Limits) (*Machine, error) {
	if err := limits.check(); err != nil {
		return nil, err
	}
	if group == 0 || group == math.MaxUint64 {
		return nil, fmt.Errorf("machine: %d cannot be the number of a group", group)
	}
	if owner == 0 {
		return nil, fmt.Errorf("machine: partition %d: 0 cannot be the id of a replica", group)
	}
	m := newMachine(layout{group: group}, engine, limits)
	m.owner = owner
	if err := m.openLive(); err != nil {
		return nil, fmt.Errorf("machine: open partition %d: %w", group, err)
	}
	if err := m.load(); err != nil {
		return nil, fmt.Errorf("machine: open partition %d: %w", group, err)
	}
	if m.meta.index < m.installed.Index {
		return nil, fmt.Errorf("machine: open partition %d: %w", group, damagef(
			"the state is that of entry %d, but a snapshot of entry %d was installed", m.meta.index, m.installed.Index))
	}
	return m, nil
}

func newMachine(keys layout, engine env.Engine, limits Limits) *Machine {
	return &Machine{
		keys:     keys,
		engine:   engine,
		limits:   limits,
		sessions: table{byID: make(map[uint64]*session)},
		overlay:  overlay{newest: make(map[uint64]int32)},
	}
}

// load reads what the image holds beside data.
func (m *Machine) load() error {
	if err := m.loadMeta(); err != nil {
		return err
	}
	return m.loadSessions()
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
		return damagef("the engine holds only one of format version and applied index: the data is damaged; " +
			"remove this replica's data and let it be rebuilt from its group")
	}
	if err := checkFormat(format); err != nil {
		return err
	}
	m.meta, err = decodeMeta(record)
	if err != nil {
		return damagef("the applied index's record is damaged: %w", err)
	}
	return nil
}

func (m *Machine) loadSessions() error {
	var all []*session
	var damaged error
	prefix := m.keys.key(nil, kindSession)
	err := m.engine.Scan(prefix, m.keys.key(nil, kindSession+1), func(key, value []byte) bool {
		if len(key) != len(prefix)+8 {
			damaged = damagef("session key % x is damaged", key)
			return false
		}
		id := binary.BigEndian.Uint64(key[len(prefix):])
		s, err := decodeSession(id, value)
		if err != nil {
			damaged = damagef("the record of session %d is damaged: %w", id, err)
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

// Owner is the id of the replica that the machine was opened for.
func (m *Machine) Owner() raft.ReplicaID { return m.owner }

// Get reads key at the applied index. Found, Version and Value tell the outcome. After a
// final error it returns that: the engine and the machine may disagree (READ-11).
func (m *Machine) Get(key []byte) (OpResult, error) {
	if m.failed != nil {
		return OpResult{}, m.failed
	}
	return m.fetch(make([]byte, 0, len(key)+prefixLen+1), key)
}

// fetch reads key from the engine; keyBuf is scratch.
func (m *Machine) fetch(keyBuf, key []byte) (OpResult, error) {
	record, found, err := m.engine.Get(m.keys.data(keyBuf[:0], key))
	if err != nil {
		return OpResult{}, fmt.Errorf("machine: partition %d: read key %q: %w", m.keys.group, key, err)
	}
	if !found {
		return OpResult{}, nil
	}
	version, value, err := decodeValue(record)
	if err != nil {
		return OpResult{}, fmt.Errorf("machine: partition %d: %w", m.keys.group, damagef("key %q is damaged: %w", key, err))
	}
	return OpResult{Found: true, Version: version, Value: value}, nil
}
