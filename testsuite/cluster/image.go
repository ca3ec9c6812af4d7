package cluster

import (
	"io"

	"github.com/holdfastdb/holdfast/checker/invariant"
	"github.com/holdfastdb/holdfast/kv/datadir"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/kv/storage"
	"github.com/holdfastdb/holdfast/kv/wal"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/raft"
)

// Image is what a node would have after a power loss at the time the image was taken.
type Image struct {
	replica  raft.ReplicaID
	restored raft.Restored
	// applied is how far the engine's state is; installed the snapshot that it came from, if any.
	applied   uint64
	installed raft.Mark
}

// Replica is the replica that the log is of, 0 if there is none.
func (i *Image) Replica() raft.ReplicaID { return i.replica }

// Holds tells what the node holds at index: the entry, with its term, or the state after it.
func (i *Image) Holds(index uint64) (term uint64, holding invariant.Holding) {
	switch {
	case index > i.restored.SnapIndex && index <= i.restored.LastIndex:
		return i.termAt(index), invariant.Present
	case index <= i.restored.SnapIndex && index <= i.applied, index <= i.installed.Index:
		return 0, invariant.Compacted
	}
	return 0, invariant.Absent
}

func (i *Image) termAt(index uint64) uint64 {
	term := uint64(0)
	for _, run := range i.restored.Runs {
		if run.First > index {
			break
		}
		term = run.Term
	}
	return term
}

// DurableImage recovers a node's log and state from a copy of the bytes that certainly
// survive a power loss now, as far as they are of one group.
func (c *Cluster) DurableImage(number int, group raft.GroupID) (*Image, error) {
	from, to := c.procs[number-1].Disk().DurableView(), netsim.NewDisk(0, netsim.DiskConfig{})
	walDir, engineDir := to.PathJoin(dataDir, datadir.WALDir), to.PathJoin(dataDir, datadir.EngineDir)
	for _, dir := range []string{walDir, engineDir} {
		if err := copyDir(from, to, dir); err != nil {
			return nil, err
		}
	}
	log, recovery, err := wal.Open(wal.Options{
		FS: to, Dir: walDir, SegmentBytes: c.plan.Settings.SegmentBytes, Cluster: clusterID, Node: env.NodeID(number), Store: 1,
	})
	if err != nil {
		return nil, err
	}
	img := new(Image)
	for i := range recovery.Groups {
		if g := &recovery.Groups[i]; g.Group == group {
			img.replica, img.restored = g.Replica, g.Restored
		}
	}
	if err := log.Close(); err != nil || img.replica == 0 {
		return img, err
	}
	engine, err := storage.OpenMemory(to, engineDir, storage.MemoryOptions{})
	if err != nil {
		return nil, err
	}
	m, err := machine.Open(group, img.replica, engine, limits(&c.plan.Settings))
	if err != nil {
		return nil, err
	}
	img.applied, _ = m.Applied()
	img.installed, _ = m.Installed()
	return img, engine.Close()
}

func copyDir(from, to env.FS, dir string) error {
	if err := to.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	names, err := from.List(dir)
	if err != nil {
		// The directory itself is not durable yet: an empty log.
		return nil
	}
	for _, name := range names {
		if err := copyFile(from, to, from.PathJoin(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to env.FS, name string) error {
	src, err := from.Open(name)
	if err != nil {
		return err
	}
	data, err := io.ReadAll(src)
	if err != nil {
		return err
	}
	if err := src.Close(); err != nil {
		return err
	}
	dst, err := to.Create(name, "")
	if err != nil {
		return err
	}
	if _, err := dst.Write(data); err != nil {
		return err
	}
	return dst.Close()
}
