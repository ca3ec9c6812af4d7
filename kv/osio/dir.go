package osio

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/holdfastdb/holdfast/kv/datadir"
	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/wal"
)

const (
	lockFile  = "LOCK"
	walDir    = datadir.WALDir
	engineDir = datadir.EngineDir
)

// DirOptions says which data directory to open, and for whom.
type DirOptions struct {
	// FS is the file system: RealFS, or a memory file system for an ephemeral node.
	FS env.FS
	// Path is the directory; it is created if need be.
	Path string
	// Identity is whom the directory must belong to.
	Identity Identity
	// Create allows an empty or missing directory, which then becomes this
	// node's. It may only be set where it is known that this member never ran
	// before: with a lost disk it must not come back with an empty log (OSIO-6).
	Create bool
	// Rejoin allows the same for a member whose disk is lost: where there is no data (any
	// longer) the directory is marked, and the node has to rejoin its group under a new replica
	// id (OSIO-8). So is one whose creation did not finish: perhaps it was begun, after the
	// loss, as that of a new node. Where the data is there, Rejoin changes nothing.
	Rejoin bool
}

// RealFS is the file system of the operating system.
func RealFS() env.FS { return vfs.Default }

// Dir is an open, locked data directory.
type Dir struct {
	fs    env.FS
	path  string
	id    Identity
	state dirState
	// outdated: IDENTITY has an older form.
	outdated bool
	// mark says that the node has to rejoin; nil if not.
	mark *datadir.Mark
	lock io.Closer
}

// OpenDir opens and locks a data directory, after checking that it belongs to
// this node and that what the node promised to remember is there. All errors are
// *DirError. The caller creates or opens the log and the engine in WALPath and
// EnginePath, and then calls MarkReady before the node says anything to anyone.
func OpenDir(opts DirOptions) (*Dir, error) {
	opts.Identity.Founders = slices.Sorted(slices.Values(opts.Identity.Founders))
	if f := opts.Identity.Founders; len(f) > 0 && !slices.Contains(f, opts.Identity.Node) {
		panic(fmt.Sprintf("osio: OpenDir for node %d, which is not one of the founders %v", opts.Identity.Node, f))
	}
	if opts.FS == vfs.Default {
		path, err := realPath(opts.Path)
		if err != nil {
			return nil, dirIOError(opts.Path, "find", err)
		}
		opts.Path = path
	}
	exists, err := inspect(opts)
	if err != nil {
		return nil, err
	}
	if !exists {
		if err := makeDir(opts.FS, opts.Path); err != nil {
			return nil, dirIOError(opts.Path, "create", err)
		}
	}
	lock, err := lockDir(opts)
	if err != nil {
		return nil, err
	}
	d := &Dir{fs: opts.FS, path: opts.Path, id: opts.Identity, lock: lock}
	if err := d.claim(opts); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return d, nil
}

// WALPath is the directory of the log.
func (d *Dir) WALPath() string { return d.fs.PathJoin(d.path, walDir) }

// EnginePath is the directory of the engine.
func (d *Dir) EnginePath() string { return d.fs.PathJoin(d.path, engineDir) }

// Path is the data directory itself.
func (d *Dir) Path() string { return d.path }

// MarkReady notes durably that the log and the engine are there: from now on
// the directory is refused should one of them be missing. It is to be called
// when both are open, before the node votes, acknowledges or answers. It also
// brings an IDENTITY of an older form up to date.
func (d *Dir) MarkReady() error {
	if d.state == stateReady && !d.outdated {
		return nil
	}
	for _, sub := range []string{walDir, engineDir} {
		if empty, err := missingOrEmpty(d.fs, d.fs.PathJoin(d.path, sub)); err != nil {
			return dirIOError(d.path, "read", err)
		} else if empty {
			panic("osio: Dir.MarkReady before there is anything in " + sub)
		}
	}
	if err := writeIdentity(d.fs, d.path, d.id, stateReady); err != nil {
		return dirIOError(d.path, "write IDENTITY in", err)
	}
	d.state, d.outdated = stateReady, false
	return nil
}

// Close gives up the lock. The log and the engine must be closed before.
func (d *Dir) Close() error { return d.lock.Close() }

