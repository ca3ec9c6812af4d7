package datadir

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/cockroachdb/errors/oserror"

	"github.com/holdfastdb/holdfast/kv/env"
)

// The directories of the log and of the engine below the data directory.
const (
	WALDir    = "wal"
	EngineDir = "engine"
)

// KeptDamaged is how many damaged directories are kept; the oldest beyond that are deleted
// (DDIR-5), as a disk that goes on damaging data would otherwise be filled with it.
const KeptDamaged = 3

const (
	damagedPrefix = "damaged-"
	reasonFile    = "reason.txt"
)

// SetAside moves the log and the engine of a node into a directory damaged-N and marks that
// the node has to rejoin. Both must be closed. If an earlier call was interrupted, it is
// completed instead, under its own number and reason. After an error the caller may try
// again, and must not use the directory otherwise.
func SetAside(fs env.FS, dir, reason string) error {
	if err := Begin(fs, dir, reason); err != nil {
		return err
	}
	_, err := Resume(fs, dir)
	return err
}

// Begin is the first half of SetAside: it only notes durably what is to be done. A shell
// that keeps notes of its own about the data takes them back between Begin and Resume.
func Begin(fs env.FS, dir, reason string) error {
	m, found, err := ReadMark(fs, dir)
	if err != nil {
		return err
	}
	if found && m.Moving {
		return nil
	}
	number, err := nextNumber(fs, dir)
	if err != nil {
		return err
	}
	return writeMark(fs, dir, Mark{Number: number, Reason: reason, Moving: true})
}

// Resume completes what Begin began; it does nothing where nothing was begun. It returns
// whether there was something to do.
func Resume(fs env.FS, dir string) (bool, error) {
	m, found, err := ReadMark(fs, dir)
	if err != nil || !found || !m.Moving {
		return false, err
	}
	if err := move(fs, dir, m); err != nil {
		return true, fmt.Errorf("setting the damaged data in %s aside: %w", dir, err)
	}
	m.Moving = false
	if err := writeMark(fs, dir, m); err != nil {
		return true, fmt.Errorf("setting the damaged data in %s aside: %w", dir, err)
	}
	prune(fs, dir, m.Number)
	return true, nil
}

// move renames what is still in its place.
func move(fs env.FS, dir string, m Mark) error {
	target := fs.PathJoin(dir, damagedPrefix+strconv.FormatUint(m.Number, 10))
	if err := fs.MkdirAll(target, 0o700); err != nil {
		return err
	}
	if err := SyncDir(fs, dir); err != nil {
		return err
	}
	if err := Replace(fs, target, reasonFile, []byte(m.Reason+"\n")); err != nil {
		return err
	}
	for _, sub := range []string{WALDir, EngineDir} {
		to, err := freeName(fs, fs.PathJoin(target, sub))
		if err != nil {
			return err
		}
		if err := fs.Rename(fs.PathJoin(dir, sub), to); err != nil && !oserror.IsNotExist(err) {
			return err
		}
		// The new name first: a crash in between may leave both names or one, never none.
		if err := errors.Join(SyncDir(fs, target), SyncDir(fs, dir)); err != nil {
			return err
		}
	}
	return nil
}

// freeName is path, or path with a number if there is something already: a crash in the middle of
// a rename may have left both names, and renaming onto the other name of the same directory does
// nothing.
func freeName(fs env.FS, path string) (string, error) {
	name := path
	for i := 1; ; i++ {
		_, err := fs.Stat(name)
		if oserror.IsNotExist(err) {
			return name, nil
		}
		if err != nil {
			return "", err
		}
		name = fmt.Sprintf("%s-%d", path, i)
	}
}

// nextNumber is one more than the highest number a damaged directory has.
func nextNumber(fs env.FS, dir string) (uint64, error) {
	numbers, err := damaged(fs, dir)
	if err != nil {
		return 0, err
	}
	next := uint64(1)
	for _, n := range numbers {
		next = max(next, n+1)
	}
	return next, nil
}

// damaged lists the numbers of the damaged directories.
func damaged(fs env.FS, dir string) ([]uint64, error) {
	names, err := fs.List(dir)
	if err != nil {
		return nil, err
	}
	var numbers []uint64
	for _, name := range names {
		text, found := strings.CutPrefix(name, damagedPrefix)
		if n, err := strconv.ParseUint(text, 10, 63); found && err == nil {
			numbers = append(numbers, n)
		}
	}
	return numbers, nil
}

// prune deletes the oldest damaged directories. It is housekeeping: what a bad disk does
// not let go of is tried again the next time.
func prune(fs env.FS, dir string, newest uint64) {
	numbers, err := damaged(fs, dir)
	if err != nil {
		return
	}
	for _, n := range numbers {
		if n+KeptDamaged <= newest {
			_ = fs.RemoveAll(fs.PathJoin(dir, damagedPrefix+strconv.FormatUint(n, 10)))
		}
	}
	_ = SyncDir(fs, dir)
}

func isNewer(err error) bool { return errors.Is(err, ErrNewerFormat) }
