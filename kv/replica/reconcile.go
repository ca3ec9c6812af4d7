package replica

import (
	"errors"
	"fmt"

	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/raft"
)

// ErrDamaged says that a replica's log and state machine contradict each other: one of
// them lost what had been durable. The replica must not vote or acknowledge any more; it has
// to be replaced by a new one under a new id.
var ErrDamaged = errors.New("the replica is damaged")

func damaged(group raft.GroupID, format string, args ...any) error {
	return fmt.Errorf("partition %d: %w: %s", group, ErrDamaged, fmt.Sprintf(format, args...))
}

// reconcile compares what the log and the state machine found at a start, and completes
// restored. A snapshot that the engine has installed, but of which the log does not know yet, is
// returned for the core to restore.
func reconcile(group raft.GroupID, restored *raft.Restored, m *machine.Machine) (*raft.Mark, error) {
	applied, term := m.Applied()
	mark, installed := m.Installed()
	if installed && mark.Index > restored.SnapIndex && logTerm(restored, mark.Index) != mark.Term {
		if applied != mark.Index {
			return nil, damaged(group, "the log knows nothing of the snapshot at entry %d, but entry %d is applied", mark.Index, applied)
		}
		// The crash came between the installation and the log's mark. The snapshot is of a term
		// that this replica knew, perhaps not durably.
		if hs := &restored.HardState; hs.Term < mark.Term {
			hs.Term, hs.Vote = mark.Term, 0
		}
		restored.Applied = restored.SnapIndex
		return &mark, nil
	}
	switch {
	case applied < restored.SnapIndex:
		return nil, damaged(group, "the log starts after entry %d, but the storage engine holds the state at entry %d: it lost data",
			restored.SnapIndex, applied)
	case applied > restored.LastIndex:
		return nil, damaged(group, "the storage engine holds the state at entry %d, but the log ends at %d: it lost entries",
			applied, restored.LastIndex)
	case applied > 0 && logTerm(restored, applied) != term:
		return nil, damaged(group, "the storage engine has applied entry %d of term %d, in the log it has term %d",
			applied, term, logTerm(restored, applied))
	}
	restored.Applied = applied
	return nil, nil
}

// logTerm is the term of the log's entry at index, 0 if it is not there.
func logTerm(s *raft.Restored, index uint64) uint64 {
	if index == s.SnapIndex {
		return s.SnapTerm
	}
	if index < s.SnapIndex || index > s.LastIndex {
		return 0
	}
	term := uint64(0)
	for _, run := range s.Runs {
		if run.First > index {
			break
		}
		term = run.Term
	}
	return term
}
