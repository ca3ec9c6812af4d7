package wal

import (
	"bufio"
	"fmt"
	"io"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/raft"
)

// Verify reads the log in the directory and changes nothing. Its owner is the one
// its segments name. The Recovery, which holds no entries, says what was
// found up to the first error; errors are those of Open.
func Verify(fs env.FS, dir string) (*Recovery, error) {
	return inspect(fs, dir, func(*replay) {})
}

// Dump is Verify and writes a line for each segment, frame, section and group of a checkpoint to w, and
// one about the end of the log and each segment that the next start deletes.
func Dump(fs env.FS, dir string, w io.Writer) error {
	out := bufio.NewWriter(w)
	found, err := inspect(fs, dir, func(r *replay) {
		r.onSegment = func(path string, h *segmentHeader) {
			fmt.Fprintf(out, "%s: segment %d of node %d, cluster %d, store %016x, format %d, from frame %d\n",
				path, h.number, h.node, h.cluster, h.store, h.version, h.frame)
		}
		r.onFrame = func(offset int64, h *frameHeader, c *content) { dumpFrame(out, offset, h, c) }
	})
	switch {
	case err != nil:
		fmt.Fprintf(out, "%v\n", err)
	case found.TornBytes > 0:
		fmt.Fprintf(out, "ends with an interrupted write of %d bytes, which the next start cuts off\n", found.TornBytes)
	case found.Clean:
		fmt.Fprintf(out, "ends where the node closed it\n")
	default:
		fmt.Fprintf(out, "ends without having been closed\n")
	}
	for _, n := range found.Obsolete {
		fmt.Fprintf(out, "%s: not needed since segment %d became the floor; the next start deletes it\n",
			fs.PathJoin(dir, segmentName(n)), found.Floor)
	}
	if flushErr := out.Flush(); err == nil && flushErr != nil {
		err = fmt.Errorf("wal: write the dump of %s: %w", dir, flushErr)
	}
	return err
}

func inspect(fs env.FS, dir string, configure func(*replay)) (*Recovery, error) {
	r := newReplay(&Options{FS: fs, Dir: dir})
	r.anyOwner = true
	configure(r)
	err := r.run()
	r.summarize()
	return &r.found, err
}

func dumpFrame(w io.Writer, offset int64, h *frameHeader, c *content) {
	fmt.Fprintf(w, "  %10d frame %d %s, %d bytes\n", offset, h.number, kindNames[h.kind], h.length)
	const indent = "             "
	if h.kind == frameFloor || h.kind == frameCheckpoint {
		fmt.Fprintf(w, indent+"floor segment %d\n", c.checkpoint.floor)
	}
	for i := range c.checkpoint.groups {
		g := &c.checkpoint.groups[i]
		dumpGroup(w, g.group, g.state.replica, &g.state.hard, &g.state.mark)
		if g.state.last > g.state.mark.Index {
			fmt.Fprintf(w, " has entries %d-%d", g.state.mark.Index+1, g.state.last)
		}
		fmt.Fprintln(w)
	}
	for i := range c.sections {
		s := &c.sections[i]
		dumpGroup(w, s.group, s.replica, &s.state, &s.mark)
		if s.count > 0 {
			fmt.Fprintf(w, " entries %d-%d", s.first, s.last())
		}
		fmt.Fprintln(w)
	}
}

func dumpGroup(w io.Writer, id raft.GroupID, replica raft.ReplicaID, hs *raft.HardState, mark *raft.Mark) {
	if hs.Term == tombTerm {
		fmt.Fprintf(w, "             group %d replica %d.%d was destroyed", id, replica.Node(), replica.Generation())
		return
	}
	fmt.Fprintf(w, "             group %d replica %d.%d term %d vote %d commit %d",
		id, replica.Node(), replica.Generation(), hs.Term, hs.Vote, hs.Commit)
	if mark.Index > 0 {
		fmt.Fprintf(w, " mark %d of term %d", mark.Index, mark.Term)
	}
}
