package raft

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Claim: CheckInvariants is able to fail for reads and transfers, and names what broke. Method: as in
// TestCheckInvariantsFindsEachViolation.
func TestCheckInvariantsFindsViolationsOfReadsAndTransfers(t *testing.T) {
	leader := func() *solo { return leading(t, 3, leases) }
	follower := func() *solo { return following(t, nil) }
	for _, c := range []struct {
		want   string
		make   func() *solo
		damage func(*solo)
	}{
		{"RAFT-10: 101 reads", follower, func(s *solo) { s.reads.waiting = make([]uint64, 101) }},
		{"RAFT-10: 0 reads and 101", leader, func(s *solo) { s.reads.remote = make([]remoteRead, 101) }},
		{"RAFT-10: 1 reads wait though", follower, func(s *solo) { s.leader, s.reads.waiting = 0, []uint64{1} }},
		{"RAFT-10: reads wait", follower, func(s *solo) { s.reads.confirming = []uint64{1} }},
		{"RAFT-10: reads wait", leader, func(s *solo) { s.reads.asked = []askedRead{{}} }},
		{"RAFT-11: hands over to 2 what", follower, func(s *solo) { s.leading.transfer.to = 2 }},
		{"RAFT-11: hands over to 1", leader, func(s *solo) { s.leading.transfer.to = 1 }},
		{"RAFT-11: hands over to 2 until", leader, func(s *solo) { s.leading.transfer = transfer{to: 2, until: Never} }},
		{"RAFT-12: told", leader, func(s *solo) { s.leading.transfer = transfer{to: 2, told: 1} }},
		{"RAFT-12: forgot", func() *solo {
			s := leader()
			s.leading.abdicated = true
			return s
		}, func(s *solo) { s.leading.abdicated = false }},
	} {
		s := c.make()
		s.check()
		c.damage(s)
		require.ErrorContains(t, s.CheckInvariants(), c.want)
	}
}
