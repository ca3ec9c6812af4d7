package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfastdb/holdfast/kv/kvpb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The operations say what the store did: one of each against a fake store.
func TestOperationsReturnWhatTheStoreDid(t *testing.T) {
	c := dial(t, Config{}, serve(t, 1, "", newFakeStore().execute))
	ctx := patient(t)
	res, err := c.Put(ctx, []byte("a"), []byte("1"))
	require.NoError(t, err)
	require.True(t, res.Applied)
	require.NotZero(t, res.Version)
	res, err = c.Get(ctx, []byte("a"))
	require.NoError(t, err)
	require.True(t, res.Found)
	require.Equal(t, "1", string(res.Value))
	require.Equal(t, c.Endpoint(0), c.Endpoint(res.Endpoint))
	res, err = c.CompareAndSetValue(ctx, []byte("a"), []byte("other"), []byte("2"))
	require.NoError(t, err)
	require.True(t, res.ConditionFailed)
	require.Equal(t, "1", string(res.Value))
	res, err = c.Batch(ctx, []Item{{Kind: KindPut, Key: []byte("x"), Value: []byte("3")}, {Kind: KindErase, Key: []byte("y")}})
	require.NoError(t, err)
	require.Len(t, res.Items, 2)
	_, err = c.Put(ctx, nil, []byte("v"))
	require.ErrorIs(t, err, ErrInvalid)
	require.NotErrorIs(t, err, ErrUnavailable)
	_, err = c.CompareAndSetVersion(ctx, []byte("k"), 0, nil)
	require.ErrorIs(t, err, ErrInvalid)
	res, err = c.Get(ctx, []byte("none"), WithStale())
	require.NoError(t, err)
	require.False(t, res.Found)
}

// A batch that no message can hold is refused alone, and the largest that is accepted
// fits into one: writes before and after them share the first stream.
func TestOversizedBatchDoesNotBreakTheStream(t *testing.T) {
	s := serve(t, 1, "", newFakeStore().execute)
	c := dial(t, Config{}, s)
	ctx := patient(t)
	value := make([]byte, 1<<20)
	batch := func(n int) error {
		items := make([]Item, n)
		for i := range items {
			items[i] = Item{Kind: KindPut, Key: fmt.Append(nil, i), Value: value}
		}
		_, err := c.Batch(ctx, items)
		return err
	}
	_, err := c.Put(ctx, []byte("a"), []byte("1"))
	require.NoError(t, err)
	err = batch(70)
	require.ErrorIs(t, err, ErrInvalid)
	require.NotErrorIs(t, err, ErrOutcomeUnknown)
	require.NoError(t, batch(59))
	_, err = c.Put(ctx, []byte("a"), []byte("2"), WithoutSession())
	require.NoError(t, err)
	s.mu.Lock()
	defer s.mu.Unlock()
	require.Equal(t, 1, s.streams)
}

// Many concurrent operations share messages and each gets its own answer: a gate
// holds the first batch back until all have been queued.
func TestConcurrentOperationsArePipelined(t *testing.T) {
	store := newFakeStore()
	gate := make(chan struct{})
	var once sync.Once
	first := make(chan struct{})
	s := serve(t, 1, "", func(req *kvpb.Request) *kvpb.Response {
		once.Do(func() { close(first) })
		<-gate
		return store.execute(req)
	})
	c := dial(t, Config{AttemptTimeout: time.Minute}, s)
	const n = 200
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			v := fmt.Appendf(nil, "v%d", i)
			res, err := c.Put(patient(t), fmt.Appendf(nil, "k%d", i), v)
			require.NoError(t, err)
			require.True(t, res.Applied)
			res, err = c.Get(patient(t), fmt.Appendf(nil, "k%d", i))
			require.NoError(t, err)
			require.Equal(t, string(v), string(res.Value))
		})
	}
	<-first
	close(gate)
	wg.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	require.Greater(t, s.largest, 1)
	require.Less(t, s.batches, 2*n)
}

