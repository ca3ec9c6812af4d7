package oracle

import (
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/holdfastdb/holdfast/checker/invariant"
	"github.com/holdfastdb/holdfast/checker/verdict"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/node"
	"github.com/holdfastdb/holdfast/kv/replica"
	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/testsuite/cluster"
)

const group = uint64(node.TheGroup)

// Names of the oracles of this package, beside those of checker/invariant.
const (
	// CoreInvariant is raft's own invariants, RAFT-1 to RAFT-10.
	CoreInvariant = "core-invariant"
	// NodeFailure is a node that stops serving though its disk did not fail.
	NodeFailure = "node-failure"
)

// Oracle implements cluster.Watcher.
type Oracle struct {
	// Report is told of the first violation.
	Report func(*verdict.Violation)
	// MayFail says whether a node may stop serving by itself now.
	MayFail func(number int) bool
	// Sent is told of each message that a node sends to another.
	Sent func(from, to env.NodeID)

	election   *invariant.ElectionSafety
	appendOnly *invariant.LeaderAppendOnly
	matching   *invariant.LogMatching
	complete   *invariant.LeaderCompleteness
	machine    *invariant.StateMachineSafety
	progress   *invariant.Progress
	hashes     *invariant.StateHash
	recovery   *invariant.Recovery
	durability *invariant.Durability

	cluster *cluster.Cluster
	nodes   map[int]*watched
	done    bool
	// Elections counts the leaders seen, Deposed those that lost leadership alive.
	Elections, Deposed int64
	// Audits counts the look-ups of acknowledged writes in durable bytes.
	Audits     int64
	acks       uint64
	auditEvery uint64
}

// watched is what the oracle remembers of one node.
type watched struct {
	member *cluster.Member
	// log is the node's log, entry i at log[i-1].
	log       []invariant.Entry
	leads     bool
	term      uint64
	committed uint64
	applied   uint64
}

// New returns an oracle; auditEvery says how many acknowledged writes go by between two
// looks at the durable bytes.
func New(auditEvery uint64) *Oracle {
	return &Oracle{
		Report: func(*verdict.Violation) {}, MayFail: func(int) bool { return false },
		Sent:     func(env.NodeID, env.NodeID) {},
		election: invariant.NewElectionSafety(), appendOnly: invariant.NewLeaderAppendOnly(),
		matching: invariant.NewLogMatching(), complete: invariant.NewLeaderCompleteness(),
		machine: invariant.NewStateMachineSafety(), progress: invariant.NewProgress(),
		hashes: invariant.NewStateHash(), recovery: invariant.NewRecovery(),
		durability: invariant.NewDurability(),
		nodes:      make(map[int]*watched), auditEvery: auditEvery,
	}
}

// Watch tells the oracle which cluster it watches.
func (o *Oracle) Watch(c *cluster.Cluster) { o.cluster = c }

func (o *Oracle) check(v *verdict.Violation) {
	if v == nil || o.done {
		return
	}
	o.done = true
	v.At = int64(o.cluster.World.Now())
	o.Report(v)
}

func replicaOf(m *cluster.Member) invariant.Replica {
	return invariant.Replica{Group: group, Node: uint64(m.Number)}
}

