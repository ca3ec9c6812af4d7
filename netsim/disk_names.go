package netsim

import (
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/holdfastdb/holdfast/kv/env"
)

// Create implements vfs.FS.
func (d *Disk) Create(name string, _ vfs.DiskWriteCategory) (env.File, error) {
	if err := d.op(OpCreate, name); err != nil {
		return nil, pathError("create", name, err)
	}
	dir, base, err := d.parent("create", name)
	if err != nil {
		return nil, err
	}
	if old := dir.children[base]; old != nil && old.dir {
		return nil, pathError("create", name, syscall.EISDIR)
	}
	n := d.newInode(false)
	d.assign(assignment{dir, base, n})
	d.note(KindDisk, "create "+name, 0, n.id)
	return d.handle(name, n, true), nil
}

// Link implements vfs.FS.
func (d *Disk) Link(oldname, newname string) error {
	if err := d.op(OpLink, oldname); err != nil {
		return linkError("link", oldname, newname, err)
	}
	n := d.lookup(oldname, false)
	if n == nil {
		return linkError("link", oldname, newname, fs.ErrNotExist)
	}
	if n.dir {
		return linkError("link", oldname, newname, fs.ErrPermission)
	}
	dir, base, err := d.parent("link", newname)
	if err != nil {
		return err
	}
	if dir.children[base] != nil {
		return linkError("link", oldname, newname, fs.ErrExist)
	}
	d.assign(assignment{dir, base, n})
	d.note(KindDisk, "link "+oldname+" "+newname, 0, n.id)
	return nil
}

// Open implements vfs.FS.
func (d *Disk) Open(name string, opts ...vfs.OpenOption) (env.File, error) {
	return d.open(name, false, opts)
}

// OpenReadWrite implements vfs.FS.
func (d *Disk) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (env.File, error) {
	if d.lookup(name, false) == nil {
		return d.Create(name, c)
	}
	return d.open(name, true, opts)
}

// OpenDir implements vfs.FS.
func (d *Disk) OpenDir(name string) (env.File, error) { return d.open(name, false, nil) }

func (d *Disk) open(name string, write bool, opts []vfs.OpenOption) (env.File, error) {
	if err := d.op(OpOpen, name); err != nil {
		return nil, pathError("open", name, err)
	}
	n := d.lookup(name, false)
	switch {
	case n == nil:
		return nil, pathError("open", name, fs.ErrNotExist)
	case write && n.dir:
		return nil, pathError("open", name, syscall.EISDIR)
	case write && d.readOnly:
		return nil, pathError("open", name, syscall.EROFS)
	}
	f := d.handle(name, n, write)
	for _, o := range opts {
		o.Apply(f)
	}
	return f, nil
}

// Remove implements vfs.FS.
func (d *Disk) Remove(name string) error {
	if err := d.op(OpRemove, name); err != nil {
		return pathError("remove", name, err)
	}
	dir, base, err := d.parent("remove", name)
	if err != nil {
		return err
	}
	n := dir.children[base]
	switch {
	case n == nil:
		return pathError("remove", name, fs.ErrNotExist)
	case len(n.children) > 0:
		return pathError("remove", name, syscall.ENOTEMPTY)
	}
	d.assign(assignment{dir, base, nil})
	d.note(KindDisk, "remove "+name, 0, n.id)
	return nil
}

// RemoveAll implements vfs.FS. It removes bottom up, each name in an operation
// of its own, so that a crash can come in between.
func (d *Disk) RemoveAll(name string) error {
	n := d.lookup(name, false)
	if n == nil {
		if d.blown {
			return pathError("remove", name, ErrCrashed)
		}
		return nil
	}
	for _, child := range sortedNames(n.children) {
		if err := d.RemoveAll(path.Join(clean(name), child)); err != nil {
			return err
		}
	}
	return d.Remove(name)
}

// Rename implements vfs.FS.
func (d *Disk) Rename(oldname, newname string) error {
	if err := d.op(OpRename, oldname); err != nil {
		return linkError("rename", oldname, newname, err)
	}
	from, oldbase, err := d.parent("rename", oldname)
	if err != nil {
		return err
	}
	to, newbase, err := d.parent("rename", newname)
	if err != nil {
		return err
	}
	n, target := from.children[oldbase], to.children[newbase]
	switch {
	case n == nil:
		return linkError("rename", oldname, newname, fs.ErrNotExist)
	case n == target:
		return nil
	case n.dir && strings.HasPrefix(clean(newname)+"/", clean(oldname)+"/"):
		return linkError("rename", oldname, newname, fs.ErrInvalid)
	case target != nil && target.dir && !n.dir:
		return linkError("rename", oldname, newname, syscall.EISDIR)
	case target != nil && !target.dir && n.dir:
		return linkError("rename", oldname, newname, syscall.ENOTDIR)
	case target != nil && len(target.children) > 0:
		return linkError("rename", oldname, newname, syscall.ENOTEMPTY)
	}
	// The new name first, so that the node never counts as gone.
	d.assign(assignment{to, newbase, n}, assignment{from, oldbase, nil})
	d.note(KindDisk, "rename "+oldname+" "+newname, 0, n.id)
	return nil
}

