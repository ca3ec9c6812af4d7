package datadir

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cockroachdb/errors/oserror"

	"github.com/holdfastdb/holdfast/kv/env"
)

// MarkFile is the name of the mark.
const MarkFile = "REJOIN"

// Mark says that a node's data was set aside, and that it must rejoin its group under a new
// replica id.
type Mark struct {
	// Number is the N of the damaged-N directory that holds the data; 0 if there was none
	// to set aside.
	Number uint64
	// Reason says for people what was wrong.
	Reason string
	// Moving: a crash may have interrupted the move; Resume completes it.
	Moving bool
	// Store is the number of the log that was begun in the place of the old one (Begun), 0 before that:
	// no other log may be opened as long as there is the mark.
	Store uint64
}

// Begun notes durably, before it is created, the number of the log that takes the place of what was set aside
// or lost.
func Begun(fs env.FS, dir string, m Mark, store uint64) error {
	m.Store = store
	return writeMark(fs, dir, m)
}

// ReadMark returns the mark, and whether there is one. An unreadable one is a mark too
// (DDIR-4). Errors: ErrNewerFormat, those of the file system.
func ReadMark(fs env.FS, dir string) (Mark, bool, error) {
	data, err := ReadFile(fs, fs.PathJoin(dir, MarkFile))
	if oserror.IsNotExist(err) {
		return Mark{}, false, nil
	}
	if err != nil {
		return Mark{}, false, fmt.Errorf("reading %s: %w", MarkFile, err)
	}
	m, err := decodeMark(data)
	if err == nil {
		return m, true, nil
	}
	if isNewer(err) {
		return Mark{}, false, fmt.Errorf("reading %s: %w", MarkFile, err)
	}
	number, listErr := nextNumber(fs, dir)
	if listErr != nil {
		return Mark{}, false, listErr
	}
	return Mark{Number: number, Reason: "the mark that the node has to rejoin was damaged: " + err.Error(), Moving: true}, true, nil
}

// MarkEmpty marks a directory without data, so that the node rejoins: its disk was lost.
func MarkEmpty(fs env.FS, dir, reason string) error {
	return writeMark(fs, dir, Mark{Reason: reason})
}

// Rejoined removes the mark, durably: the node has new replicas in its log. Without a mark
// it does nothing.
func Rejoined(fs env.FS, dir string) error {
	err := fs.Remove(fs.PathJoin(dir, MarkFile))
	if oserror.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return SyncDir(fs, dir)
}

func writeMark(fs env.FS, dir string, m Mark) error {
	return Replace(fs, dir, MarkFile, seal(MarkFile, []string{
		fmt.Sprintf("number %d", m.Number),
		fmt.Sprintf("moving %t", m.Moving),
		fmt.Sprintf("store %d", m.Store),
		"reason " + strconv.Quote(m.Reason),
	}))
}

// markLines is how many lines a mark has.
const markLines = 4

func decodeMark(data []byte) (m Mark, err error) {
	lines, err := unseal(MarkFile, data)
	if err != nil {
		return Mark{}, err
	}
	var quoted string
	if len(lines) == markLines {
		if _, err = fmt.Sscanf(strings.Join(lines[:3], "\n"), "number %d\nmoving %t\nstore %d", &m.Number, &m.Moving, &m.Store); err == nil {
			quoted, _ = strings.CutPrefix(lines[3], "reason ")
			m.Reason, err = strconv.Unquote(quoted)
		}
	}
	if err != nil || len(lines) != markLines {
		return Mark{}, fmt.Errorf("%w: %q is not a mark", ErrDamaged, lines)
	}
	return m, nil
}
