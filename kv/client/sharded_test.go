package client

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// Goal: a client that knows one node of a sharded cluster reaches all partitions, each key in its own. Method: writes,
// reads and batches of 200 keys from many goroutines; nodes note what is misplaced.
func TestKeysGoToTheirPartitions(t *testing.T) {
	f := newFakeShards(t, 3, 8)
	c := dial(t, Config{}, f.nodes[1])
	keys, partitions := f.keys(200)
	var wg sync.WaitGroup
	for i, key := range keys {
		wg.Go(func() {
			res, err := c.Put(patient(t), key, key)
			require.NoError(t, err)
			require.Equal(t, (partitions[i]-1)%3+1, int(res.Node))
			res, err = c.Get(patient(t), key)
			require.NoError(t, err)
			require.Equal(t, string(key), string(res.Value))
			require.Equal(t, f.nodes[res.Node-1].address, c.Endpoint(res.Endpoint))
		})
	}
	wg.Wait()
	for p, store := range f.stores {
		for key := range store.data {
			require.Equal(t, p+1, partitions[index(key)])
		}
	}
	_, err := c.Batch(patient(t), []Item{{Kind: KindPut, Key: f.keyIn(1)}, {Kind: KindPut, Key: f.keyIn(2)}})
	require.ErrorIs(t, err, ErrInvalid)
	require.ErrorContains(t, err, "different partitions")
	require.Empty(t, f.misplaced)
}

// index is the number in a key of fakeShards.keys.
func index(key string) (i int) {
	_, _ = fmt.Sscanf(key, "user%d", &i)
	return i
}

// Goal: a partition that moves is followed, whether the nodes tell of a new table or not yet. Method: moves under load.
func TestMovedPartitionIsFollowed(t *testing.T) {
	f := newFakeShards(t, 3, 4)
	c := dial(t, Config{RetryBackoffMax: 20 * time.Millisecond}, f.nodes[0])
	key := f.keyIn(2)
	for i := range 12 {
		res, err := c.Put(patient(t), key, fmt.Append(nil, i))
		require.NoError(t, err)
		require.True(t, res.Applied)
		if i%3 == 0 {
			f.move(2, i%2)
		}
		if i%6 == 0 {
			f.publish(1 + i%3)
		}
	}
	require.Len(t, f.stores[1].writes, 12)
	for value, n := range f.stores[1].writes {
		require.Equal(t, 1, n, value)
	}
}

// Goal: MultiPut and MultiGet take keys of all partitions, and each item tells how it ended. Method: all well; then one
// partition is silent until the caller gives up; then a key that breaks a limit.
func TestMultiOperationsTellOfEachItem(t *testing.T) {
	f := newFakeShards(t, 3, 4)
	c := dial(t, Config{}, f.nodes[0])
	keys, partitions := f.keys(100)
	var items []Item
	for _, key := range keys {
		items = append(items, Item{Kind: KindPut, Key: key, Value: key})
	}
	put, err := c.MultiPut(patient(t), items)
	require.NoError(t, err)
	require.Len(t, put, 100)
	got, err := c.MultiGet(patient(t), append(keys, []byte("none")))
	require.NoError(t, err)
	for i, key := range keys {
		require.Equal(t, OK, put[i].Outcome)
		require.True(t, put[i].Applied)
		require.Equal(t, string(key), string(got[i].Value))
	}
	require.False(t, got[100].Found)

	f.mu.Lock()
	f.silent, f.writes = 2, make(chan struct{}, 100)
	f.mu.Unlock()
	ctx, cancel := context.WithCancel(patient(t))
	go func() {
		for range 4 {
			<-f.writes
		}
		for _, p := range []int{1, 3, 4} { // answers come in order, so those to the parts are there
			_, err := c.Put(ctx, f.keyIn(p), nil)
			assert.NoError(t, err)
		}
		cancel()
	}()
	put, err = c.MultiPut(ctx, items)
	require.ErrorIs(t, err, ErrOutcomeUnknown)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "look at the result of each item")
	for i := range items {
		if partitions[i] == 2 {
			require.Equal(t, Unknown, put[i].Outcome)
			require.ErrorIs(t, put[i].Err, ErrOutcomeUnknown)
			continue
		}
		require.Equal(t, OK, put[i].Outcome)
		require.NoError(t, put[i].Err)
	}
	put, err = c.MultiPut(patient(t), []Item{{Kind: KindPut, Key: keys[0]}, {Kind: KindPut}})
	require.ErrorIs(t, err, ErrInvalid)
	for _, it := range put {
		require.Equal(t, Failed, it.Outcome)
		require.ErrorIs(t, it.Err, ErrInvalid)
	}
	require.Len(t, put, 2)
	require.Empty(t, f.misplaced)
}

