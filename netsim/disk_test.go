package netsim

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfastdb/holdfast/kv/env"
)

// put writes a file in one go, and syncs it if told to.
func put(t require.TestingT, d env.FS, name, content string, sync bool) {
	f, err := d.Create(name, vfs.WriteCategoryUnspecified)
	require.NoError(t, err)
	_, err = f.Write([]byte(content))
	require.NoError(t, err)
	if sync {
		require.NoError(t, f.Sync())
	}
	require.NoError(t, f.Close())
}

// get reads a whole file; "<none>" when it is not there.
func get(t require.TestingT, d env.FS, name string) string {
	f, err := d.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "<none>"
	}
	require.NoError(t, err)
	b, err := io.ReadAll(f)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return string(b)
}

func syncDir(t require.TestingT, d env.FS, name string) {
	f, err := d.OpenDir(name)
	require.NoError(t, err)
	require.NoError(t, f.Sync())
	require.NoError(t, f.Close())
}

// shape is what an error looks like to a caller that only asks for its kind.
func shape(err error) string {
	switch {
	case err == nil:
		return "ok"
	case err == io.EOF:
		return "EOF"
	case errors.Is(err, fs.ErrNotExist):
		return "not exist"
	case errors.Is(err, syscall.ENOTEMPTY):
		return "not empty"
	}
	return "error"
}

// twin runs the same operations on both file systems and compares what is visible.
type twin struct {
	t     *rapid.T
	fs    [2]env.FS
	files map[string][2]env.File
	// reused files can be read on a real disk and here, but not with MemFS.
	reused map[string]bool
}

func (w *twin) both(what string, fn func(i int) (any, error)) error {
	a, errA := fn(0)
	b, errB := fn(1)
	require.Equal(w.t, shape(errB), shape(errA), "%s: %v / %v", what, errA, errB)
	if errA == nil || errA == io.EOF {
		require.Equal(w.t, b, a, what)
	}
	return errA
}

func (w *twin) open(kind, name, other string) {
	var f [2]env.File
	err := w.both(kind+" "+name, func(i int) (any, error) {
		var err error
		switch kind {
		case "create":
			f[i], err = w.fs[i].Create(name, vfs.WriteCategoryUnspecified)
		case "open":
			f[i], err = w.fs[i].OpenReadWrite(name, vfs.WriteCategoryUnspecified)
		case "reuse":
			f[i], err = w.fs[i].ReuseForWrite(other, name, vfs.WriteCategoryUnspecified)
		}
		return nil, err
	})
	if err == nil {
		w.files[name], w.reused[name] = f, kind == "reuse"
	}
}

func (w *twin) use(kind string, f [2]env.File, off int64, p []byte) {
	w.both(kind, func(i int) (any, error) {
		buf := slices.Clone(p)
		switch kind {
		case "write":
			return f[i].Write(buf)
		case "writeat":
			return f[i].WriteAt(buf, off)
		case "sync":
			return nil, f[i].Sync()
		case "stat":
			info, err := f[i].Stat()
			return []any{info.Size(), info.IsDir()}, err
		}
		n, err := f[i].ReadAt(buf, off)
		return buf[:n], err
	})
}

func (w *twin) name(label string) string {
	return rapid.SampledFrom([]string{"a", "b", "d/a", "d/b", "d/e/c", "x/y"}).Draw(w.t, label)
}

func (w *twin) step() {
	switch kind := rapid.SampledFrom([]string{
		"create", "open", "reuse", "write", "write", "writeat", "readat", "sync", "stat",
		"rename", "remove", "removeall", "link", "mkdir", "list", "statname", "syncdir",
	}).Draw(w.t, "op"); kind {
	case "create", "open":
		w.open(kind, w.name("name"), "")
	case "reuse":
		from, to := w.name("from"), w.name("to")
		if !w.same(from, to) {
			w.open(kind, to, from)
		}
	case "write", "writeat", "readat", "sync", "stat":
		if len(w.files) > 0 {
			names := make([]string, 0, len(w.files))
			for n := range w.files {
				names = append(names, n)
			}
			slices.Sort(names)
			name := rapid.SampledFrom(names).Draw(w.t, "file")
			if kind == "readat" && w.reused[name] {
				return
			}
			w.use(kind, w.files[name], rapid.Int64Range(0, 3000).Draw(w.t, "off"), rapid.SliceOfN(rapid.Byte(), 1, 700).Draw(w.t, "bytes"))
		}
	default:
		w.namespace(kind)
	}
}

