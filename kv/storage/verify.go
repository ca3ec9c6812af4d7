package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"

	"github.com/holdfastdb/holdfast/kv/env"
)

// ReadPebble opens the durable state of a Pebble engine that nobody has open, for reading; it
// changes no file. An error that is fs.ErrNotExist and not IsCorrupt says that there is none.
func ReadPebble(dir string, files env.FS) (env.Snapshot, error) {
	p, err := openReadOnly(dir, files)
	if err != nil {
		return nil, err
	}
	return pebbleReadOnly{p}, nil
}

// pebbleReadOnly is the part of Pebble that does not write.
type pebbleReadOnly struct{ p *Pebble }

// Get implements env.Reader.
func (r pebbleReadOnly) Get(key []byte) ([]byte, bool, error) { return r.p.Get(key) }

// Scan implements env.Reader.
func (r pebbleReadOnly) Scan(lo, hi []byte, fn func(key, value []byte) bool) error {
	return r.p.Scan(lo, hi, fn)
}

// Close implements env.Snapshot.
func (r pebbleReadOnly) Close() error { return r.p.Close() }

func openReadOnly(dir string, files env.FS) (*Pebble, error) {
	p := &Pebble{dir: dir, stopped: make(chan struct{})}
	p.opts.setDefaults()
	p.opts.readOnly = true
	if err := p.openExisting(files); err != nil {
		return nil, fmt.Errorf("storage: read %s: %w", dir, err)
	}
	p.ready.Store(true)
	return p, nil
}

func (p *Pebble) openExisting(files env.FS) error {
	if _, err := files.Stat(p.dir); err != nil {
		return err
	}
	desc, err := pebble.Peek(p.dir, files)
	if err != nil {
		return readError(err)
	}
	if !desc.Exists {
		if err := checkVirgin(files, p.dir); err != nil {
			return err
		}
		return fmt.Errorf("there is no data: %w", fs.ErrNotExist)
	}
	lock, err := pebble.LockDirectory(p.dir, files)
	if err != nil {
		return fmt.Errorf("the data directory is in use by another process, or cannot be locked; stop the node first: %w", err)
	}
	p.lock = lock
	if err := p.openDB(files); err != nil {
		return errors.Join(err, lock.Close())
	}
	return nil
}

// VerifyPebble reads all that a Pebble engine's directory holds and checks it: the checksum of each
// block of each table, the order of keys within tables, and that newer levels
// hold newer writes. It changes no file. The first damage is an error that IsCorrupt. What it
// cannot see is a manifest whose end is gone (STO-4).
func VerifyPebble(dir string, files env.FS) error {
	p, err := openReadOnly(dir, files)
	if err != nil {
		return err
	}
	err = errors.Join(p.verify(files), p.Close())
	if err != nil {
		return fmt.Errorf("storage: verify %s: %w", dir, err)
	}
	return nil
}

func (p *Pebble) verify(files env.FS) error {
	levels, err := p.db.SSTables()
	if err != nil {
		return readError(err)
	}
	o := p.options(files)
	o.EnsureDefaults()
	for _, tables := range levels {
		for i := range tables {
			name := files.PathJoin(p.dir, fmt.Sprintf("%06d.sst", uint64(tables[i].BackingSSTNum)))
			if err := verifyTable(files, name, o.MakeReaderOptions()); err != nil {
				return fmt.Errorf("table %s: %w", name, err)
			}
		}
	}
	if err := p.db.CheckLevels(nil); err != nil {
		return fmt.Errorf("check the order of keys: %w", readError(err))
	}
	return p.failure()
}

// verifyTable checks the checksum of each block of a table file.
func verifyTable(files env.FS, name string, o sstable.ReaderOptions) (err error) {
	f, err := files.Open(name)
	if err != nil {
		return readError(err)
	}
	readable, err := sstable.NewSimpleReadable(f)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	r, err := sstable.NewReader(context.Background(), readable, o)
	if err != nil {
		return err // it has closed the file
	}
	return errors.Join(r.ValidateBlockChecksums(), r.Close())
}

// ReadMemory opens the durable state of a memory engine for reading; it changes no file. An error that is
// fs.ErrNotExist says that there is none.
func ReadMemory(dir string, files env.FS) (env.Snapshot, error) {
	m := &Memory{fs: files, dir: dir}
	newest, _, err := m.find()
	if err == nil && newest == 0 {
		err = fmt.Errorf("there is no data: %w", fs.ErrNotExist)
	}
	if err == nil {
		err = m.read(newest)
	}
	if err != nil {
		return nil, fmt.Errorf("storage: read %s: %w", dir, err)
	}
	return &memorySnapshot{tree: m.tree.freeze()}, nil
}

// VerifyMemory checks the newest checkpoint of a memory engine and changes no file.
func VerifyMemory(dir string, files env.FS) error {
	s, err := ReadMemory(dir, files)
	if err != nil {
		return err
	}
	return s.Close()
}