// claim checks, under the lock, whose directory it is, and takes it if it is
// nobody's.
func (d *Dir) claim(opts DirOptions) error {
	// A second look, as another process may have been faster.
	if _, err := inspect(opts); err != nil {
		return err
	}
	if opts.Rejoin {
		if err := d.markIfEmpty(); err != nil {
			return dirIOError(d.path, "mark", err)
		}
	}
	found, err := readIdentity(d.fs, d.path)
	switch {
	case oserror.IsNotExist(err):
		if err := writeIdentity(d.fs, d.path, d.id, stateCreating); err != nil {
			return dirIOError(d.path, "write IDENTITY in", err)
		}
		d.state = stateCreating
		return d.resume()
	case err != nil:
		return identityError(d.path, err)
	}
	if err := checkIdentity(d.path, found.Identity, d.id); err != nil {
		return err
	}
	d.state, d.outdated = found.state, found.format < d.id.format()
	// Only the first programs did not write them down: then those given count, once and for all.
	if len(found.Founders) > 0 || found.format > 1 {
		d.id.Founders = found.Founders
	}
	if err := d.resume(); err != nil {
		return err
	}
	if d.state != stateReady {
		if opts.Rejoin && d.mark == nil {
			return d.SetAside("the making of the data directory was not finished when the node was told to rejoin")
		}
		return nil
	}
	err = d.checkData()
	if opts.Rejoin && errors.Is(err, ErrDirDataMissing) {
		return d.SetAside(err.Error())
	}
	return err
}

// checkData refuses a directory that lost its log or its engine.
func (d *Dir) checkData() error {
	for _, sub := range []string{walDir, engineDir} {
		empty, err := missingOrEmpty(d.fs, d.fs.PathJoin(d.path, sub))
		if err != nil {
			return dirIOError(d.path, "read", err)
		}
		if empty {
			return d.dataMissing(sub + " is missing or empty")
		}
	}
	exists, err := wal.Exists(d.fs, d.WALPath())
	if err != nil {
		return dirIOError(d.path, "read the log in", err)
	}
	if !exists {
		return d.dataMissing(walDir + " holds no log, only other or empty files")
	}
	return nil
}

// MustHaveLog tells whether there was a log before, which must still be there: a new one may
// not be created in its place (wal.Options.MustExist). SetAside changes the answer.
func (d *Dir) MustHaveLog() bool { return d.state == stateReady && d.mark == nil }

// CheckLog is to be called when the log is open: fresh says that it was empty. An empty log in a
// directory that had one is refused (OSIO-6). By then the new log is on disk, and the next start
// would take it for the old one: MustHaveLog comes first.
func (d *Dir) CheckLog(fresh bool) error {
	if fresh && d.state == stateReady {
		return d.dataMissing("the log is empty")
	}
	return nil
}

func (d *Dir) dataMissing(detail string) error {
	return &DirError{
		Dir: d.path, Reason: ErrDirDataMissing, Detail: detail,
		Next: fmt.Sprintf("put the original files of node %d back; if they are lost, let the node rejoin: as it forgot its votes and "+
			"acknowledgements, its group replaces its replica, for which the other nodes must be a majority", d.id.Node),
	}
}

// inspect looks at the directory without changing anything and refuses what is not
// ours or unexpectedly empty. It reports whether the directory exists.
func inspect(opts DirOptions) (exists bool, err error) {
	names, err := opts.FS.List(opts.Path)
	if err != nil && !oserror.IsNotExist(err) {
		return false, dirIOError(opts.Path, "read", err)
	}
	exists = err == nil
	if slices.Contains(names, identityFile) {
		return exists, nil
	}
	for _, name := range names {
		// The first ones are left by a crash during creation, lost+found is what a fresh file
		// system has.
		if !slices.Contains([]string{lockFile, identityFile + tmpSuffix, datadir.MarkFile, datadir.MarkFile + tmpSuffix, "lost+found"}, name) {
			return exists, &DirError{
				Dir: opts.Path, Reason: ErrDirForeign, Detail: fmt.Sprintf("no IDENTITY, but %s", strings.Join(firstNames(names, 3), ", ")),
				Next: "give an empty directory or the data directory of this node",
			}
		}
	}
	if !opts.Create && !opts.Rejoin {
		return exists, &DirError{
			Dir: opts.Path, Reason: ErrDirEmpty,
			Next: fmt.Sprintf("check the path and that the disk is mounted; only if node %d of cluster %q has never run before, start "+
				"it as a new node; if its disk is lost, let it rejoin", opts.Identity.Node, opts.Identity.ClusterName),
		}
	}
	return exists, nil
}