// same reports whether both names are the same, or links to the same file. POSIX
// makes renaming one to the other do nothing; MemFS differs.
func (w *twin) same(a, b string) bool {
	d := w.fs[0].(*Disk)
	n := d.lookup(a, false)
	return a == b || n != nil && n == d.lookup(b, false)
}

func (w *twin) namespace(kind string) {
	a, b := w.name("a"), w.name("b")
	dir := rapid.SampledFrom([]string{"", "/", "d", "d/e", "x"}).Draw(w.t, "dir")
	w.both(kind, func(i int) (any, error) {
		switch kind {
		case "rename":
			if w.same(a, b) {
				return nil, nil
			}
			return nil, w.fs[i].Rename(a, b)
		case "remove":
			return nil, w.fs[i].Remove(a)
		case "removeall":
			return nil, w.fs[i].RemoveAll(a)
		case "link":
			return nil, w.fs[i].Link(a, b)
		case "mkdir":
			return nil, w.fs[i].MkdirAll(dir, 0o755)
		case "statname":
			info, err := w.fs[i].Stat(a)
			if err != nil {
				return nil, err
			}
			return []any{info.Name(), info.Size(), info.IsDir()}, nil
		case "syncdir":
			f, err := w.fs[i].OpenDir(dir)
			if err != nil {
				return nil, err
			}
			return nil, errors.Join(f.Sync(), f.Close())
		}
		names, err := w.fs[i].List(dir)
		slices.Sort(names)
		return names, err
	})
}

// Goal: without crashes the disk looks like Pebble's MemFS (SIM-8). Method: rapid, the
// same random operations on both, compared after each.
func TestVisibleSemanticsMatchMemFS(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := &twin{
			t: rt, fs: [2]env.FS{NewDisk(1, DiskConfig{}), vfs.NewMem()},
			files: make(map[string][2]env.File), reused: make(map[string]bool),
		}
		for _, dir := range []string{"d/e", "x"} {
			for i := range w.fs {
				require.NoError(rt, w.fs[i].MkdirAll(dir, 0o755))
			}
		}
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			w.step()
		}
		for name := range w.files {
			require.Equal(rt, get(rt, w.fs[1], name), get(rt, w.fs[0], name))
		}
	})
}

// Goal: a kill keeps everything and ends handles and locks. Method: unsynced file,
// handle and lock across Kill.
func TestAKillKeepsThePageCache(t *testing.T) {
	d := NewDisk(1, DiskConfig{})
	put(t, d, "f", "unsynced", false)
	f, err := d.Open("f")
	require.NoError(t, err)
	lock, err := d.Lock("LOCK")
	require.NoError(t, err)
	_, err = d.Lock("LOCK")
	require.ErrorIs(t, err, syscall.EAGAIN)
	d.Kill()
	require.Equal(t, "unsynced", get(t, d, "f"))
	_, err = f.Read(make([]byte, 1))
	require.ErrorIs(t, err, ErrCrashed)
	second, err := d.Lock("LOCK")
	require.NoError(t, err)
	require.NoError(t, lock.Close())
	_, err = d.Lock("LOCK")
	require.Error(t, err, "a lock of the past does not release one of the present")
	require.NoError(t, second.Close())
}

// Goal: data without a file sync and names without a directory sync are lost when
// nothing unsynced is kept, and kept when all is. Method: both extremes.
func TestAPowerLossTakesWhatWasNotSynced(t *testing.T) {
	for _, keep := range []float64{0, 1} {
		d := NewDisk(1, DiskConfig{Keep: []float64{keep}})
		put(t, d, "a", "old", true)
		put(t, d, "c", "gone", true)
		syncDir(t, d, "/")
		put(t, d, "nameless", "synced", true)
		require.NoError(t, d.Rename("a", "b"))
		require.NoError(t, d.Remove("c"))
		f, err := d.OpenReadWrite("b", vfs.WriteCategoryUnspecified)
		require.NoError(t, err)
		_, err = f.Write([]byte("NEW and longer"))
		require.NoError(t, err)
		d.PowerLoss()
		got := []string{get(t, d, "a"), get(t, d, "b"), get(t, d, "c"), get(t, d, "nameless")}
		s := d.Stats()
		if keep == 0 {
			require.Equal(t, []string{"old", "<none>", "gone", "<none>"}, got)
			require.EqualValues(t, 3, s.LostDirEntries)
			require.EqualValues(t, 1, s.LostSectors)
			require.EqualValues(t, 1, s.LostWrites)
		} else {
			require.Equal(t, []string{"<none>", "NEW and longer", "<none>", "synced"}, got)
			require.EqualValues(t, 3, s.KeptDirEntries)
			require.EqualValues(t, 1, s.KeptSectors)
		}
		require.EqualValues(t, 1, s.PowerLosses)
	}
}

