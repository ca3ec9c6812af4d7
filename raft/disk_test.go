package raft

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Claim (WAL-13): a leader whose disk hangs gives its leadership up, though its followers answer; with a
// disk that works it stays. Method: propose, answer heartbeats, and complete nothing, or everything.
func TestLeaderWithHangingDiskStepsDown(t *testing.T) {
	for _, hangs := range []bool{false, true} {
		s := newSolo(t, 3, nil, 1, 1)
		s.lead()
		s.mustPropose(1)
		until := s.now + (diskPatience+1)*testElection
		for s.now < until && s.Role() == Leader {
			s.tick()
			for _, m := range of(s.out().Messages, MsgHeartbeat) {
				s.get(Message{Type: MsgHeartbeatResp, From: m.To, Term: s.Term(), LogIndex: 1, Round: m.Round})
			}
			if !hangs {
				s.complete()
			}
		}
		require.Equal(t, hangs, s.Role() != Leader)
	}
}

// Claim: a replica whose disk hangs does not campaign, so that it cannot raise a term in which it is
// unable to ask for votes; it does again when the disk is back. Method: hold a hand-off open.
func TestReplicaWithHangingDiskDoesNotCampaign(t *testing.T) {
	s := newSolo(t, 3, nil, 1, 1)
	s.get(Message{Type: MsgAppend, From: 2, Term: 1, LogIndex: 1, LogTerm: 1, Entries: []Entry{{Index: 2, Term: 1}}})
	s.out()
	until := s.now + (diskPatience+4)*testElection
	for s.now < until {
		s.tick()
		s.out()
	}
	require.Equal(t, Follower, s.Role())
	s.complete()
	s.tick()
	require.Equal(t, PreCandidate, s.Role())
}

// Claim: a replica that its shell calls unfit neither leads nor campaigns, until it is fit again; a lone one leads on, as there
// is nobody else. Method: call it unfit as a leader and as a follower.
func TestUnfitReplicaDoesNotLead(t *testing.T) {
	s := newSolo(t, 3, nil, 1, 1)
	s.lead()
	s.SetUnfit(true)
	s.tick()
	require.Equal(t, Follower, s.Role())
	for range 5 {
		s.tick()
		require.Equal(t, Follower, s.Role())
	}
	s.SetUnfit(false)
	s.tick()
	require.Equal(t, PreCandidate, s.Role())

	lone := newSolo(t, 1, nil, 1, 1)
	lone.SetUnfit(true)
	lone.tick()
	lone.flush()
	require.Equal(t, Leader, lone.Role())
}