// A request to a follower reaches the leader, also one that is not among the
// configured endpoints: a follower that names a leader the client does not know.
func TestNotLeaderRedirectsEvenToUnknownEndpoints(t *testing.T) {
	leader := serve(t, 2, "", newFakeStore().execute)
	var asked atomic.Int64
	follower := serve(t, 1, "", func(*kvpb.Request) *kvpb.Response {
		asked.Add(1)
		return &kvpb.Response{Code: kvpb.Code_NOT_LEADER, LeaderNode: 2, LeaderAddress: leader.address}
	})
	c := dial(t, Config{}, follower)
	for i := range 20 {
		res, err := c.Put(patient(t), []byte("k"), fmt.Append(nil, i))
		require.NoError(t, err)
		require.Equal(t, uint64(2), res.Node)
		require.Equal(t, leader.address, c.Endpoint(res.Endpoint))
	}
	require.Less(t, asked.Load(), int64(20), "the client did not remember the leader")
}

// A write whose connection broke after it was applied is retried with its number
// and reported once: the server dies before it answers, and comes back.
func TestReconnectRetriesWithTheSameNumber(t *testing.T) {
	store := newFakeStore()
	applied := make(chan struct{})
	var once sync.Once
	s := serve(t, 1, "", func(req *kvpb.Request) *kvpb.Response {
		resp := store.execute(req)
		if req.Kind != kvpb.RequestKind_WRITE {
			return resp
		}
		once.Do(func() { close(applied) })
		return nil
	})
	c := dial(t, Config{AttemptTimeout: time.Minute}, s)
	done := make(chan error, 1)
	var res Result
	go func() {
		var err error
		res, err = c.Put(patient(t), []byte("k"), []byte("v"))
		done <- err
	}()
	<-applied
	s.grpc.Stop()
	serve(t, 1, s.address, store.execute)
	require.NoError(t, <-done)
	require.True(t, res.Duplicate)
	store.mu.Lock()
	defer store.mu.Unlock()
	require.Equal(t, 1, store.writes["v"])
}

// Cancelling tells the truth: a write under way is unknown, one that never left and
// a read are not applied.
func TestCancellationIsHonest(t *testing.T) {
	arrived := make(chan struct{}, 16)
	s := serve(t, 1, "", func(req *kvpb.Request) *kvpb.Response {
		if req.Kind == kvpb.RequestKind_OPEN_SESSION {
			return &kvpb.Response{Code: kvpb.Code_OK, Session: 1}
		}
		arrived <- struct{}{}
		return nil
	})
	c := dial(t, Config{AttemptTimeout: time.Minute}, s)
	cancelled := func(op func(ctx context.Context) error, wait bool) error {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- op(ctx) }()
		if wait {
			<-arrived
		}
		cancel()
		return <-done
	}
	err := cancelled(func(ctx context.Context) error {
		_, err := c.Put(ctx, []byte("k"), []byte("v"))
		return err
	}, true)
	require.ErrorIs(t, err, ErrOutcomeUnknown)
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, ErrUnavailable)
	err = cancelled(func(ctx context.Context) error {
		_, err := c.Get(ctx, []byte("k"))
		return err
	}, true)
	require.NotErrorIs(t, err, ErrOutcomeUnknown)
	require.ErrorIs(t, err, ErrUnavailable)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.Put(ctx, []byte("k"), []byte("v"))
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorIs(t, err, context.Canceled)
}

// Without a server an operation ends at its deadline as certainly not applied, and
// says what to check.
func TestUnreachableClusterIsUnavailableNotUnknown(t *testing.T) {
	c, err := Dial(t.Context(), Config{
		Endpoints: []string{"127.0.0.1:1"}, RequestTimeout: 50 * time.Millisecond,
		Dialer: func(context.Context, string) (net.Conn, error) { return nil, errors.New("no route") },
	})
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Put(t.Context(), []byte("k"), []byte("v"))
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "no endpoint is connected")
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, Failed, e.Outcome)
	require.Contains(t, e.Hint, "check that the nodes run")
}

