package boot

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/datadir"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/kv/node"
	"github.com/holdfastdb/holdfast/kv/storage"
	"github.com/holdfastdb/holdfast/kv/wal"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/raft"
	"github.com/holdfastdb/holdfast/raft/confchange"
)

// idle is a host on which nothing happens.
type idle struct{}

func (idle) Now() env.Instant                     { return 0 }
func (idle) WallNow() int64                       { return 0 }
func (idle) Arm(env.Instant)                      {}
func (idle) Send(env.NodeID, env.Channel, []byte) {}
func (idle) Submit(env.Lane, env.Job)             {}

// options are those of node 1 of three that starts a cluster.
func options(disk *netsim.Disk) Options {
	return Options{
		FS: disk, Dir: "data", Start: node.StartBootstrap, WAL: wal.Options{Cluster: 9, Node: 1, Store: 55, SegmentBytes: 64 << 10},
		OpenEngine: func(dir string) (env.Engine, error) {
			m, err := storage.OpenMemory(disk, dir, storage.MemoryOptions{})
			if err != nil {
				return nil, err
			}
			return m, nil
		},
		NewNode: func(d *Data) (*node.Node, error) {
			cfg := node.DefaultConfig()
			cfg.ID, cfg.Cluster, cfg.Start, cfg.Damage = 1, 9, d.Start, d.SetAside
			cfg.Members = []node.Member{{ID: 1}, {ID: 2}, {ID: 3}}
			return node.New(cfg, node.Deps{Host: idle{}, Log: d.Log, Recovery: d.Recovery, Engine: d.Engine, Seed: 1})
		},
	}
}

func newDisk(t *testing.T) *netsim.Disk {
	disk := netsim.NewDisk(1, netsim.DiskConfig{})
	require.NoError(t, disk.MkdirAll("data", 0o755))
	require.NoError(t, datadir.SyncDir(disk, "/"))
	return disk
}

// mustOpen opens what must be sound.
func mustOpen(t *testing.T, o Options) *Data {
	d, err := Open(o)
	require.NoError(t, err)
	return d
}

// used returns a disk with a node's data on it, closed: applied entries in the engine, and the log of these.
func used(t *testing.T) *netsim.Disk {
	disk := newDisk(t)
	d := mustOpen(t, options(disk))
	require.NotNil(t, d.Node.Replica(0))
	apply(t, d, 1)
	require.NoError(t, d.Close())
	return disk
}

// apply has the engine of replica 1 hold an entry that the log may not have, durably.
func apply(t *testing.T, d *Data, index uint64) {
	m, err := machine.Open(node.TheGroup, 1, d.Engine, machine.DefaultLimits())
	require.NoError(t, err)
	_, err = m.Apply([]raft.Entry{{Index: index, Term: 1, Kind: raft.EntryNoOp}}, nil)
	require.NoError(t, err)
	require.NoError(t, m.Flush())
}

func marked(t *testing.T, disk *netsim.Disk) bool {
	_, is, err := datadir.ReadMark(disk, "data")
	require.NoError(t, err)
	return is
}

// Goal: BOOT-1, BOOT-2, damage of the log or of the engine is set aside whole, and the node starts without a replica, once and again.
// Method: break each; nothing that was there may be gone or different.
func TestDamageIsSetAsideAndTheNodeRejoins(t *testing.T) {
	for _, where := range []string{"wal", "engine", "engine ahead of its log"} {
		disk := used(t)
		d := mustOpen(t, options(disk))
		require.NotNil(t, d.Node.Replica(0), "undamaged data is used")
		if where == "engine ahead of its log" {
			apply(t, d, 2)
		}
		require.NoError(t, d.Close())
		dir, _, _ := strings.Cut(where, " ")
		if dir == where {
			names, err := disk.List("data/" + dir)
			require.NoError(t, err)
			require.NoError(t, disk.FlipBit(disk.PathJoin("data", dir, names[0]), 70, 1))
		}
		before, log := files(disk, "/data/"+dir), len(files(disk, "/data/wal"))
		require.NotEmpty(t, before)
		for range 2 {
			d = mustOpen(t, options(disk))
			require.Nil(t, d.Node.Replica(0), where)
			require.Equal(t, node.StartRejoin, d.Start)
			require.NotEmpty(t, d.SetAside)
			require.True(t, d.Node.Rejoining())
			require.True(t, marked(t, disk))
			require.NoError(t, d.Close())
			require.Equal(t, before, files(disk, "/data/damaged-1/"+dir), where)
			require.Len(t, files(disk, "/data/damaged-1/wal"), log, where)
		}
	}
}