// ReuseForWrite implements vfs.FS.
func (d *Disk) ReuseForWrite(oldname, newname string, _ vfs.DiskWriteCategory) (env.File, error) {
	if err := d.Rename(oldname, newname); err != nil {
		return nil, err
	}
	return d.open(newname, true, nil)
}

// MkdirAll implements vfs.FS.
func (d *Disk) MkdirAll(name string, _ os.FileMode) error {
	at := ""
	for _, part := range strings.Split(clean(name)[1:], "/") {
		if part == "" {
			continue
		}
		dir := d.lookup(at, false)
		at += "/" + part
		if n := dir.children[part]; n != nil {
			if !n.dir {
				return pathError("mkdir", at, syscall.ENOTDIR)
			}
			continue
		}
		if err := d.op(OpMkdir, at); err != nil {
			return pathError("mkdir", at, err)
		}
		n := d.newInode(true)
		d.assign(assignment{dir, part, n})
		d.note(KindDisk, "mkdir "+at, 0, n.id)
	}
	if d.blown {
		return pathError("mkdir", name, ErrCrashed)
	}
	return nil
}

// MkdirDurable makes a directory and its parents durable, as an operator would
// before a node is started. It does not count as an operation.
func (d *Disk) MkdirDurable(name string) {
	n := d.root
	for _, part := range strings.Split(clean(name)[1:], "/") {
		if part == "" {
			continue
		}
		child := n.children[part]
		if child == nil {
			child = d.newInode(true)
			child.links = 1
			n.children[part] = child
		}
		n.synced[part] = child
		n = child
	}
}

// Lock implements vfs.FS. Locks do not survive a crash of any kind.
func (d *Disk) Lock(name string) (io.Closer, error) {
	key := clean(name)
	if d.locks[key] {
		return nil, pathError("lock", name, syscall.EAGAIN)
	}
	if n := d.lookup(name, false); n == nil || n.dir || len(n.data) > 0 {
		f, err := d.Create(name, vfs.WriteCategoryUnspecified)
		if err != nil {
			return nil, err
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
	} else if err := d.op(OpOpen, name); err != nil {
		return nil, pathError("lock", name, err)
	}
	d.locks[key] = true
	return &diskLock{d: d, key: key, epoch: d.epoch}, nil
}

type diskLock struct {
	d     *Disk
	key   string
	epoch uint64
}

// Close releases the lock unless a crash has done so.
func (l *diskLock) Close() error {
	if l.d != nil && l.d.epoch == l.epoch {
		delete(l.d.locks, l.key)
	}
	l.d = nil
	return nil
}

// List implements vfs.FS; the names are sorted.
func (d *Disk) List(name string) ([]string, error) {
	if err := d.op(OpList, name); err != nil {
		return nil, pathError("list", name, err)
	}
	n := d.lookup(name, false)
	switch {
	case n == nil:
		return nil, pathError("list", name, fs.ErrNotExist)
	case !n.dir:
		return nil, pathError("list", name, syscall.ENOTDIR)
	}
	return sortedNames(n.children), nil
}

// Stat implements vfs.FS.
func (d *Disk) Stat(name string) (vfs.FileInfo, error) {
	if err := d.op(OpStat, name); err != nil {
		return nil, pathError("stat", name, err)
	}
	n := d.lookup(name, false)
	if n == nil {
		return nil, pathError("stat", name, fs.ErrNotExist)
	}
	return newFileInfo(name, n), nil
}

// PathBase implements vfs.FS.
func (d *Disk) PathBase(p string) string { return path.Base(p) }

// PathJoin implements vfs.FS.
func (d *Disk) PathJoin(elem ...string) string { return path.Join(elem...) }

// PathDir implements vfs.FS.
func (d *Disk) PathDir(p string) string { return path.Dir(p) }

// GetDiskUsage implements vfs.FS. A disk without a limit says it has 1 TiB.
func (d *Disk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	if d.blown {
		return vfs.DiskUsage{}, ErrCrashed
	}
	total := d.cfg.Capacity
	if total <= 0 {
		total = 1 << 40
	}
	return vfs.DiskUsage{
		AvailBytes: uint64(max(total-d.used, 0)), TotalBytes: uint64(total), UsedBytes: uint64(d.used),
	}, nil
}

// Unwrap implements vfs.FS.
func (d *Disk) Unwrap() vfs.FS { return nil }

func linkError(op, oldname, newname string, err error) error {
	return &os.LinkError{Op: op, Old: oldname, New: newname, Err: err}
}

func sortedNames(m map[string]*inode) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