// Goal: a scan returns each key once, from all partitions, and can be broken off and gone on with. Method: by the iterator,
// and by pages with two clients in turn; also of a cluster that is not sharded.
func TestScanReturnsEachKeyOnce(t *testing.T) {
	f := newFakeShards(t, 3, 4)
	single := serve(t, 1, "", newFakeStore().execute)
	for _, endpoint := range []*fakeServer{f.nodes[0], single} {
		c, other := dial(t, Config{}, endpoint), dial(t, Config{}, endpoint)
		keys, _ := f.keys(50)
		for _, key := range append(keys, []byte("other")) {
			_, err := c.Put(patient(t), key, key)
			require.NoError(t, err)
		}
		seen := map[string]int{}
		for p, err := range c.Scan(patient(t), []byte("user")) {
			require.NoError(t, err)
			require.Equal(t, string(p.Key), string(p.Value))
			seen[string(p.Key)]++
		}
		require.Len(t, seen, 50)
		var cursor []byte
		for i := 0; ; i++ {
			page, err := []*Client{c, other}[i%2].ScanPage(patient(t), []byte("user"), cursor, 7, WithFollower())
			require.NoError(t, err)
			require.LessOrEqual(t, len(page.Pairs), 7)
			for _, p := range page.Pairs {
				seen[string(p.Key)]++
			}
			if cursor = page.Next; cursor == nil {
				break
			}
		}
		for _, key := range keys {
			require.Equal(t, 2, seen[string(key)])
		}
		for range c.Scan(patient(t), nil) {
			break
		}
		_, err := c.ScanPage(patient(t), []byte("user"), []byte("made up"), 0)
		require.ErrorIs(t, err, ErrInvalid)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		n := 0
		for _, err := range c.Scan(ctx, nil) {
			require.ErrorIs(t, err, context.Canceled)
			n++
		}
		require.Equal(t, 1, n)
	}
}

// Goal: nodes that are not needed any more are disconnected from, and connected to again when they are. Method: a client
// with hardly any patience for idle nodes; the nodes count their streams.
func TestIdleNodesAreDisconnected(t *testing.T) {
	f := newFakeShards(t, 3, 3)
	c := dial(t, Config{EndpointIdle: 20 * time.Millisecond}, f.nodes[0])
	for range 3 {
		for p := 1; p <= 3; p++ {
			_, err := c.Put(patient(t), f.keyIn(p), []byte("v"))
			require.NoError(t, err)
		}
		for _, node := range f.nodes[1:] {
			for node.openStreams() > 0 {
				select {
				case <-node.ended:
				case <-patient(t).Done():
					require.Fail(t, "it is still connected")
				}
			}
		}
		require.Equal(t, 1, f.nodes[0].openStreams(), "it was configured")
	}
}

// Goal: nodes of two clusters among the endpoints are noticed, and the client says so and stops. Method: two clusters
// that differ in their number of partitions.
func TestNodesOfTwoClustersAreNoticed(t *testing.T) {
	f, g := newFakeShards(t, 1, 2), newFakeShards(t, 1, 3)
	g.version = 8
	g.publish(1)
	for p := 1; p <= 3; p++ {
		g.move(p, 5) // nothing is where it should be
	}
	c := dial(t, Config{AttemptTimeout: 20 * time.Millisecond, RetryBackoffMax: 10 * time.Millisecond}, f.nodes[0], g.nodes[0])
	ctx := patient(t)
	f.move(1, 5)
	f.move(2, 5)
	_, err := c.Get(ctx, []byte("k"))
	require.ErrorIs(t, err, ErrWrongCluster)
	require.NotErrorIs(t, err, ErrUnavailable)
	require.ErrorContains(t, err, "use a new client with the endpoints of one cluster")
	_, err = c.Put(ctx, []byte("k"), nil)
	require.ErrorIs(t, err, ErrWrongCluster)
}

// Goal: Unsharded, or a Partition, sends everything to one group without a question. Method: a server that notes kinds.
func TestUnshardedClientAsksForNothing(t *testing.T) {
	for _, cfg := range []Config{{Unsharded: true}, {Partition: 7}} {
		store := newFakeStore()
		s := serve(t, 1, "", func(req *kvpb.Request) *kvpb.Response {
			if req.Partition != cfg.Partition {
				return &kvpb.Response{Code: kvpb.Code_INVALID, Message: fmt.Sprint("partition ", req.Partition)}
			}
			return store.execute(req)
		})
		s.table.Store(&kvpb.RoutingTable{Version: 1, Partitions: 3})
		_, err := dial(t, cfg, s).Put(patient(t), []byte("k"), []byte("v"))
		require.NoError(t, err)
	}
}
