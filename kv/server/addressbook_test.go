package server

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/datadir"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/grpcio"
	"github.com/holdfastdb/holdfast/kv/osio"
)

// telling is a node that tells its members when the test says so.
type telling struct{ tell func(map[env.NodeID]string) }

func (n *telling) OnMembersChanged(fn func(map[env.NodeID]string)) { n.tell = fn }

// SRV-6: members that the node tells of are connected to, and written down, the newest ones at the latest when the server
// ends; one whose address is not known keeps its old one. Method: a book whose node is the test.
func TestAddressBookFollowsTheMembers(t *testing.T) {
	fs := vfs.NewMem()
	dir, err := osio.OpenDir(osio.DirOptions{
		FS: fs, Path: "/data", Create: true, Identity: osio.Identity{Cluster: 1, ClusterName: "c", Node: 1, Founders: []env.NodeID{1}},
	})
	require.NoError(t, err)
	defer dir.Close()
	peers, err := grpcio.NewPeers(grpcio.PeersConfig{Self: 1, Cluster: 1})
	require.NoError(t, err)
	defer peers.Close()
	book := newAddressBook(dir, peers, slog.New(slog.DiscardHandler))
	ended := make(chan struct{})
	go func() { book.run(); close(ended) }()

	n := &telling{}
	book.follow(n)
	n.tell(map[env.NodeID]string{1: "127.0.0.1:1", 2: "127.0.0.1:2"})
	require.Eventually(t, func() bool {
		written, err := datadir.ReadPeers(fs, "/data")
		require.NoError(t, err)
		return written[2] == "127.0.0.1:2"
	}, time.Minute, time.Millisecond)
	n.tell(map[env.NodeID]string{1: "127.0.0.1:1", 2: "", 3: "127.0.0.1:3", 4: ""})
	require.Equal(t, map[env.NodeID]string{2: "127.0.0.1:2", 3: "127.0.0.1:3"}, peers.Known())
	book.end()
	<-ended
	written, err := datadir.ReadPeers(fs, "/data")
	require.NoError(t, err)
	require.Equal(t, map[env.NodeID]string{1: "127.0.0.1:1", 2: "127.0.0.1:2", 3: "127.0.0.1:3"}, written)
}

// SRV-6: a node whose list is out of date finds its cluster through what it wrote down, and one whose written addresses are out
// of date through its list. Method: two nodes; in turn one of the two addresses of node 2 that node 1 has is a dead one.
func TestNodeFindsItsClusterThroughEither(t *testing.T) {
	const dead = "127.0.0.1:1"
	for name, test := range map[string]struct{ listed, written bool }{"written": {false, true}, "listed": {true, false}} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, 2)
			c.start(1, true)
			c.start(2, true)
			c.put(1, "k", "v")
			c.stop(1)
			pick := func(right bool) string {
				if right {
					return c.members[2]
				}
				return dead
			}
			cfg := c.config(1, false)
			require.NoError(t, datadir.WritePeers(osio.RealFS(), cfg.Dir, map[env.NodeID]string{2: pick(test.written)}))
			cfg.Members = map[env.NodeID]string{1: c.members[1], 2: pick(test.listed)}
			s, err := Start(cfg)
			require.NoError(t, err)
			c.servers[1] = s
			require.Eventually(t, func() bool { return s.peers.Stats(2, env.ChannelControl).Connected }, time.Minute, time.Millisecond)
			c.put(2, "both", "are needed")
		})
	}
}

// SRV-6: a PEERS that cannot be read is logged, and the node starts with what its list says.
func TestDamagedAddressBookIsHarmless(t *testing.T) {
	c := newCluster(t, 1)
	c.start(1, true)
	c.stop(1)
	cfg := c.config(1, false)
	require.NoError(t, os.WriteFile(filepath.Join(cfg.Dir, "PEERS"), []byte("rubbish"), 0o600))
	log := &logBuffer{}
	cfg.Logger = slog.New(slog.NewTextHandler(log, nil))
	s, err := Start(cfg)
	require.NoError(t, err)
	c.servers[1] = s
	c.put(1, "k", "v")
	require.True(t, strings.Contains(log.String(), "cannot be read"))
}
