package storage

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"github.com/holdfastdb/holdfast/kv/env"
)

// Pebble is an env.Engine on a Pebble database without write-ahead log, for
// state larger than memory.
type Pebble struct {
	dir  string
	opts PebbleOptions
	db   *pebble.DB
	lock *pebble.Lock

	// failed is the first failure, or errClosed; final.
	failed atomic.Pointer[error]
	// stopped is closed with the first failure.
	stopped chan struct{}
	// ready is set when OpenPebble is through, heard if its caller has given an
	// OnFailure, wedged when a goroutine of Pebble stopped with locks held.
	ready  atomic.Bool
	heard  bool
	wedged atomic.Bool

	// applied counts the applied batches, flushed those of them that are known durable.
	applied, flushed atomic.Uint64
}

var (
	_ env.Engine = (*Pebble)(nil)
	_ env.Sizer  = (*Pebble)(nil)
)

// OpenPebble opens the engine in dir, which is created if need be. It fails if
// another process has it open, if its files are damaged, or if a newer build wrote them.
func OpenPebble(dir string, fs env.FS, opts PebbleOptions) (*Pebble, error) {
	p := &Pebble{dir: dir, opts: opts, heard: opts.OnFailure != nil, stopped: make(chan struct{})}
	p.opts.setDefaults()
	if err := p.open(markerFS{fs}); err != nil {
		return nil, fmt.Errorf("storage: open %s: %w", dir, err)
	}
	p.ready.Store(true)
	return p, nil
}

func (p *Pebble) open(fs env.FS) error {
	if err := makeDir(fs, p.dir); err != nil {
		return err
	}
	lock, err := pebble.LockDirectory(p.dir, fs)
	if err != nil {
		return fmt.Errorf("the data directory is in use by another process, or cannot be locked; "+
			"stop the other process or choose another directory: %w", err)
	}
	p.lock = lock
	if err := p.openLocked(fs); err != nil {
		return errors.Join(err, lock.Close())
	}
	return nil
}

func (p *Pebble) openLocked(fs env.FS) error {
	desc, err := pebble.Peek(p.dir, fs)
	if err != nil {
		return readError(err)
	}
	if !desc.Exists {
		if err := checkVirgin(fs, p.dir); err != nil {
			return err
		}
		// Only what is opened in its format is checked by its rules: the files that the
		// creation wrote are replaced here (DESIGN §4).
		if err := p.openDB(fs); err != nil {
			return fmt.Errorf("create: %w", err)
		}
		if err := p.db.Close(); err != nil {
			return fmt.Errorf("close after creation: %w", err)
		}
	}
	return p.openDB(fs)
}

// checkVirgin refuses to make a new database over the remains of another.
func checkVirgin(fs env.FS, dir string) error {
	names, err := fs.List(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasSuffix(name, ".sst") {
			return corruptf("the directory holds data (%s) but no marker of a manifest: it is damaged; "+
				"move it away to start this node without data", name)
		}
	}
	return nil
}

func (p *Pebble) openDB(fs env.FS) (err error) {
	// Pebble panics by way of its logger where it finds its manifest inconsistent.
	defer func() {
		if r := recover(); r != nil {
			if err = p.failure(); err == nil {
				panic(r)
			}
		}
	}()
	o := p.options(fs)
	o.Lock = p.lock
	p.db, err = pebble.Open(p.dir, o)
	return readError(err)
}

// fail makes err the engine's final error unless there is one already, and
// returns the final one.
func (p *Pebble) fail(err error) error {
	err = fmt.Errorf("storage: %s stopped: %w", p.dir, err)
	if p.failed.CompareAndSwap(nil, &err) {
		close(p.stopped)
		p.opts.OnFailure(err)
	}
	return *p.failed.Load()
}

// failure is the final error, nil as long as all is well.
func (p *Pebble) failure() error {
	if e := p.failed.Load(); e != nil {
		return *e
	}
	return nil
}

// Get implements env.Reader.
func (p *Pebble) Get(key []byte) ([]byte, bool, error) {
	if err := p.failure(); err != nil {
		return nil, false, err
	}
	return pebbleGet(p.db, key)
}

func pebbleGet(r pebble.Reader, key []byte) ([]byte, bool, error) {
	value, closer, err := r.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("storage: read key %x: %w", key, readError(err))
	}
	value = slices.Clone(value)
	if err := closer.Close(); err != nil {
		return nil, false, fmt.Errorf("storage: read key %x: %w", key, err)
	}
	return value, true, nil
}

// Scan implements env.Reader.
func (p *Pebble) Scan(lo, hi []byte, fn func(key, value []byte) bool) error {
	if err := p.failure(); err != nil {
		return err
	}
	return pebbleScan(p.db, lo, hi, fn)
}

