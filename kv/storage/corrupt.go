package storage

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/cockroachdb/pebble/v2"
)

// errCorrupt marks this package's own errors about damaged files.
var errCorrupt = errors.New("storage: the files are damaged")

type corruptError struct{ err error }

func (e *corruptError) Error() string   { return e.err.Error() }
func (e *corruptError) Unwrap() []error { return []error{e.err, errCorrupt} }

func corruptf(format string, args ...any) error {
	return &corruptError{fmt.Errorf(format, args...)}
}

// readError is err, from reading the database, marked as damage if a file is missing: Pebble
// does not say so itself.
func readError(err error) error {
	if errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errCorrupt) {
		return &corruptError{err}
	}
	return err
}

// IsCorrupt reports whether an error of this package says that the engine's files are
// damaged (a checksum that does not match, contents that make no sense, a missing file), as
// opposed to a disk that fails or is full, or a wrong version: a replica with such an
// engine has lost what it promised to keep, and restarting does not help.
func IsCorrupt(err error) bool {
	return err != nil && (errors.Is(err, errCorrupt) || pebble.IsCorruptionError(err))
}
