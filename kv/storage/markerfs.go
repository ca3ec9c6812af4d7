package storage

import (
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/holdfastdb/holdfast/kv/env"
)

// markerFS makes Pebble's markers safe on file systems that may persist the changes of a
// directory in any order. A marker is an empty file whose name says which manifest (or
// which format) is in force. Pebble creates a manifest, creates its marker, removes
// the previous marker and only then syncs the directory: a crash may leave a marker
// without its manifest, or, worse, no marker at all, which looks like a new database.
type markerFS struct{ env.FS }

// Create implements vfs.FS.
func (f markerFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if !strings.HasPrefix(f.PathBase(name), "marker.") {
		return f.FS.Create(name, category)
	}
	dir := f.PathDir(name)
	if err := syncDir(f.FS, dir); err != nil { // what the marker speaks of
		return nil, err
	}
	file, err := f.FS.Create(name, category)
	if err != nil {
		return nil, err
	}
	if err := syncDir(f.FS, dir); err != nil { // before the previous marker goes
		return nil, err
	}
	return file, nil
}

// Unwrap implements vfs.FS.
func (f markerFS) Unwrap() vfs.FS { return f.FS }