func pebbleScan(r pebble.Reader, lo, hi []byte, fn func(key, value []byte) bool) (err error) {
	if bytes.Compare(lo, hi) >= 0 {
		return nil
	}
	bounds := pebble.IterOptions{LowerBound: lo, UpperBound: hi}
	if len(lo) == 0 {
		bounds.LowerBound = nil // Pebble's own keys have at least one byte
	}
	it, err := r.NewIter(&bounds)
	if err != nil {
		return fmt.Errorf("storage: scan [%x, %x): %w", lo, hi, readError(err))
	}
	defer func() {
		if cerr := errors.Join(err, it.Close()); cerr != nil {
			err = fmt.Errorf("storage: scan [%x, %x): %w", lo, hi, readError(cerr))
		}
	}()
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		if !fn(it.Key(), value) {
			return nil
		}
	}
	return it.Error()
}

// NewBatch implements env.Engine.
func (p *Pebble) NewBatch() env.Batch { return &pebbleBatch{engine: p, b: p.db.NewBatch()} }

// Apply implements env.Engine.
func (p *Pebble) Apply(batch env.Batch) error {
	b, ok := batch.(*pebbleBatch)
	if !ok || b.engine != p {
		panic("storage: a batch of another engine, or one that was applied before")
	}
	b.engine = nil
	if err := p.failure(); err != nil {
		return err
	}
	if err := errors.Join(b.err, p.db.Apply(b.b, pebble.NoSync), b.b.Close()); err != nil {
		return p.fail(fmt.Errorf("apply a batch of %d writes: %w", b.writes, err))
	}
	p.applied.Add(1)
	return nil
}

// Snapshot implements env.Engine.
func (p *Pebble) Snapshot() (env.Snapshot, error) {
	if err := p.failure(); err != nil {
		return nil, err
	}
	return &pebbleSnapshot{p.db.NewSnapshot()}, nil
}

// Flush implements env.Engine.
func (p *Pebble) Flush() error {
	if err := p.failure(); err != nil {
		return err
	}
	applied := p.applied.Load()
	if p.flushed.Load() >= applied {
		return nil
	}
	flushed, err := p.db.AsyncFlush()
	if err != nil {
		return p.fail(fmt.Errorf("flush: %w", err))
	}
	// Pebble tries a failed flush again and again; here the first failure is final.
	select {
	case <-flushed:
	case <-p.stopped:
	}
	if err := p.failure(); err != nil {
		return err
	}
	for was := p.flushed.Load(); was < applied && !p.flushed.CompareAndSwap(was, applied); {
		was = p.flushed.Load()
	}
	return nil
}

// Size implements env.Sizer.
func (p *Pebble) Size(lo, hi []byte) (uint64, error) {
	if err := p.failure(); err != nil {
		return 0, err
	}
	n, err := p.db.EstimateDiskUsage(lo, hi)
	if err != nil {
		return 0, fmt.Errorf("storage: size of [%x, %x): %w", lo, hi, readError(err))
	}
	return n, nil
}

// Close implements env.Engine. Snapshots must have been closed before. After some
// failures the directory stays locked until the process ends.
func (p *Pebble) Close() error {
	if err := p.failure(); errors.Is(err, errClosed) || p.wedged.Load() {
		return err
	}
	closed := errClosed
	p.failed.Store(&closed)
	if err := errors.Join(p.db.Close(), p.lock.Close()); err != nil {
		return fmt.Errorf("storage: close %s: %w", p.dir, err)
	}
	return nil
}

// pebbleBatch implements env.Batch for Pebble.
type pebbleBatch struct {
	engine *Pebble // nil once applied
	b      *pebble.Batch
	writes int
	err    error // the first error of a write, reported by Apply
}

func (b *pebbleBatch) wrote(err error) {
	b.writes++
	if b.err == nil {
		b.err = err
	}
}

// Set implements env.Batch.
func (b *pebbleBatch) Set(key, value []byte) { b.wrote(b.b.Set(key, value, nil)) }

// Delete implements env.Batch.
func (b *pebbleBatch) Delete(key []byte) { b.wrote(b.b.Delete(key, nil)) }

// DeleteRange implements env.Batch.
func (b *pebbleBatch) DeleteRange(lo, hi []byte) {
	if bytes.Compare(lo, hi) < 0 {
		b.wrote(b.b.DeleteRange(lo, hi, nil))
	}
}

// Len implements env.Batch.
func (b *pebbleBatch) Len() int { return b.writes }

// pebbleSnapshot implements env.Snapshot.
type pebbleSnapshot struct{ s *pebble.Snapshot }

// Get implements env.Reader.
func (s *pebbleSnapshot) Get(key []byte) ([]byte, bool, error) {
	if s.s == nil {
		return nil, false, errSnapshotClosed
	}
	return pebbleGet(s.s, key)
}

// Scan implements env.Reader.
func (s *pebbleSnapshot) Scan(lo, hi []byte, fn func(key, value []byte) bool) error {
	if s.s == nil {
		return errSnapshotClosed
	}
	return pebbleScan(s.s, lo, hi, fn)
}

// Close implements env.Snapshot.
func (s *pebbleSnapshot) Close() error {
	if s.s == nil {
		return errSnapshotClosed
	}
	err := s.s.Close()
	s.s = nil
	return err
}