// Goal: BOOT-5, as long as a node has not come back, no other log than the one it began after the loss is opened: an old one may have forgotten
// promises. Method: put the log that was set aside, which is sound, back in its place.
func TestLogThatWasPutBackIsNotOpened(t *testing.T) {
	disk := used(t)
	names, err := disk.List("data/engine")
	require.NoError(t, err)
	require.NoError(t, disk.FlipBit(disk.PathJoin("data/engine", names[0]), 70, 1))
	o := options(disk)
	o.WAL.Store = 56
	require.NoError(t, mustOpen(t, o).Close())
	require.NoError(t, disk.Rename("data/wal", "data/begun"))
	require.NoError(t, disk.Rename("data/damaged-1/wal", "data/wal"))
	o.WAL.Store = 57
	d := mustOpen(t, o)
	require.Nil(t, d.Node.Replica(0))
	require.True(t, d.Node.Rejoining())
	require.Contains(t, d.SetAside, "not the log that was begun")
	require.NoError(t, d.Close())
	require.NotEmpty(t, files(disk, "/data/damaged-2/wal"))
}

// Goal: BOOT-3, a log that must be there, and is not, is refused before another takes its place, which would pass for the old one at the
// next start; after a loss that was noted it may be begun. Method: start twice without one, then with the mark.
func TestMissingLogIsNotBegunAnew(t *testing.T) {
	disk := newDisk(t)
	o := options(disk)
	o.WAL.MustExist = true
	for range 2 {
		_, err := Open(o)
		require.ErrorIs(t, err, wal.ErrMissing)
		require.Empty(t, files(disk, "/data/wal"))
		require.False(t, marked(t, disk), "the file system may not be mounted")
	}
	require.NoError(t, datadir.MarkEmpty(disk, "data", "lost"))
	require.True(t, mustOpen(t, o).Node.Rejoining())
}

// files are the contents below the directories, by name below these.
func files(disk *netsim.Disk, dirs ...string) map[string]string {
	found := map[string]string{}
	for _, dir := range dirs {
		names, err := disk.List(dir)
		if err != nil {
			continue
		}
		for _, name := range names {
			b, _ := disk.VisibleBytes(disk.PathJoin(dir, name))
			found[disk.PathJoin(dir[strings.LastIndex(dir, "/"):], name)] = string(b)
		}
	}
	return found
}

// Goal: BOOT-3, WAL-15: without a log, a node is what it was told to be; with the mark it never bootstraps. Method: all kinds of starts.
func TestNodeWithoutALogIsWhatItWasToldToBe(t *testing.T) {
	for _, start := range []node.Start{node.StartAsIs, node.StartBootstrap, node.StartRejoin} {
		o := options(newDisk(t))
		o.Start = start
		require.Equal(t, start == node.StartBootstrap, mustOpen(t, o).Node.Replica(0) != nil)
	}
	disk := newDisk(t)
	require.NoError(t, datadir.MarkEmpty(disk, "data", "lost"))
	d := mustOpen(t, options(disk))
	require.Nil(t, d.Node.Replica(0), "it must not begin the cluster anew")
	require.Equal(t, "lost", d.SetAside)
}

