package env

import "github.com/cockroachdb/pebble/v2/vfs"

// FS is the file system seam. It is Pebble's vfs.FS, so that real files, the
// simulated disk and error injection are one and the same for the log and for
// the storage engine.
type FS = vfs.FS

// File is an open file or directory of an FS.
type File = vfs.File
