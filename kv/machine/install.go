package machine

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/holdfastdb/holdfast/raft"
)

// ErrSnapshotStale marks Install's refusal of a snapshot that is not ahead of the
// machine: nothing is wrong, it is only of no use any more (SNAP-03).
var ErrSnapshotStale = errors.New("machine: the snapshot is not ahead of what is applied")

// Installed is the mark of the newest snapshot that was installed, if any. The log behind it may
// have to be repaired after a crash: the mark is durable here before it is there.
func (m *Machine) Installed() (raft.Mark, bool) {
	return m.installed, m.installed.Index != 0
}

// Install makes the staged snapshot the machine's state, with the mark that the log shall
// start behind. It is called on the machine's lane while no call of the stage is under way.
// When it returns nil, the new state is durable, and only then may the log be told
// (SNAP-11, SNAP-12). A crash in the middle leaves the old state or the new one, whole (MACH-10).
//
// A snapshot that is not complete, not intact, not the mark's or not ahead
// (ErrSnapshotStale) is refused: nothing changes and the machine goes on. An error of the engine
// is final.
func (m *Machine) Install(s *Stage, mark raft.Mark) error {
	if m.failed != nil {
		return m.failed
	}
	next, err := m.checkStaged(s, &mark)
	if err != nil {
		return fmt.Errorf("machine: partition %d: install the snapshot at entry %d: %w", m.keys.group, mark.Index, err)
	}
	if err := m.swap(s, &mark); err != nil {
		return m.fail(fmt.Errorf("install the snapshot at entry %d: %w", mark.Index, err))
	}
	s.ended = true
	m.stage, m.keys = nil, next.keys
	m.installed = raft.Mark{Index: mark.Index, Term: mark.Term, Config: bytes.Clone(mark.Config)}
	m.meta, m.sessions = next.meta, next.sessions
	return nil
}

// checkStaged says why the staged image may not become the state, or returns a machine that
// has it for its state.
func (m *Machine) checkStaged(s *Stage, mark *raft.Mark) (*Machine, error) {
	switch {
	case mark.Index <= m.meta.index:
		return nil, fmt.Errorf("entry %d is applied: %w", m.meta.index, ErrSnapshotStale)
	case s != m.stage || s.ended:
		return nil, errStageEnded
	case s.failed != nil:
		return nil, s.failed
	case !s.at.final:
		return nil, fmt.Errorf("only %d of its pairs are here", s.at.pairs)
	case s.at.id.Index != mark.Index || s.at.id.Term != mark.Term:
		return nil, fmt.Errorf("the mark has term %d, but staged is the state at entry %d of term %d",
			mark.Term, s.at.id.Index, s.at.id.Term)
	case mark.Term < m.meta.term:
		return nil, fmt.Errorf("it has term %d, but the applied entry %d has term %d", mark.Term, m.meta.index, m.meta.term)
	}
	next := newMachine(s.keys, m.engine, m.limits)
	if err := next.load(); err != nil {
		return nil, err
	}
	if is := next.meta; (StageID{is.index, is.term, is.hash}) != s.at.id {
		return nil, fmt.Errorf("it is the state at entry %d of term %d with hash %#x, not %+v", is.index, is.term, is.hash, s.at.id)
	}
	return next, nil
}

// swap makes the staged image the one that counts and drops the other, in one batch. The
// flush before it makes sure that the disk takes the whole snapshot; the one
// after it is what the caller relies on.
func (m *Machine) swap(s *Stage, mark *raft.Mark) error {
	if err := m.engine.Flush(); err != nil {
		return err
	}
	b := m.engine.NewBatch()
	b.Set(m.keys.own(kindLive), (&live{owner: m.owner, image: s.keys.image, installed: *mark}).append(nil))
	b.DeleteRange(m.keys.bounds())
	b.Delete(m.keys.own(kindStage))
	if err := m.engine.Apply(b); err != nil {
		return err
	}
	return m.engine.Flush()
}
