package oracle

import (
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/holdfastdb/holdfast/checker/invariant"
	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/kv/replica"
	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/testsuite/cluster"
)

// of names the replica by its own id, which is never used twice, not by its node.
func of(r *replica.Replica) invariant.Replica {
	return invariant.Replica{Group: uint64(r.Group()), Node: uint64(r.ID())}
}

// recovered begins to watch a replica that just started.
func (o *groupWatch) recovered(m *cluster.Member, rep *replica.Replica) *watched {
	core, r := rep.Raft(), of(rep)
	w := &watched{member: m, replica: rep, term: core.Term(), base: core.FirstIndex() - 1}
	w.committed = w.base // what it knows as committed is told of in its first turn, in case nobody else was asked
	w.applied, _ = rep.Applied()
	w.baseTerm, _ = core.TermAt(w.base)
	o.nodes[m.Number] = w
	o.appendOnly.ObserveFollower(r)
	o.check(o.recovery.ObserveRestart(r, invariant.Recovered{
		Term: core.Term(), Vote: uint64(core.Vote()), Log: viewOf(core),
	}))
	o.progress.ObserveRestart(r, invariant.Position{Term: w.term, Commit: core.Commit(), Applied: w.applied})
	o.arrival(m, rep.ID())
	o.baseConfig(w, core)
	o.readLog(w, core.LastIndex())
	// A job may have installed a snapshot or applied entries, and the crash may have come before
	// its Done.
	mark, installs := rep.Installed()
	w.installs = installs
	if mark.Index > o.machine.Applied(r) {
		o.check(o.machine.ObserveSnapshot(r, mark.Index, mark.Term))
	}
	for i := o.machine.Applied(r); i < w.applied; i++ {
		e, ok := w.entry(i + 1)
		if !ok {
			break
		}
		o.check(o.machine.ObserveApply(r, e))
	}
	o.check(o.machine.ObserveRestart(r, w.applied))
	return w
}

func viewOf(core *raft.Raft) invariant.View {
	return func(index uint64) (uint64, invariant.Holding) {
		if index == 0 || index > core.LastIndex() {
			return 0, invariant.Absent
		}
		term, ok := core.TermAt(index)
		if !ok {
			return 0, invariant.Compacted
		}
		return term, invariant.Present
	}
}

// readLog copies a recovered log from the disk.
func (o *groupWatch) readLog(w *watched, last uint64) {
	for next := w.base + 1; next <= last; {
		entries, err := w.member.Log().ReadEntries(w.replica.Group(), next, last, 1<<20)
		if err != nil || len(entries) == 0 {
			if o.MayFail(w.member.Number) {
				return
			}
			o.check(verdict.Violationf(invariant.OracleRecovery, "unreadable",
				"node %d: recovered log ends at %d but entry %d cannot be read: %v", w.member.Number, last, next, err).On(o.id, uint64(w.member.Number)))
			return
		}
		for i := range entries {
			o.appended(w, &entries[i])
		}
		next = entries[len(entries)-1].Index + 1
	}
}

func entryOf(e *raft.Entry) invariant.Entry {
	h := xxhash.Sum64(e.Data)
	return invariant.Entry{Index: e.Index, Term: e.Term, Hash: h*31 + uint64(e.Kind)}
}

// last is the index of the last entry in the copy.
func (w *watched) last() uint64 { return w.base + uint64(len(w.log)) }

func (w *watched) entry(index uint64) (invariant.Entry, bool) {
	if index <= w.base || index > w.last() {
		return invariant.Entry{}, false
	}
	return w.log[index-w.base-1], true
}

func (w *watched) termAt(index uint64) uint64 {
	if index == w.base {
		return w.baseTerm
	}
	e, _ := w.entry(index)
	return e.Term
}

// trim forgets the entries up to index, which the replica has compacted.
func (w *watched) trim(index uint64) {
	if index <= w.base {
		return
	}
	w.baseTerm = w.termAt(index)
	w.log = append(w.log[:0], w.log[index-w.base:]...)
	w.base = index
	w.rebase(index)
}

func (o *groupWatch) appended(w *watched, e *raft.Entry) {
	r, entry := of(w.replica), entryOf(e)
	o.check(o.matching.ObserveAppend(r, entry, w.termAt(e.Index-1)))
	if w.leads {
		o.check(o.appendOnly.ObserveAppend(r, entry))
	}
	w.log = append(w.log, entry)
	o.configured(w, e, w.replica.Raft().Commit())
}

// afterTurn observes what a turn of the node changed in its replica.
func (o *groupWatch) afterTurn(m *cluster.Member, rep *replica.Replica) {
	w := o.nodes[m.Number]
	if w == nil || w.replica != rep {
		w = o.recovered(m, rep)
	}
	if w.member != m {
		return
	}
	core, r := rep.Raft(), of(rep)
	if err := core.CheckInvariants(); err != nil {
		o.check(verdict.Violationf(CoreInvariant, aspect(err), "node %d: %v", m.Number, err).On(o.id, uint64(m.Number)))
		if o.done {
			return
		}
	}
	if w.leads && (core.Role() != raft.Leader || core.Term() != w.term) {
		w.leads = false
		o.Count("leaders deposed", 1)
		o.appendOnly.ObserveFollower(r)
	}
	o.observeInstall(w, core)
	o.observeLog(w, core)
	o.observeRole(w, core, r)
	o.observeCommit(w, rep, r)
	if base := min(core.FirstIndex()-1, w.last()); base > w.base {
		o.Count("log compactions", 1)
		w.trim(base)
		o.forget()
	}
	o.observeConfig(w, core)
}

