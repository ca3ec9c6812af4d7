package replica

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft"
)

// Goal: what was read for a follower, or could not be, counts only in the leadership that asked for it: the log may have been
// rewritten since. Method: answer a fetch of an earlier term, then one of the present term, with an error.
func TestFetchOfAnEarlierLeadershipIsIgnored(t *testing.T) {
	l := newGroup(t, 3, nil).elect(1)
	answer := func(term uint64) {
		f := &peerFetch{replica: l.r, term: term, fetch: raft.Fetch{Peer: 2, Lo: 1, Hi: 1}, err: errors.New("no such entry")}
		f.Done()
	}
	answer(l.r.Raft().Term() - 1)
	require.NoError(t, l.failure)
	answer(l.r.Raft().Term())
	require.ErrorContains(t, l.failure, "no such entry")
}
