package server

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/datadir"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/osio"
)

// status is what a running node knows of itself.
func (c *cluster) status(id env.NodeID) *kvpb.NodeStatus {
	c.t.Helper()
	st, err := c.servers[id].Status(c.t.Context())
	require.NoError(c.t, err)
	return st
}

// group is the only group of a running node, an empty one if it has no replica.
func (c *cluster) group(id env.NodeID) *kvpb.GroupStatus {
	c.t.Helper()
	if st := c.status(id); len(st.Groups) > 0 {
		return st.Groups[0]
	}
	return &kvpb.GroupStatus{}
}

// await waits for something that running nodes show.
func (c *cluster) await(what string, is func() bool) {
	c.t.Helper()
	require.Eventually(c.t, is, time.Minute, 5*time.Millisecond, what)
}

// member is a node's entry in the configuration that another one knows, nil if it is no member.
func (c *cluster) member(via, id env.NodeID) *kvpb.GroupMember {
	for _, m := range c.group(via).Configuration {
		if m.Node == uint64(id) {
			return m
		}
	}
	return nil
}

// isVoter tells whether a node is a voter, with an address, in a committed configuration that is not joint.
func (c *cluster) isVoter(via, id env.NodeID) bool {
	g, m := c.group(via), c.member(via, id)
	return m != nil && m.Role == kvpb.MemberRole_VOTER && m.Address != "" && !g.Joint && g.ConfigIndex <= g.Commit
}

// filled is a cluster of three with some data, whose log has been compacted: who comes back without a log needs a
// snapshot. It returns a follower too.
func filled(t *testing.T) (c *cluster, follower env.NodeID) {
	c = newCluster(t, 3)
	c.tune = func(cfg *Config) { cfg.CompactBytes = 64 << 10 }
	for id := range c.members {
		c.start(id, true)
	}
	for i := range 40 {
		c.put(1, fmt.Sprint("key", i), strings.Repeat(fmt.Sprint(i%10), 8<<10))
	}
	leader := c.leader()
	c.await("the log is compacted", func() bool { return c.group(leader).SnapIndex > 0 })
	return c, leader%3 + 1
}

// requireRejoined waits until a node is a voter again under a new replica id, with all the data, and checks that the
// next start finds an ordinary node.
func (c *cluster) requireRejoined(id env.NodeID, reason string) {
	c.t.Helper()
	cfg := c.config(id, false)
	mark, found, err := datadir.ReadMark(osio.RealFS(), cfg.Dir)
	require.NoError(c.t, err)
	require.True(c.t, found)
	require.Contains(c.t, mark.Reason, reason)
	other := id%3 + 1
	c.put(other, "meanwhile", "v")
	c.await("it is a voter again", func() bool {
		m := c.member(other, id)
		return c.isVoter(other, id) && m.Generation > 0 && m.Store == c.status(id).Store
	})
	c.await("it has everything", func() bool {
		g, o := c.group(id), c.group(other)
		return g.Applied == o.Applied && g.Hash == o.Hash
	})
	g := c.group(id)
	require.Equal(c.t, uint64(id)|uint64(g.Generation)<<32, g.Replica, "a new id")
	require.Positive(c.t, g.SnapIndex, "it caught up by a snapshot")
	require.Equal(c.t, kvpb.Health_SOUND, c.status(id).Health)

	c.stop(id)
	c.start(id, false)
	_, found, err = datadir.ReadMark(osio.RealFS(), cfg.Dir)
	require.NoError(c.t, err)
	require.False(c.t, found, "REJOIN is gone after the next start")
	require.Equal(c.t, g.Replica, c.group(id).Replica)
	// Its vote counts: with it alone beside it the other one goes on.
	third := other%3 + 1
	c.kill(third)
	c.put(other, "with", "its vote")
	require.Equal(c.t, "v", string(c.get(id, "meanwhile").Value))
}

// damage changes one byte in the middle of what is in use of a file.
func damage(t testing.TB, path string) {
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	used := len(bytes.TrimRight(data, "\x00"))
	require.Positive(t, used)
	data[used/2] ^= 0x10
	require.NoError(t, os.WriteFile(path, data, 0o600))
}

// one returns one of the files that a pattern in a node's directory matches.
func one(t testing.TB, dir, pattern string) string {
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	require.NoError(t, err)
	require.NotEmpty(t, names)
	return names[0]
}

// A node whose log is damaged in the middle starts, sets its data aside, and comes back by itself: by a snapshot, under a
// new replica id, as a voter. Method: a byte of a stopped follower's log is flipped, while the others go on.
func TestDamagedLogHealsByItself(t *testing.T) {
	c, victim := filled(t)
	c.stop(victim)
	dir := c.config(victim, false).Dir
	path := one(t, dir, "wal/wal-*.log")
	damage(t, path)
	was, err := os.ReadFile(path)
	require.NoError(t, err)

	c.start(victim, false)
	aside, err := os.ReadFile(filepath.Join(dir, "damaged-1", "wal", filepath.Base(path)))
	require.NoError(t, err)
	require.Equal(t, was, aside, "BOOT-2: the damaged file is kept as it was")
	c.requireRejoined(victim, "the log is damaged")
}