// Close completes what is outstanding with the truth, and later calls fail:
// a silent server, writes and reads under way, then Close.
func TestCloseCompletesOutstandingOperations(t *testing.T) {
	arrived := make(chan struct{}, 64)
	s := serve(t, 1, "", func(req *kvpb.Request) *kvpb.Response {
		if req.Kind == kvpb.RequestKind_OPEN_SESSION {
			return &kvpb.Response{Code: kvpb.Code_OK, Session: 1}
		}
		arrived <- struct{}{}
		return nil
	})
	c := dial(t, Config{AttemptTimeout: time.Minute}, s)
	errs := make(chan error, 20)
	for i := range 20 {
		c.Go(Op{Kind: KindPut, Key: []byte("k"), Value: fmt.Append(nil, i)}, -1, func(_ Result, err error) { errs <- err })
	}
	for range 20 {
		<-arrived
	}
	require.NoError(t, c.Close())
	require.Len(t, errs, 20)
	for range 20 {
		err := <-errs
		require.ErrorIs(t, err, ErrClosed)
		require.ErrorIs(t, err, ErrOutcomeUnknown)
	}
	_, err := c.Get(t.Context(), []byte("k"))
	require.ErrorIs(t, err, ErrClosed)
	require.NotErrorIs(t, err, ErrOutcomeUnknown)
	require.NoError(t, c.Close())
}

// A configuration without a usable endpoint is refused with a reason.
func TestDialChecksItsConfiguration(t *testing.T) {
	_, err := Dial(t.Context(), Config{})
	require.ErrorContains(t, err, "no endpoint given")
	_, err = Dial(t.Context(), Config{Endpoints: []string{""}})
	require.ErrorContains(t, err, "host:port")
	_, err = Dial(t.Context(), Config{Endpoints: []string{"a:1"}, MaxOutstanding: -1})
	require.ErrorContains(t, err, "bounds must be positive")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Dial(ctx, Config{Endpoints: []string{"a:1"}})
	require.ErrorIs(t, err, context.Canceled)
}

// Beyond its bounds the client refuses instead of growing: one operation under way,
// one queued, a silent server.
func TestOverloadIsRefused(t *testing.T) {
	arrived := make(chan struct{}, 1)
	s := serve(t, 1, "", func(*kvpb.Request) *kvpb.Response {
		arrived <- struct{}{}
		return nil
	})
	c := dial(t, Config{MaxOutstanding: 1, MaxQueued: 1, AttemptTimeout: time.Minute}, s)
	ended := make(chan error, 2)
	for range 2 { // one under way, one queued
		c.Go(Op{Kind: KindGet, Key: []byte("k")}, -1, func(_ Result, err error) { ended <- err })
	}
	<-arrived
	_, err := c.Get(patient(t), []byte("k"))
	require.ErrorIs(t, err, ErrOverloaded)
	require.ErrorIs(t, err, ErrUnavailable)
	require.NoError(t, c.Close())
	require.ErrorIs(t, <-ended, ErrClosed)
	require.ErrorIs(t, <-ended, ErrClosed)
}

// Losing the leader under load loses no operation: the leader dies with many writes
// under way, another takes over, and each write is applied exactly once.
func TestFailoverUnderLoad(t *testing.T) {
	store := newFakeStore()
	var leader atomic.Uint64
	leader.Store(1)
	var seen atomic.Int64
	enough := make(chan struct{})
	handler := func(node uint64) func(*kvpb.Request) *kvpb.Response {
		return func(req *kvpb.Request) *kvpb.Response {
			if leader.Load() != node {
				return &kvpb.Response{Code: kvpb.Code_NOT_LEADER}
			}
			if seen.Add(1) == 500 {
				close(enough)
			}
			return store.execute(req)
		}
	}
	a, b, d := serve(t, 1, "", handler(1)), serve(t, 2, "", handler(2)), serve(t, 3, "", handler(3))
	c := dial(t, Config{}, a, b, d)
	const workers, each = 20, 100
	var wg sync.WaitGroup
	for g := range workers {
		wg.Go(func() {
			for i := range each {
				res, err := c.Put(patient(t), fmt.Appendf(nil, "k%d", g), fmt.Appendf(nil, "v%d-%d", g, i))
				require.NoError(t, err)
				require.True(t, res.Applied)
			}
		})
	}
	<-enough
	a.grpc.Stop()
	leader.Store(2)
	wg.Wait()
	store.mu.Lock()
	defer store.mu.Unlock()
	require.Len(t, store.writes, workers*each)
	for v, n := range store.writes {
		require.Equal(t, 1, n, v)
	}
}