// Goal: SyncTo promises nothing unless configured to. Method: sync so and lose power.
func TestSyncTo(t *testing.T) {
	for _, full := range []bool{false, true} {
		d := NewDisk(1, DiskConfig{FullSyncTo: full, Keep: []float64{0}})
		f, err := d.Create("f", vfs.WriteCategoryUnspecified)
		require.NoError(t, err)
		syncDir(t, d, "/")
		_, err = f.Write([]byte("x"))
		require.NoError(t, err)
		was, err := f.SyncTo(1)
		require.NoError(t, err)
		require.Equal(t, full, was)
		b, _ := d.DurableBytes("f")
		require.Equal(t, full, string(b) == "x")
	}
}

// Goal: the fuse lets k mutating operations pass; from then on everything fails
// until the crash is over. Method: each k for a fixed sequence; reads do not count.
func TestTheFuseCountsMutatingOperations(t *testing.T) {
	script := func(d *Disk) (err error) {
		f, err := d.Create("f", vfs.WriteCategoryUnspecified)
		if err != nil {
			return err
		}
		if _, err := f.Write([]byte("x")); err != nil {
			return err
		}
		if _, err := f.Stat(); err != nil {
			return err
		}
		if err := f.SyncData(); err != nil {
			return err
		}
		return d.Rename("f", "g")
	}
	whole := NewDisk(1, DiskConfig{})
	require.NoError(t, script(whole))
	require.EqualValues(t, 4, whole.Ops())
	for k := range 6 {
		d := NewDisk(1, DiskConfig{})
		d.CrashAfterOps(k)
		err := script(d)
		if k >= 4 {
			require.NoError(t, err)
			require.True(t, d.FuseArmed())
			continue
		}
		require.ErrorIs(t, err, ErrCrashed)
		require.False(t, d.FuseArmed())
		require.EqualValues(t, k, d.Ops())
		_, err = d.List("/")
		require.ErrorIs(t, err, ErrCrashed)
		require.ErrorIs(t, d.MkdirAll("d", 0), ErrCrashed)
		require.ErrorIs(t, d.RemoveAll("d"), ErrCrashed)
		_, err = d.GetDiskUsage("/")
		require.ErrorIs(t, err, ErrCrashed)
		d.PowerLoss()
		_, err = d.List("/")
		require.NoError(t, err)
		require.EqualValues(t, 1, d.Stats().FuseCrashes)
	}
}

// Goal: a blown fuse crashes the owner when its callback or job returns, without
// Done and without further effects. Method: in a job, in a callback, in a start, from
// outside.
func TestTheFuseCrashesTheOwner(t *testing.T) {
	write := func(d *Disk) error {
		_, err := d.Create("f", vfs.WriteCategoryUnspecified)
		return err
	}
	w, a, b := pair(t, Config{})
	p := w.Process(1)
	a.h.Submit(env.LaneWAL, &job{p: a, name: "j", run: func() {
		p.Disk().CrashAfterOps(0)
		require.ErrorIs(t, write(a.disk), ErrCrashed)
		require.True(t, p.Alive())
		a.h.Send(2, env.ChannelControl, []byte("too late"))
	}})
	drain(w)
	require.Equal(t, []string{"run j"}, a.log)
	require.Empty(t, b.log)
	require.False(t, p.Alive())

	p.SetBoot(func(h env.Host, d *Disk) (env.Program, error) { return nil, write(d) })
	p.Disk().CrashAfterOps(0)
	require.ErrorIs(t, p.Start(), ErrCrashed)
	require.Zero(t, w.Stats().BootErrors)

	q := w.Process(2)
	q.Disk().CrashAfterOps(0)
	q.Inject(func(env.Program) { require.ErrorIs(t, write(q.Disk()), ErrCrashed) })
	drain(w)
	require.False(t, q.Alive())

	require.NoError(t, q.Start())
	q.Disk().CrashAfterOps(0)
	require.ErrorIs(t, write(q.Disk()), ErrCrashed)
	require.False(t, q.Alive())
	require.EqualValues(t, 4, w.Stats().FuseCrashes)
	require.EqualValues(t, 4, w.Stats().PowerLosses)
}

