package netsim

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/holdfastdb/holdfast/kv/env"
)

// file is an open file or directory.
type file struct {
	d      *Disk
	n      *inode
	name   string
	pos    int64
	epoch  uint64
	write  bool
	closed bool
}

func (d *Disk) handle(name string, n *inode, write bool) *file {
	return &file{d: d, n: n, name: name, epoch: d.epoch, write: write}
}

// op admits one operation on the open file, or fails it.
func (f *file) op(op Op, verb string) error { return f.opAt(op, verb, span{}) }

func (f *file) opAt(op Op, verb string, at span) error {
	switch {
	case f.epoch != f.d.epoch:
		return pathError(verb, f.name, ErrCrashed)
	case f.closed:
		return pathError(verb, f.name, fs.ErrClosed)
	}
	if err := f.d.opAt(op, f.name, at); err != nil {
		return pathError(verb, f.name, err)
	}
	return nil
}

// Close implements vfs.File. It syncs nothing.
func (f *file) Close() error {
	if f.closed {
		return pathError("close", f.name, fs.ErrClosed)
	}
	f.closed = true
	return nil
}

// Read implements vfs.File.
func (f *file) Read(p []byte) (int, error) {
	n, err := f.readAt(p, f.pos)
	f.pos += int64(n)
	if n > 0 && err == io.EOF {
		err = nil
	}
	return n, err
}

// ReadAt implements vfs.File.
func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, pathError("read", f.name, fs.ErrInvalid)
	}
	return f.readAt(p, off)
}

func (f *file) readAt(p []byte, off int64) (int, error) {
	if err := f.opAt(OpRead, "read", span{off, off + int64(len(p))}); err != nil {
		return 0, err
	}
	if f.n.dir {
		return 0, pathError("read", f.name, syscall.EISDIR)
	}
	if off >= int64(len(f.n.data)) {
		if len(p) == 0 {
			return 0, nil
		}
		return 0, io.EOF
	}
	n := copy(p, f.n.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Write implements vfs.File.
func (f *file) Write(p []byte) (int, error) {
	n, err := f.writeAt(p, f.pos)
	f.pos += int64(n)
	return n, err
}

// WriteAt implements vfs.File.
func (f *file) WriteAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, pathError("write", f.name, fs.ErrInvalid)
	}
	return f.writeAt(p, off)
}

func (f *file) writeAt(p []byte, off int64) (int, error) {
	switch {
	case f.n.dir:
		return 0, pathError("write", f.name, syscall.EISDIR)
	case !f.write:
		return 0, pathError("write", f.name, syscall.EBADF)
	}
	if err := f.opAt(OpWrite, "write", span{off, off + int64(len(p))}); err != nil {
		switch ft := faultIn(err); {
		case ft != nil && ft.Lie:
			return len(p), nil
		case ft != nil && ft.Partial:
			return f.fit(p[:len(p)/2], off), err
		}
		return 0, err
	}
	target := f
	if len(f.d.misdirects) > 0 {
		target, off = f.redirect(p, off)
	}
	done := target.fit(p, off)
	if done < len(p) {
		f.d.noSpace()
		f.d.note(KindDiskFault, "no space "+f.name, len(p), uint64(off))
		return done, pathError("write", f.name, syscall.ENOSPC)
	}
	return done, nil
}

// fit writes as many of the bytes as there is room for, and returns their number.
func (f *file) fit(p []byte, off int64) int {
	if len(p) == 0 {
		return 0
	}
	if room := f.d.reserve(f.n, off+int64(len(p))); room < off+int64(len(p)) {
		p = p[:max(room-off, 0)]
	}
	f.put(p, off)
	return len(p)
}