// aspect is the name of the invariant, such as "RAFT-6", that the core's message has.
func aspect(err error) string {
	for _, word := range strings.FieldsFunc(err.Error(), func(c rune) bool { return c == ' ' || c == ':' || c == ',' }) {
		if strings.HasPrefix(word, "RAFT-") || strings.HasPrefix(word, "LOG-") {
			return word
		}
	}
	return "other"
}

// observeInstall notices that a snapshot has replaced the state: the log begins behind it, and
// goes on only if it agrees with it.
func (o *groupWatch) observeInstall(w *watched, core *raft.Raft) {
	mark, installs := w.replica.Installed()
	if installs == w.installs {
		return
	}
	w.installs = installs
	o.Count("snapshots installed", 1)
	r := of(w.replica)
	o.check(o.machine.ObserveSnapshot(r, mark.Index, mark.Term))
	w.applied, w.committed = max(w.applied, mark.Index), max(w.committed, mark.Index)
	if w.termAt(mark.Index) != mark.Term || mark.Index > w.last() {
		if mark.Index < w.last() {
			o.check(o.recovery.ObserveTruncate(r, core.Term(), mark.Index+1, mark.Term))
		}
		w.log, w.base, w.baseTerm = w.log[:0], mark.Index, mark.Term
		o.baseConfig(w, core)
	}
	o.check(o.configs.ObserveInstalled(r, mark.Index, decode(mark.Config)))
}

// observeLog finds what was truncated and appended in this turn.
func (o *groupWatch) observeLog(w *watched, core *raft.Raft) {
	keep := min(w.last(), core.LastIndex())
	for keep > w.base {
		if term, ok := core.TermAt(keep); !ok || term == w.termAt(keep) {
			break
		}
		keep--
	}
	r := of(w.replica)
	if keep < w.last() {
		o.check(o.appendOnly.ObserveTruncate(r, keep+1))
		o.check(o.recovery.ObserveTruncate(r, core.Term(), keep+1, w.termAt(keep)))
		w.log = w.log[:keep-w.base]
		w.unconfigure(keep)
	}
	if last := core.LastIndex(); last > keep {
		entries, ok := core.Slice(keep+1, last, 1<<30)
		if !ok {
			panic("oracle: entries appended in this turn are not in memory")
		}
		for i := range entries {
			o.appended(w, &entries[i])
		}
	}
}

func (o *groupWatch) observeRole(w *watched, core *raft.Raft, r invariant.Replica) {
	leads := core.Role() == raft.Leader
	if leads && !w.leads {
		o.elected(core.ID(), core.Term())
		o.check(o.configs.ObserveLeader(r, w.possible(core.Commit())))
		o.check(o.election.ObserveLeader(r, core.Term()))
		o.check(o.complete.ObserveLeader(r, core.Term(), viewOf(core)))
		o.appendOnly.ObserveLeader(r, core.Term(), core.LastIndex())
	}
	w.leads, w.term = leads, core.Term()
	if !leads {
		return
	}
	for _, p := range core.Configuration().Members {
		if p.ID != r.Node {
			o.check(o.progress.ObserveMatch(r, w.term, p.ID, core.PeerMatch(raft.ReplicaID(p.ID))))
		}
	}
}

func (o *groupWatch) observeCommit(w *watched, rep *replica.Replica, r invariant.Replica) {
	core := rep.Raft()
	applied, hash := rep.Applied()
	o.check(o.progress.Observe(r, invariant.Position{Term: core.Term(), Commit: core.Commit(), Applied: applied}))
	o.committedConfigs(w, w.committed, core.Commit())
	for ; w.committed < core.Commit() && w.committed < w.last(); w.committed++ {
		if e, ok := w.entry(w.committed + 1); ok {
			o.check(o.complete.ObserveCommitted(r, e, core.Term()))
		}
	}
	if applied == w.applied {
		return
	}
	for ; w.applied < applied && w.applied < w.last(); w.applied++ {
		if e, ok := w.entry(w.applied + 1); ok {
			o.check(o.machine.ObserveApply(r, e))
		}
	}
	o.check(o.hashes.ObserveStateHash(r, applied, hash))
}

// sending notes what a message of the replica promises.
func (o *groupWatch) sending(rep *replica.Replica, msg *raft.Message) {
	o.told(msg)
	r := of(rep)
	switch msg.Type {
	case raft.MsgVote:
		o.check(o.recovery.PromiseTerm(r, msg.Term, uint64(msg.From)))
	case raft.MsgVoteResp:
		if !msg.Reject {
			o.check(o.recovery.PromiseTerm(r, msg.Term, uint64(msg.To)))
		}
	case raft.MsgAppendResp:
		if !msg.Reject && msg.LogIndex > 0 {
			o.check(o.recovery.PromiseTerm(r, msg.Term, 0))
			if term, ok := rep.Raft().TermAt(msg.LogIndex); ok {
				o.recovery.PromiseEntries(r, msg.Term, msg.LogIndex, term)
			}
		}
	}
}
