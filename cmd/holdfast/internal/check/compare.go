package check

import (
	"fmt"
	"slices"

	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/kv/wal"
	"github.com/holdfastdb/holdfast/raft"
)

// compare holds the log of each group against its state in the engine, as a start does (kv/replica).
func (s *survey) compare(groups []wal.GroupState, reports []machine.GroupReport) {
	for i := range groups {
		g := &groups[i]
		var state machine.GroupReport
		if at := slices.IndexFunc(reports, func(r machine.GroupReport) bool { return r.Group == g.Group }); at >= 0 {
			state = reports[at]
		}
		if g.Destroyed() {
			s.facts = append(s.facts, fmt.Sprintf("%s: replica %s was destroyed", groupName(g.Group), replicaName(g.Replica)))
			if state.Owner != 0 {
				s.notes = append(s.notes, fmt.Sprintf("the next start deletes what is left of %s, whose replica was destroyed", groupName(g.Group)))
			}
			continue
		}
		s.facts = append(s.facts, fmt.Sprintf("%s: log of replica %s, entries %d to %d, term %d", groupName(g.Group), replicaName(g.Replica),
			g.Restored.SnapIndex+1, g.Restored.LastIndex, g.Restored.HardState.Term))
		if state.Owner != 0 && state.Owner != g.Replica {
			s.notes = append(s.notes, fmt.Sprintf("the state of %s is that of replica %s, the log is of replica %s: the next start begins with an empty state",
				groupName(g.Group), replicaName(state.Owner), replicaName(g.Replica)))
			state = machine.GroupReport{}
		}
		if what := disagreement(&g.Restored, &state); what != "" {
			s.damage(oracleAgree, "group", setsAside, "%s: %s", groupName(g.Group), what)
		}
	}
	for i := range reports {
		r := &reports[i]
		known := slices.ContainsFunc(groups, func(g wal.GroupState) bool { return g.Group == r.Group })
		if !known && r.Index > 0 {
			next := "the next start has no replica of it: " + byHand
			if s.id.founder && s.rejoins == "" { // it begins the cluster anew, and finds the state
				next = setsAside
			}
			s.damage(oracleAgree, "group", next,
				"%s: the storage engine holds the state of entry %d, the log knows nothing of it", groupName(r.Group), r.Index)
		}
	}
}

// disagreement says what log and state contradict each other in, "" if they do not.
func disagreement(log *raft.Restored, state *machine.GroupReport) string {
	mark := state.Installed
	if mark.Index > log.SnapIndex && termAt(log, mark.Index) != mark.Term {
		if state.Index != mark.Index {
			return fmt.Sprintf("the log knows nothing of the snapshot of entry %d that was installed, but entry %d is applied", mark.Index, state.Index)
		}
		return "" // a crash came between the installation and the log's mark
	}
	switch {
	case state.Index < log.SnapIndex:
		return fmt.Sprintf("the log begins after entry %d, but the storage engine holds the state of entry %d only: it lost data", log.SnapIndex, state.Index)
	case state.Index > log.LastIndex:
		return fmt.Sprintf("the storage engine holds the state of entry %d, but the log ends at %d: it lost entries", state.Index, log.LastIndex)
	case state.Index > 0 && termAt(log, state.Index) != state.Term:
		return fmt.Sprintf("entry %d was applied with term %d, in the log it has term %d", state.Index, state.Term, termAt(log, state.Index))
	}
	return ""
}

// termAt is the term of the log's entry at an index, 0 if it is not there.
func termAt(log *raft.Restored, index uint64) uint64 {
	if index == log.SnapIndex {
		return log.SnapTerm
	}
	term := uint64(0)
	if index > log.SnapIndex && index <= log.LastIndex {
		for _, run := range log.Runs {
			if run.First <= index {
				term = run.Term
			}
		}
	}
	return term
}

// replicaName writes a replica's id as node.generation.
func replicaName(id raft.ReplicaID) string {
	if id == 0 {
		return "-"
	}
	return fmt.Sprintf("%d.%d", id.Node(), id.Generation())
}