// Recovered implements cluster.Watcher: what was promised must be there.
func (o *Oracle) Recovered(m *cluster.Member) {
	rep := m.Replica(node.TheGroup)
	core, r := rep.Raft(), replicaOf(m)
	w := &watched{member: m, term: core.Term(), committed: core.Commit()}
	w.applied, _ = rep.Applied()
	o.nodes[m.Number] = w
	o.appendOnly.ObserveFollower(r)
	o.check(o.recovery.ObserveRestart(r, invariant.Recovered{
		Term: core.Term(), Vote: uint64(core.Vote()), Log: viewOf(core),
	}))
	o.progress.ObserveRestart(r, invariant.Position{Term: w.term, Commit: w.committed, Applied: w.applied})
	o.readLog(w, core.LastIndex())
	// A job may have applied entries and the crash may have come before its Done.
	for i := o.machine.Applied(r); i < w.applied && i < uint64(len(w.log)); i++ {
		o.check(o.machine.ObserveApply(r, w.log[i]))
	}
	o.check(o.machine.ObserveRestart(r, w.applied))
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
func (o *Oracle) readLog(w *watched, last uint64) {
	for next := uint64(1); next <= last; {
		entries, err := w.member.Log().ReadEntries(node.TheGroup, next, last, 1<<20)
		if err != nil || len(entries) == 0 {
			o.check(verdict.Violationf(invariant.OracleRecovery, "unreadable",
				"node %d: recovered log ends at %d but entry %d cannot be read: %v", w.member.Number, last, next, err).On(group, uint64(w.member.Number)))
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

func (w *watched) termAt(index uint64) uint64 {
	if index == 0 || index > uint64(len(w.log)) {
		return 0
	}
	return w.log[index-1].Term
}

func (o *Oracle) appended(w *watched, e *raft.Entry) {
	r, entry := replicaOf(w.member), entryOf(e)
	o.check(o.matching.ObserveAppend(r, entry, w.termAt(e.Index-1)))
	if w.leads {
		o.check(o.appendOnly.ObserveAppend(r, entry))
	}
	w.log = append(w.log, entry)
}

// AfterTurn implements cluster.Watcher.
func (o *Oracle) AfterTurn(m *cluster.Member) {
	w := o.nodes[m.Number]
	if o.done || w == nil || w.member != m {
		return
	}
	if err := m.Failed(); err != nil {
		if !o.MayFail(m.Number) {
			o.check(verdict.Violationf(NodeFailure, "stopped", "node %d stopped serving: %v", m.Number, err).On(group, uint64(m.Number)))
		}
		return
	}
	rep := m.Replica(node.TheGroup)
	core, r := rep.Raft(), replicaOf(m)
	if err := core.CheckInvariants(); err != nil {
		o.check(verdict.Violationf(CoreInvariant, aspect(err), "node %d: %v", m.Number, err).On(group, uint64(m.Number)))
		return
	}
	if w.leads && (core.Role() != raft.Leader || core.Term() != w.term) {
		w.leads = false
		o.Deposed++
		o.appendOnly.ObserveFollower(r)
	}
	o.observeLog(w, core)
	o.observeRole(w, core, r)
	o.observeCommit(w, rep, r)
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

// observeLog finds what was truncated and appended in this turn.
func (o *Oracle) observeLog(w *watched, core *raft.Raft) {
	keep := min(uint64(len(w.log)), core.LastIndex())
	for keep > 0 {
		if term, _ := core.TermAt(keep); term == w.log[keep-1].Term {
			break
		}
		keep--
	}
	r := replicaOf(w.member)
	if keep < uint64(len(w.log)) {
		o.check(o.appendOnly.ObserveTruncate(r, keep+1))
		o.check(o.recovery.ObserveTruncate(r, core.Term(), keep+1, w.termAt(keep)))
		w.log = w.log[:keep]
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

func (o *Oracle) observeRole(w *watched, core *raft.Raft, r invariant.Replica) {
	leads := core.Role() == raft.Leader
	if leads && !w.leads {
		o.Elections++
		o.check(o.election.ObserveLeader(r, core.Term()))
		o.check(o.complete.ObserveLeader(r, core.Term(), viewOf(core)))
		o.appendOnly.ObserveLeader(r, core.Term(), core.LastIndex())
	}
	w.leads, w.term = leads, core.Term()
	if !leads {
		return
	}
	for _, peer := range core.Voters() {
		if uint64(peer) != r.Node {
			o.check(o.progress.ObserveMatch(r, w.term, uint64(peer), core.PeerMatch(peer)))
		}
	}
}

func (o *Oracle) observeCommit(w *watched, rep *replica.Replica, r invariant.Replica) {
	core := rep.Raft()
	applied, hash := rep.Applied()
	o.check(o.progress.Observe(r, invariant.Position{Term: core.Term(), Commit: core.Commit(), Applied: applied}))
	for ; w.committed < core.Commit() && w.committed < uint64(len(w.log)); w.committed++ {
		o.check(o.complete.ObserveCommitted(r, w.log[w.committed], core.Term()))
	}
	if applied == w.applied {
		return
	}
	for ; w.applied < applied && w.applied < uint64(len(w.log)); w.applied++ {
		o.check(o.machine.ObserveApply(r, w.log[w.applied]))
	}
	o.check(o.hashes.ObserveStateHash(r, applied, hash))
}

// Sending implements cluster.Watcher: what a message promises must survive.
func (o *Oracle) Sending(m *cluster.Member, to env.NodeID, payload []byte) {
	o.Sent(m.ID(), to)
	msg, ok := node.PeekRaft(payload)
	if !ok || o.done {
		return
	}
	r := replicaOf(m)
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
			if term, ok := m.Replica(node.TheGroup).Raft().TermAt(msg.LogIndex); ok {
				o.recovery.PromiseEntries(r, msg.Term, msg.LogIndex, term)
			}
		}
	}
}
