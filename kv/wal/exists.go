package wal

import (
	"github.com/cockroachdb/errors/oserror"

	"github.com/holdfastdb/holdfast/kv/env"
)

// Exists tells whether the directory holds a log, sound or damaged, that finished its creation once;
// a missing directory holds none. It reads no more than the first segment, changes nothing, and is false
// wherever Open would find Recovery.Fresh.
func Exists(fs env.FS, dir string) (bool, error) {
	if _, err := fs.Stat(dir); oserror.IsNotExist(err) {
		return false, nil
	}
	numbers, err := listSegments(fs, dir)
	if err != nil || len(numbers) == 0 {
		return false, err
	}
	if last := numbers[len(numbers)-1]; last != 1 {
		return last > 1, nil // only a log that had its first segment gets another
	}
	data, err := readSegment(fs, fs.PathJoin(dir, segmentName(1)), nil)
	if err != nil {
		return false, err
	}
	_, sound := decodeSegmentHeader(data)
	return sound || lastNonZero(data) > segmentHdrSize, nil
}