// The same for the engine. Method: a byte of a table in each of its files is flipped; the node meets it when it starts or
// while it runs, and then says so and heals at the next start.
func TestDamagedEngineHealsByItself(t *testing.T) {
	c, victim := filled(t)
	c.stop(victim)
	dir := c.config(victim, false).Dir
	tables, err := filepath.Glob(filepath.Join(dir, "engine", "*.sst"))
	require.NoError(t, err)
	require.NotEmpty(t, tables)
	for _, table := range tables {
		damage(t, table)
	}
	c.start(victim, false)
	if _, err := os.Stat(filepath.Join(dir, "damaged-1")); os.IsNotExist(err) {
		// It has not read a damaged place yet.
		require.ErrorContains(t, c.meet(victim), "is damaged")
		c.stop(victim)
		c.start(victim, false)
	}
	require.DirExists(t, filepath.Join(dir, "damaged-1", "engine"))
	c.requireRejoined(victim, "is damaged")
}

// An old copy of a log, put in its place, has forgotten what the node promised: the engine tells, in the middle of the start, which
// begins anew with the same host and metrics. Method: a stopped follower's log is copied, and put back after more writes.
func TestOldCopyOfALogIsFoundOut(t *testing.T) {
	c, victim := filled(t)
	c.stop(victim)
	dir := c.config(victim, false).Dir
	old := filepath.Join(t.TempDir(), "wal")
	require.NoError(t, os.CopyFS(old, os.DirFS(filepath.Join(dir, "wal"))))
	c.start(victim, false)
	for i := range 20 {
		c.put(victim%3+1, fmt.Sprint("later", i), "v")
	}
	c.await("it has everything", func() bool { return c.group(victim).Applied == c.group(victim%3+1).Applied })
	c.stop(victim)
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "wal")))
	require.NoError(t, os.Rename(old, filepath.Join(dir, "wal")))
	c.start(victim, false)
	require.DirExists(t, filepath.Join(dir, "damaged-1", "engine"))
	c.requireRejoined(victim, "it lost entries")
}

// meet reads a node's keys until it has failed, and returns why it did.
func (c *cluster) meet(id env.NodeID) error {
	for i := 0; ; i = (i + 1) % 40 {
		select {
		case err := <-c.servers[id].Failed():
			return err
		case <-c.t.Context().Done():
			return c.t.Context().Err()
		default:
		}
		_, _ = c.clients[id].Get(c.t.Context(), &kvpb.GetRequest{Key: fmt.Append(nil, "key", i), Stale: true})
	}
}

// A member whose disk is lost comes back with Rejoin, and not without; where the data is there, Rejoin changes nothing.
func TestLostDiskComesBackWithRejoin(t *testing.T) {
	c, victim := filled(t)
	c.stop(victim)
	cfg := c.config(victim, false)
	require.NoError(t, os.RemoveAll(cfg.Dir))
	_, err := Start(cfg)
	require.ErrorIs(t, err, osio.ErrDirEmpty)
	cfg.Rejoin = true
	s, err := Start(cfg)
	require.NoError(t, err)
	c.servers[victim] = s
	c.requireRejoined(victim, "the data directory was empty")

	before := c.group(victim).Replica
	c.stop(victim)
	cfg = c.config(victim, false)
	cfg.Rejoin = true
	s, err = Start(cfg)
	require.NoError(t, err)
	c.servers[victim] = s
	require.Equal(t, before, c.group(victim).Replica)
}

// A cluster of one node whose log is damaged has nobody to be repaired from: it stays unavailable and says why, over
// restarts, and the damaged data is kept.
func TestDamagedClusterOfOneStaysUnavailable(t *testing.T) {
	c := newCluster(t, 1)
	c.start(1, true)
	for i := range 20 {
		c.put(1, fmt.Sprint("key", i), "v")
	}
	c.stop(1)
	dir := c.config(1, false).Dir
	damage(t, one(t, dir, "wal/wal-*.log"))
	for range 2 {
		c.start(1, false)
		st := c.status(1)
		require.Equal(t, kvpb.Health_REJOINING, st.Health)
		require.Contains(t, st.HealthReason, "the log is damaged")
		require.Contains(t, st.HealthReason, "at offset")
		_, err := c.clients[1].Put(t.Context(), &kvpb.PutRequest{Key: []byte("k"), Value: []byte("v")})
		require.ErrorContains(t, err, "lost its data")
		_, err = c.clients[1].Get(t.Context(), &kvpb.GetRequest{Key: []byte("key1"), Stale: true})
		require.ErrorContains(t, err, "lost its data")
		require.DirExists(t, filepath.Join(dir, "damaged-1", "wal"))
		require.NoDirExists(t, filepath.Join(dir, "damaged-2"))
		require.NoError(t, c.servers[1].Stop(context.Background()))
		delete(c.servers, 1)
	}
}
