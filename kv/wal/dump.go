package wal

import (
	"bufio"
	"fmt"
	"io"

	"github.com/holdfastdb/holdfast/kv/env"
)

// Verify reads the log in the directory and changes nothing. Its owner is the one
// its first segment names. The Recovery, which holds no entries, says what was
// found up to the first error; errors are those of Open.
func Verify(fs env.FS, dir string) (*Recovery, error) {
	return inspect(fs, dir, func(*replay) {})
}

// Dump is Verify and writes a line for each segment, frame and section to w, and one
// about the end of the log.
func Dump(fs env.FS, dir string, w io.Writer) error {
	out := bufio.NewWriter(w)
	found, err := inspect(fs, dir, func(r *replay) {
		r.onSegment = func(path string, h *segmentHeader) {
			fmt.Fprintf(out, "%s: segment %d of node %d, cluster %d, format %d, from frame %d\n",
				path, h.number, h.node, h.cluster, h.version, h.frame)
		}
		r.onFrame = func(offset int64, h *frameHeader, sections []section) { dumpFrame(out, offset, h, sections) }
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

func dumpFrame(w io.Writer, offset int64, h *frameHeader, sections []section) {
	kind := "batch"
	if h.kind == frameClose {
		kind = "close"
	}
	fmt.Fprintf(w, "  %10d frame %d %s, %d bytes\n", offset, h.number, kind, h.length)
	for i := range sections {
		s := &sections[i]
		fmt.Fprintf(w, "             group %d term %d vote %d commit %d", s.group, s.state.Term, s.state.Vote, s.state.Commit)
		if s.count > 0 {
			fmt.Fprintf(w, " entries %d-%d", s.first, s.last())
		}
		fmt.Fprintln(w)
	}
}