// Goal: a full disk takes what fits and says so; removed files give space back.
// Method: fill, overflow, remove.
func TestCapacity(t *testing.T) {
	d := NewDisk(1, DiskConfig{Capacity: 100})
	put(t, d, "a", string(make([]byte, 60)), true)
	f, err := d.Create("b", vfs.WriteCategoryUnspecified)
	require.NoError(t, err)
	n, err := f.Write(make([]byte, 50))
	require.Equal(t, 40, n)
	require.True(t, vfs.IsNoSpaceError(err))
	require.EqualValues(t, 100, d.Used())
	u, err := d.GetDiskUsage("/")
	require.NoError(t, err)
	require.Equal(t, vfs.DiskUsage{TotalBytes: 100, UsedBytes: 100}, u)
	require.NoError(t, d.Remove("a"))
	_, err = f.Write(make([]byte, 10))
	require.NoError(t, err)
	require.EqualValues(t, 50, d.Used())
	require.NoError(t, f.Preallocate(0, 90))
	require.EqualValues(t, 90, d.Used())
	require.True(t, vfs.IsNoSpaceError(f.Preallocate(0, 101)))
	d.SetCapacity(0)
	require.NoError(t, f.Preallocate(0, 1000))
	info, err := f.Stat()
	require.NoError(t, err)
	require.EqualValues(t, 50, info.Size(), "reserved space is not size")
	require.EqualValues(t, 2, d.Stats().NoSpace)
	require.NoError(t, d.Remove("b"))
	_, err = f.Write(make([]byte, 5000))
	require.NoError(t, err)
	require.Zero(t, d.Used(), "a removed file that is still open takes no space")
	d.Wipe()
	require.Zero(t, d.Used())
	require.EqualValues(t, 1, d.Stats().Wipes)
	_, err = f.Write([]byte("x"))
	require.ErrorIs(t, err, ErrCrashed)
	names, err := d.List("/")
	require.NoError(t, err)
	require.Empty(t, names)
}

// Goal: reads and writes through wrong handles are refused. Method: each.
func TestWrongHandles(t *testing.T) {
	d := NewDisk(1, DiskConfig{})
	put(t, d, "f", "x", true)
	f, err := d.Open("f")
	require.NoError(t, err)
	_, err = f.Write([]byte("y"))
	require.ErrorIs(t, err, syscall.EBADF)
	_, err = f.ReadAt(nil, -1)
	require.ErrorIs(t, err, fs.ErrInvalid)
	require.NoError(t, f.Close())
	require.ErrorIs(t, f.Close(), fs.ErrClosed)
	require.ErrorIs(t, f.Sync(), fs.ErrClosed)
	dir, err := d.OpenDir("/")
	require.NoError(t, err)
	_, err = dir.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.EISDIR)
	_, err = d.Create("f/x", vfs.WriteCategoryUnspecified)
	require.ErrorIs(t, err, syscall.ENOTDIR)
	require.NoError(t, d.MkdirAll("d", 0))
	_, err = d.Create("d", vfs.WriteCategoryUnspecified)
	require.ErrorIs(t, err, syscall.EISDIR)
	require.ErrorIs(t, d.Rename("f", "d"), syscall.EISDIR)
	require.ErrorIs(t, d.Rename("d", "f"), syscall.ENOTDIR)
	require.ErrorIs(t, d.Rename("d", "d/e"), fs.ErrInvalid)
	require.ErrorIs(t, d.Link("d", "e"), fs.ErrPermission)
	require.ErrorIs(t, d.MkdirAll("f/x", 0), syscall.ENOTDIR)
	require.Equal(t, "d/f", d.PathJoin("d", "f"))
	require.Equal(t, "f", d.PathBase("d/f"))
	require.Equal(t, "d", d.PathDir("d/f"))
}

// Goal: RemoveAll is many operations, so a crash can come in between. Method: fuse.
func TestRemoveAllCanBeInterrupted(t *testing.T) {
	d := NewDisk(1, DiskConfig{Keep: []float64{1}})
	for i := range 3 {
		require.NoError(t, d.MkdirAll("d/e", 0))
		put(t, d, fmt.Sprintf("d/e/%d", i), "x", true)
	}
	d.CrashAfterOps(2)
	require.ErrorIs(t, d.RemoveAll("d"), ErrCrashed)
	d.PowerLoss()
	names, err := d.List("d/e")
	require.NoError(t, err)
	require.Equal(t, []string{"2"}, names)
	require.NoError(t, d.RemoveAll("d"))
	require.Empty(t, d.Files())
}
