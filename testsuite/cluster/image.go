package cluster

import (
	"io"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/node"
	"github.com/holdfastdb/holdfast/kv/wal"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/raft"
)

// Image is what a node's log would hold after a power loss at the time the image
// was taken.
type Image struct {
	restored raft.Restored
}

// TermAt is the term of the durable entry at index, if there is one.
func (i *Image) TermAt(index uint64) (uint64, bool) {
	if index == 0 || index > i.restored.LastIndex {
		return 0, false
	}
	term := uint64(0)
	for _, run := range i.restored.Runs {
		if run.First > index {
			break
		}
		term = run.Term
	}
	return term, term != 0
}

// DurableImage recovers a node's log from a copy of the bytes that certainly
// survive a power loss now.
func (c *Cluster) DurableImage(number int) (*Image, error) {
	from, to := c.procs[number-1].Disk().DurableView(), netsim.NewDisk(0, netsim.DiskConfig{})
	if err := copyDir(from, to, "wal"); err != nil {
		return nil, err
	}
	log, recovery, err := wal.Open(wal.Options{
		FS: to, Dir: "wal", SegmentBytes: c.plan.Settings.SegmentBytes, Cluster: clusterID, Node: env.NodeID(number),
	})
	if err != nil {
		return nil, err
	}
	img := new(Image)
	for i := range recovery.Groups {
		if recovery.Groups[i].Group == node.TheGroup {
			img.restored = recovery.Groups[i].Restored
		}
	}
	return img, log.Close()
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
