package client

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// WithFollower spreads reads over all nodes and passes by one that cannot serve them; the other operations go to the
// leader. Method: a leader, a follower and a node without a replica on one store, which count what they answered.
func TestFollowerReadsAreSpread(t *testing.T) {
	store := newFakeStore()
	var answered [3]atomic.Int64
	serveReads := func(i int) func(*kvpb.Request) *kvpb.Response {
		return func(req *kvpb.Request) *kvpb.Response {
			if !req.Follower || req.Kind != kvpb.RequestKind_READ {
				return &kvpb.Response{Code: kvpb.Code_NOT_LEADER}
			}
			answered[i].Add(1)
			if i == 2 {
				return &kvpb.Response{Code: kvpb.Code_WRONG_PARTITION}
			}
			return store.execute(req)
		}
	}
	leader := serve(t, 1, "", func(req *kvpb.Request) *kvpb.Response {
		if req.Follower {
			answered[0].Add(1)
		}
		return store.execute(req)
	})
	c := dial(t, Config{}, leader, serve(t, 2, "", serveReads(1)), serve(t, 3, "", serveReads(2)))
	ctx := patient(t)
	_, err := c.Put(ctx, []byte("k"), []byte("v"))
	require.NoError(t, err)
	read := func() {
		res, err := c.Get(ctx, []byte("k"), WithFollower())
		require.NoError(t, err)
		require.Equal(t, "v", string(res.Value))
		require.Zero(t, res.Lag)
	}
	for answered[0].Load() == 0 || answered[1].Load() == 0 { // until both are connected
		read()
	}
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(read)
	}
	wg.Wait()
	require.GreaterOrEqual(t, answered[0].Load(), int64(10))
	require.GreaterOrEqual(t, answered[1].Load(), int64(10))
	_, err = c.Get(ctx, []byte("k"), WithFollower(), WithStale())
	require.ErrorIs(t, err, ErrInvalid)
}