func checkIdentity(path string, found, want Identity) error {
	if found.Cluster != want.Cluster {
		return &DirError{
			Dir: path, Reason: ErrDirOtherCluster,
			Detail: fmt.Sprintf("it is of node %d of cluster %q, id %016x; this is node %d of cluster %q, id %016x",
				found.Node, found.ClusterName, found.Cluster, want.Node, want.ClusterName, want.Cluster),
			Next: "check the data directory and the cluster's name",
		}
	}
	if found.Node != want.Node {
		return &DirError{
			Dir: path, Reason: ErrDirOtherNode, Detail: fmt.Sprintf("it is of node %d, this is node %d", found.Node, want.Node),
			Next: "check the data directory and the node's id",
		}
	}
	if found.Sharded != want.Sharded {
		with := map[bool]string{true: "with partitions", false: "without partitions"}
		return &DirError{
			Dir: path, Reason: ErrDirOtherKind, Detail: fmt.Sprintf("it is of a cluster %s, this node is of one %s", with[found.Sharded], with[want.Sharded]),
			Next: "a cluster stays what it was made as: start the node with --partitions 0 if it has none, and without that flag if it has",
		}
	}
	return nil
}

func identityError(path string, err error) error {
	if newer, ok := errors.AsType[*newerFormatError](err); ok {
		return &DirError{
			Dir: path, Reason: ErrDirNewerFormat, Detail: newer.Error(),
			Next: "start it with the newer version of holdfast that wrote it",
		}
	}
	if errors.Is(err, errBadIdentity) {
		return &DirError{
			Dir: path, Reason: ErrDirBadIdentity, Detail: err.Error(),
			Next: "restore IDENTITY from a backup; without it nobody can tell whose data this is",
		}
	}
	return dirIOError(path, "read IDENTITY in", err)
}

func lockDir(opts DirOptions) (io.Closer, error) {
	lock, err := opts.FS.Lock(opts.FS.PathJoin(opts.Path, lockFile))
	if err == nil {
		return lock, nil
	}
	if errors.Is(err, syscall.EAGAIN) || strings.Contains(err.Error(), "held by current process") {
		return nil, &DirError{
			Dir: opts.Path, Reason: ErrDirLocked, Detail: "its LOCK is held",
			Next: "stop the other holdfast that uses it, or give this one a directory of its own",
		}
	}
	return nil, dirIOError(opts.Path, "lock", err)
}

func dirIOError(path, what string, err error) error {
	return &DirError{
		Dir: path, Reason: err, Detail: "tried to " + what + " it",
		Next: "check that the path, its owner and its permissions are right and that the disk is well and not full",
	}
}

// makeDir creates a directory and its missing ancestors durably.
func makeDir(fs env.FS, path string) error {
	var parents []string
	for dir := path; ; {
		if _, err := fs.Stat(dir); !oserror.IsNotExist(err) {
			break
		}
		parent := fs.PathDir(dir)
		if parent == dir {
			break
		}
		parents = append(parents, parent)
		dir = parent
	}
	if err := fs.MkdirAll(path, 0o700); err != nil {
		return err
	}
	for _, parent := range parents {
		if err := datadir.SyncDir(fs, parent); err != nil {
			return err
		}
	}
	return nil
}

// missingOrEmpty tells whether a directory has no entries.
func missingOrEmpty(fs env.FS, dir string) (bool, error) {
	names, err := fs.List(dir)
	if oserror.IsNotExist(err) {
		return true, nil
	}
	return len(names) == 0, err
}

func firstNames(names []string, n int) []string {
	names = slices.Sorted(slices.Values(names))
	if len(names) > n {
		return append(names[:n:n], fmt.Sprintf("and %d more", len(names)-n))
	}
	return names
}

// realPath makes one name of the many a directory can have, as the lock is by name
// within a process. The directory need not exist.
func realPath(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(path)
	if oserror.IsNotExist(err) {
		parent, base := filepath.Split(path)
		if parent == path || base == "" {
			return path, nil
		}
		parent, err = realPath(filepath.Clean(parent))
		return filepath.Join(parent, base), err
	}
	return real, err
}