// Goal: BOOT-1, the mark goes only when the new replica is a member by a committed configuration. Method: a log with a replica of whose
// configuration that is not so, then one of which it is.
func TestMarkGoesWhenTheNewReplicaIsThereForGood(t *testing.T) {
	disk := newDisk(t)
	require.NoError(t, datadir.MarkEmpty(disk, "data", "lost"))
	d := mustOpen(t, options(disk))
	id := raft.MakeReplicaID(1, 1)
	config, err := confchange.Initial([]uint64{2, 3}).Apply([]confchange.Change{
		{Kind: confchange.AddLearner, Member: confchange.Member{ID: uint64(id), Learner: true, Store: 55}},
	})
	require.NoError(t, err)
	commit := func(p raft.Persist) {
		b := wal.NewBatch()
		b.Add(node.TheGroup, id, &p)
		require.NoError(t, d.Log.Commit(b))
		require.NoError(t, d.Close())
		d = mustOpen(t, options(disk))
	}
	commit(raft.Persist{})
	require.True(t, marked(t, disk))
	require.True(t, d.Node.Rejoining())
	entry := raft.Entry{Index: 1, Term: 1, Kind: raft.EntryConfig, Data: config.Append(nil)}
	commit(raft.Persist{State: raft.HardState{Term: 1}, Entries: []raft.Entry{entry}})
	require.True(t, marked(t, disk), "it may be taken back")
	commit(raft.Persist{State: raft.HardState{Term: 1, Commit: 1}})
	require.False(t, marked(t, disk))
	require.Empty(t, d.SetAside)
	require.NoError(t, d.Close())
	d = mustOpen(t, options(disk))
	require.Equal(t, node.StartBootstrap, d.Start)
	require.Equal(t, id, d.Node.Replica(0).ID())
}

// Goal: BOOT-4, what is no damage changes nothing. Method: input errors, another's data, a check that refuses, a node that does not start.
func TestOtherErrorsChangeNothing(t *testing.T) {
	for name, spoil := range map[string]func(o *Options, disk *netsim.Disk){
		"input": func(_ *Options, disk *netsim.Disk) {
			disk.Inject(netsim.Fault{Ops: netsim.OpRead, Match: "wal", Count: 1})
		},
		"another": func(o *Options, _ *netsim.Disk) { o.WAL.Node = 2 },
		"check": func(o *Options, _ *netsim.Disk) {
			o.CheckLog = func(*wal.Recovery, bool) error { return errors.New("no") }
		},
		"node": func(o *Options, _ *netsim.Disk) {
			o.NewNode = func(*Data) (*node.Node, error) { return nil, errors.New("no") }
		},
		"engine": func(o *Options, _ *netsim.Disk) {
			o.OpenEngine = func(string) (env.Engine, error) { return nil, errors.New("no") }
		},
	} {
		disk := used(t)
		o := options(disk)
		spoil(&o, disk)
		_, err := Open(o)
		require.Error(t, err, name)
		require.False(t, marked(t, disk), name)
		require.NotNil(t, mustOpen(t, options(disk)).Node.Replica(0), name)
	}
}

// Goal: data that is damaged again as soon as it was set aside is an error, not a loop. Method: a node that always finds damage.
func TestDamageIsSetAsideOnceInAStart(t *testing.T) {
	disk := used(t)
	o := options(disk)
	starts := 0
	o.NewNode = func(*Data) (*node.Node, error) {
		starts++
		return nil, fmt.Errorf("start %d: %w", starts, machine.ErrDamaged)
	}
	_, err := Open(o)
	require.ErrorIs(t, err, machine.ErrDamaged)
	require.Equal(t, attempts, starts)
}

// Goal: damage that a running node found is set aside at the next start, other failures are not. Method: report both.
func TestDamageFoundWhileRunningIsRemembered(t *testing.T) {
	disk := used(t)
	require.NoError(t, Failed(disk, "data", nil))
	require.NoError(t, Failed(disk, "data", errors.New("the disk is full")))
	require.False(t, marked(t, disk))
	require.NoError(t, Failed(disk, "data", fmt.Errorf("reading: %w", machine.ErrDamaged)))
	d := mustOpen(t, options(disk))
	require.Nil(t, d.Node.Replica(0))
	require.Contains(t, d.SetAside, "reading")
}
