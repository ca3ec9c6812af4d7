// Package invariant watches Raft replicas from outside and reports the first
// event that breaks one of the properties that Raft is proved to have.
//
// The oracles know nothing of the implementation: they are told plain facts
// (this replica became leader of that term, this replica has applied that
// entry) and answer each with nil or a violation. Whoever feeds them sets the
// violation's time. An observation costs constant time unless said otherwise.
//
// Facts that must hold of what is fed:
//
//	INV-1  Events are fed in the order in which they happen in the run.
//	INV-2  A replica id (group, node) is never reused after its disk was lost: a
//	       wiped node comes back under a new node id or is forgotten by Forget.
//	INV-3  Hashes are of the whole entry content (kind and command), so that
//	       equal hashes mean equal entries.
//
// Oracles and where their properties come from (Raft, extended version):
//
//	ElectionSafety      Figure 3: at most one leader in a term
//	LeaderAppendOnly    Figure 3: a leader only appends to its log
//	LogMatching         Figure 3, §5.3: same index and term, same entry and same past
//	LeaderCompleteness  Figure 3, §5.4: committed entries are in all later leaders' logs
//	StateMachineSafety  Figure 3, §5.4.3: one entry per index is applied
//	Progress            term, commit, applied and match do not go back
//	StateHash           DESIGN §5: same applied index, same state
//	Durability          DESIGN §1.3: what is acknowledged is on the disks of a quorum
//	Recovery            DESIGN §1.3: what a message promised survives a restart
//	Configurations      §6, dissertation ch. 4: one history of legal steps, in effect when appended
//
// An oracle does not forget what it reported: the same fact again is the same
// violation again. The zero values are not usable; each has a constructor.
// They are for one goroutine.
//
// Memory: a few words per log index and group for entries; Forget calls, where
// an oracle has one, bound it for long runs.
package invariant
