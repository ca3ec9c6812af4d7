// Package confchange is who takes part in a Raft group, and how that may change: by
// joint consensus (§6, dissertation §4.3). It is pure; raft appends what it
// computes to the log.
//
// A Config is always stored and sent whole, never as a difference, so that the one in
// effect is that of the newest configuration entry in the log and nothing else.
//
// Every change of voters goes through a joint configuration, in which old and new voters
// must agree separately, also a change of a single one. Learners get the log and
// count for nothing, so adding or removing one needs no joint phase.
//
// Invariants:
//
//	CONF-1  Members are ascending by id, each at most once, and at most one for each node; in
//	        a joint configuration also one that leaves, which the other replaces.
//	CONF-2  Each member is an incoming voter, an outgoing voter, or a learner; never
//	        incoming voter and learner. Only in a joint configuration there are outgoing voters.
//	CONF-3  There are 1 to MaxVoters incoming voters, and as many outgoing ones if joint. (The
//	        empty configuration of a replica that knows of nobody yet is Config{}.)
//	CONF-4  A member that is added gets Generation+1, and Generation never goes back: no replica
//	        id is ever used twice in a group.
//	CONF-5  Of a joint configuration only Leave leads on, to the incoming voters and the learners.
//	CONF-6  The epoch never goes back.
package confchange
