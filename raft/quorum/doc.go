// Package quorum decides what a set of voters has agreed on, or two sets that must both
// agree (joint consensus, §6). It is pure: the answers follow from the configuration and
// the numbers asked of it, and are computed afresh each time, so that no incremental state
// can go wrong.
//
// Invariants:
//
//	QUORUM-1 CommittedIndex is the largest value that a majority has reached; of a joint configuration, that
//	         a majority of each half has reached.
//	QUORUM-2 VoteResult is Won iff a majority granted, Lost iff a majority cannot grant any more. A joint
//	         configuration is won iff both halves are, and lost as soon as one is.
//	QUORUM-3 Any two sets of voters that decide something share a voter; also if one decides by a joint configuration
//	         and the other by one of its halves.
//	QUORUM-4 The empty configuration decides nothing: index 0, vote lost.
//	QUORUM-5 Only voters are asked; whatever others say has no way in.
package quorum
