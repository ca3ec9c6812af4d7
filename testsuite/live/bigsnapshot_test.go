package live

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/client"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/wal"
)

const (
	// bigValue is the size of the values that make a snapshot large.
	bigValue = 64 << 10
	// ciSnapshotMiB is the size of the ordinary test's snapshot; HOLDFAST_LIVE_SNAPSHOT_MIB sets another one.
	ciSnapshotMiB = 64
)

// snapshotPlan is how large a snapshot the test is to make, how long it measures before, and the nodes' flags. The ordinary
// test shares its machine with others, which must not cause an election.
func snapshotPlan(t *testing.T) (mib int, before time.Duration, flags []string) {
	flags = []string{"--compact-size", "8MiB"}
	text := os.Getenv("HOLDFAST_LIVE_SNAPSHOT_MIB")
	if text == "" {
		return ciSnapshotMiB, time.Second, append(flags, "--election-timeout", "1s")
	}
	mib, err := strconv.Atoi(text)
	require.NoError(t, err)
	return mib, 10 * time.Second, flags
}

// dialOnly connects to some nodes.
func dialOnly(t *testing.T, endpoints []string) *client.Client {
	t.Helper()
	cl, err := client.Dial(t.Context(), client.Config{Endpoints: endpoints, RequestTimeout: time.Minute, Seed: 9})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cl.Close()) })
	return cl
}

// fill stores so many large values, eight at a time.
func fill(t *testing.T, cl *client.Client, values int) {
	t.Helper()
	var writers sync.WaitGroup
	var next atomic.Int64
	for w := range 8 {
		writers.Go(func() {
			value := make([]byte, bigValue)
			rng := rand.NewChaCha8([32]byte{byte(w)})
			for n := next.Add(1); n <= int64(values); n = next.Add(1) {
				_, _ = rng.Read(value) // never fails
				if _, err := cl.Do(t.Context(), client.Op{Kind: client.KindPut, Key: fmt.Appendf(nil, "big-%d", n), Value: value}); err != nil {
					t.Errorf("storing value %d: %v", n, err)
					return
				}
			}
		})
	}
	writers.Wait()
	require.False(t, t.Failed())
}

// pace is small puts at full speed, and how long each took.
type pace struct {
	mu   sync.Mutex
	took []time.Duration
	from time.Time
}

// measure has eight workers put until ctx ends; a put that fails fails the test.
func measure(ctx context.Context, t *testing.T, cl *client.Client, p *pace) (wait func()) {
	var workers sync.WaitGroup
	for w := range 8 {
		workers.Go(func() {
			value := make([]byte, 256)
			for n := 0; ctx.Err() == nil; n++ {
				begin := time.Now()
				_, err := cl.Do(context.Background(), client.Op{Kind: client.KindPut, Key: fmt.Appendf(nil, "small-%d-%d", w, n%1000), Value: value})
				if err != nil {
					t.Errorf("a put failed: %v", err)
					return
				}
				p.mu.Lock()
				p.took = append(p.took, time.Since(begin))
				p.mu.Unlock()
			}
		})
	}
	return workers.Wait
}

// lap is what was put since the last lap: how many a second, and the 99th percentile of the time for one.
func (p *pace) lap() (count int, perSecond float64, p99 time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	count = len(p.took)
	if count > 0 {
		slices.Sort(p.took)
		p99 = p.took[count*99/100]
	}
	perSecond = float64(count) / time.Since(p.from).Seconds()
	p.took, p.from = p.took[:0], time.Now()
	return count, perSecond, p99
}

// sending is what a leader's status says of its snapshot for a node, nil if it sends none.
func sending(s *kvpb.NodeStatus, to uint64) *kvpb.SnapshotProgress {
	for _, p := range theGroup(s).GetSnapshots() {
		if p.Sending && p.Peer == to {
			return p
		}
	}
	return nil
}

