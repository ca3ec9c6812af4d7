package wal

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfastdb/holdfast/kv/env"
)

const (
	segmentPrefix = "wal-"
	segmentSuffix = ".log"
	writeCategory = "holdfast-wal"

	// growBytes is how far ahead of the frames a segment is filled with zeros that
	// are already synced: a sync within it changes no metadata. Filling in steps keeps every
	// single sync short.
	growBytes = 4 << 20
)

func segmentName(number uint64) string {
	return fmt.Sprintf("%s%016x%s", segmentPrefix, number, segmentSuffix)
}

// parseSegmentName reports whether name is one that segmentName gives.
func parseSegmentName(name string) (uint64, bool) {
	hex, ok := strings.CutPrefix(name, segmentPrefix)
	hex, ok2 := strings.CutSuffix(hex, segmentSuffix)
	n, err := strconv.ParseUint(hex, 16, 64)
	return n, ok && ok2 && err == nil && segmentName(n) == name
}

// listSegments returns the numbers of the segments in dir, ascending.
func listSegments(fs env.FS, dir string) ([]uint64, error) {
	names, err := fs.List(dir)
	if err != nil {
		return nil, fmt.Errorf("wal: list %s: %w", dir, err)
	}
	var numbers []uint64
	for _, name := range names {
		if n, ok := parseSegmentName(name); ok {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// readSegment reads a whole segment, into buf if it is large enough.
func readSegment(fs env.FS, path string, buf []byte) ([]byte, error) {
	f, err := fs.Open(path)
	if err != nil {
		return nil, fmt.Errorf("wal: open %s: %w", path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("wal: stat %s: %w", path, err)
	}
	buf = slices.Grow(buf[:0], int(info.Size()))[:info.Size()]
	if n, err := f.ReadAt(buf, 0); n < len(buf) {
		return nil, fmt.Errorf("wal: read %s at offset %d: %w", path, n, err)
	}
	return buf, nil
}

// segment is the one that frames are appended to.
type segment struct {
	file   env.File
	path   string
	number uint64
	at     place
	begin  int64 // where its first frame is that is no checkpoint
	end    int64 // of the frames
	zeroed int64 // the file is zero from end to here, and ends here
	zeros  []byte
}

// createSegment makes the file durable before any frame goes into it (WAL-1).
// What an interrupted attempt left under the name is written over.
func createSegment(o *Options, h *segmentHeader) (*segment, error) {
	path := o.FS.PathJoin(o.Dir, segmentName(h.number))
	f, err := o.FS.OpenReadWrite(path, writeCategory)
	if err != nil {
		return nil, failed("create", path, 0, err)
	}
	s := &segment{file: f, path: path, number: h.number, at: h.place(), begin: segmentHdrSize, end: segmentHdrSize}
	first := make([]byte, min(o.SegmentBytes, growBytes))
	s.zeroed = int64(len(first))
	copy(first, h.encode())
	if err := writeAt(f, first, 0); err != nil {
		return nil, closing(f, failed("write", path, 0, err))
	}
	if err := f.Sync(); err != nil {
		return nil, closing(f, failed("sync", path, 0, err))
	}
	if err := syncDir(o.FS, o.Dir); err != nil {
		return nil, closing(f, err)
	}
	return s, nil
}

// zero writes zeros from one offset to another.
func (s *segment) zero(from, to int64) error {
	if len(s.zeros) == 0 && from < to {
		s.zeros = make([]byte, min(to-from, growBytes/8))
	}
	for from < to {
		n := min(to-from, int64(len(s.zeros)))
		if err := writeAt(s.file, s.zeros[:n], from); err != nil {
			return failed("write", s.path, from, err)
		}
		from += n
	}
	return nil
}

// writeAt writes all of b. It does not rely on a file to report a short write.
func writeAt(f env.File, b []byte, offset int64) error {
	n, err := f.WriteAt(b, offset)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	return err
}

func closing(c io.Closer, err error) error {
	_ = c.Close() // err is why, and what matters
	return err
}

func syncDir(fs env.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return failed("open", dir, 0, err)
	}
	if err := d.Sync(); err != nil {
		return closing(d, failed("sync", dir, 0, err))
	}
	return d.Close()
}