// put writes bytes there is room for.
func (f *file) put(p []byte, off int64) {
	if len(p) == 0 {
		return
	}
	d := f.d
	if d.w != nil {
		f.n.mod = d.w.now
		d.w.record(KindDisk, 0, d.owner, mix(mix(f.n.id, uint64(off)), xxhash.Sum64(p)))
		if d.w.Sink != nil {
			d.w.emit(Event{Kind: KindDisk, To: d.owner, Size: len(p), Note: fmt.Sprintf("write %s @%d", f.name, off)})
		}
	}
	f.n.write(p, int(off))
}

// Preallocate implements vfs.File: it reserves space and leaves the size alone.
func (f *file) Preallocate(off, length int64) error {
	if err := f.op(OpPreallocate, "preallocate"); err != nil {
		return err
	}
	if !f.write || f.n.dir {
		return pathError("preallocate", f.name, syscall.EBADF)
	}
	if f.d.reserve(f.n, off+length) < off+length {
		f.d.noSpace()
		return pathError("preallocate", f.name, syscall.ENOSPC)
	}
	return nil
}

// Sync implements vfs.File.
func (f *file) Sync() error { return f.sync() }

// SyncData implements vfs.File. The size is synced too, for without it the data
// could not be read.
func (f *file) SyncData() error { return f.sync() }

// SyncTo implements vfs.File; see DiskConfig.FullSyncTo.
func (f *file) SyncTo(int64) (bool, error) {
	if f.n.dir || !f.d.cfg.FullSyncTo {
		return false, f.op(OpStat, "sync")
	}
	return true, f.sync()
}

func (f *file) sync() error {
	op := OpSync
	if f.n.dir {
		op = OpSyncDir
	}
	if err := f.op(op, "sync"); err != nil {
		switch ft := faultIn(err); {
		case ft != nil && ft.Lie:
			return nil
		case ft != nil && !ft.KeepDirty && !f.n.dir:
			f.d.stats.DroppedDirtyBytes += uint64(f.n.dropDirty())
		}
		return err
	}
	d := f.d
	d.stats.Syncs++
	if f.n.dir {
		d.syncDir(f.n)
	} else {
		f.n.sync(d)
		d.landMisdirected()
	}
	if d.w != nil {
		d.w.record(KindDisk, 0, d.owner, mix(uint64(op), f.n.id))
		if d.w.Sink != nil {
			d.w.emit(Event{Kind: KindDisk, To: d.owner, Note: "sync " + f.name})
		}
	}
	return nil
}

// Stat implements vfs.File.
func (f *file) Stat() (vfs.FileInfo, error) {
	if err := f.op(OpStat, "stat"); err != nil {
		return nil, err
	}
	return newFileInfo(f.name, f.n), nil
}

// Prefetch implements vfs.File.
func (f *file) Prefetch(int64, int64) error { return nil }

// Fd implements vfs.File.
func (f *file) Fd() uintptr { return vfs.InvalidFd }

// fileInfo is what Stat returns.
type fileInfo struct {
	name string
	size int64
	mod  env.Instant
	dir  bool
}

func newFileInfo(name string, n *inode) *fileInfo {
	return &fileInfo{name: path.Base(clean(name)), size: int64(len(n.data)), mod: n.mod, dir: n.dir}
}

// Name implements fs.FileInfo.
func (i *fileInfo) Name() string { return i.name }

// Size implements fs.FileInfo.
func (i *fileInfo) Size() int64 { return i.size }

// Mode implements fs.FileInfo.
func (i *fileInfo) Mode() os.FileMode {
	if i.dir {
		return os.ModeDir | 0o755
	}
	return 0o644
}

// ModTime implements fs.FileInfo, in virtual time.
func (i *fileInfo) ModTime() time.Time { return time.Unix(0, defaultWallStart+int64(i.mod)).UTC() }

// IsDir implements fs.FileInfo.
func (i *fileInfo) IsDir() bool { return i.dir }

// Sys implements fs.FileInfo.
func (i *fileInfo) Sys() any { return nil }

// DeviceID implements vfs.FileInfo.
func (i *fileInfo) DeviceID() vfs.DeviceID { return vfs.DeviceID{} }