// Goal: a snapshot of any size goes to a follower that is far behind while the group works on at its pace: no election, puts
// succeed all the time, and the follower ends equal. Method: large values are stored while one of three nodes is down, until the
// log has forgotten what it needs; then small puts are measured before and during the transfer. HOLDFAST_LIVE_SNAPSHOT_MIB=1100
// makes it larger than a gigabyte (make live-snapshot); the figures are logged.
func TestGroupKeepsItsPaceWhileASnapshotStreams(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	mib, before, flags := snapshotPlan(t)
	c, err := NewCluster(ClusterConfig{Binary: program(t), Dir: t.TempDir(), Name: "live", Nodes: 3, Flags: flags})
	require.NoError(t, err)
	closeAtEnd(t, c)
	require.NoError(t, c.StartAll(ctx, c.Ids()...))
	cl := dialOnly(t, c.Addresses()[:2])
	fill(t, cl, 1)
	const late = 3
	require.NoError(t, c.CaughtUp(ctx))
	require.NoError(t, c.Stop(ctx, late))
	fill(t, cl, mib<<20/bigValue)
	leader, term, err := c.Leader(ctx, 0)
	require.NoError(t, err)

	p := &pace{from: time.Now()}
	working, stop := context.WithCancel(ctx)
	wait := measure(working, t, cl, p)
	defer func() { stop(); wait() }()
	time.Sleep(before) // the length of a measurement
	_, rateBefore, p99Before := p.lap()

	require.NoError(t, c.Start(ctx, late))
	var sent *kvpb.SnapshotProgress
	begin := time.Now()
	require.NoError(t, await(ctx, "the snapshot to start", func() (bool, error) {
		s, err := c.Status(ctx, leader)
		sent = sending(s, late)
		return sent != nil, err
	}))
	p.lap()
	require.NoError(t, await(ctx, "the snapshot to end", func() (bool, error) {
		s, err := c.Status(ctx, leader)
		if now := sending(s, late); now != nil {
			sent = now
		}
		return err == nil && sending(s, late) == nil, fmt.Errorf("%v, %w", sent, err)
	}))
	took := time.Since(begin)
	during, rateDuring, p99During := p.lap()
	resident, err := c.resident(leader)
	require.NoError(t, err)
	stop()
	wait()

	require.NoError(t, c.CaughtUp(ctx))
	mine, err := c.Status(ctx, leader)
	require.NoError(t, err)
	theirs, err := c.Status(ctx, late)
	require.NoError(t, err)
	t.Logf("snapshot of %d MiB in %.1f s (%d chunks, resumed %d times, %d MiB seen sent); puts a second %.0f before, %.0f during (%.2f); "+
		"p99 %v before, %v during (%.2f); leader's memory %d MiB; terms %d to %d", mib, took.Seconds(), sent.Chunks, sent.Resumed, sent.Bytes>>20,
		rateBefore, rateDuring, rateDuring/rateBefore, p99Before, p99During, float64(p99During)/float64(p99Before), resident>>20, term, theGroup(mine).Term)
	require.Equal(t, term, theGroup(mine).Term, "no election")
	require.Equal(t, leader, theGroup(mine).LeaderNode)
	require.Positive(t, during, "puts succeed during the transfer")
	require.Positive(t, theGroup(theirs).SnapIndex, "it came by a snapshot")
	require.Equal(t, theGroup(mine).Applied, theGroup(theirs).Applied)
	require.Equal(t, theGroup(mine).Hash, theGroup(theirs).Hash, "the follower ends equal")
	for _, id := range c.Ids() {
		require.Less(t, size(t, filepath.Join(c.Data(id), "wal")), int64(4*wal.DefaultSegmentBytes), "the log of node %d is bounded", id)
	}
}

// size is how many bytes the files in a directory have.
func size(t *testing.T, dir string) (bytes int64) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		// A segment may be deleted at any time.
		if info, err := e.Info(); err == nil {
			bytes += info.Size()
		}
	}
	return bytes
}
