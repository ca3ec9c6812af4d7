package storage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	checkpointMagic   = "HFCKPT"
	checkpointVersion = 1
	checkpointPrefix  = "checkpoint-"
	checkpointHeader  = len(checkpointMagic) + 1 + 8 + 8
	checkpointTrailer = 8
	temporarySuffix   = ".tmp"
	// checkpointBuffer is how much is gathered for one write to the file.
	checkpointBuffer = 1 << 20
)

func (m *Memory) checkpointPath(number uint64) string {
	return m.fs.PathJoin(m.dir, fmt.Sprintf("%s%020d", checkpointPrefix, number))
}

// save makes the present state the newest checkpoint.
func (m *Memory) save() error {
	next := m.checkpoint + 1
	name := m.checkpointPath(next)
	if err := m.writeCheckpoint(name+temporarySuffix, next); err != nil {
		return err
	}
	if err := m.fs.Rename(name+temporarySuffix, name); err != nil {
		return fmt.Errorf("rename the checkpoint to %s: %w", name, err)
	}
	if err := syncDir(m.fs, m.dir); err != nil {
		return err
	}
	if m.checkpoint != 0 {
		if err := m.fs.Remove(m.checkpointPath(m.checkpoint)); err != nil {
			return fmt.Errorf("remove the previous checkpoint: %w", err)
		}
	}
	m.checkpoint = next
	return nil
}

// writeCheckpoint writes the state to a new file and syncs it.
func (m *Memory) writeCheckpoint(name string, number uint64) (err error) {
	f, err := m.fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("create %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()

	var sum xxhash.Digest
	sum.Reset()
	buf := append(m.buf[:0], checkpointMagic...)
	buf = append(buf, checkpointVersion)
	buf = binary.BigEndian.AppendUint64(buf, number)
	buf = binary.BigEndian.AppendUint64(buf, uint64(m.tree.count))
	drain := func() bool {
		_, _ = sum.Write(buf) // never fails
		_, err = f.Write(buf)
		buf = buf[:0]
		return err == nil
	}
	m.tree.scan(nil, nil, func(key, value []byte) bool {
		buf = binary.AppendUvarint(buf, uint64(len(key)))
		buf = append(buf, key...)
		buf = binary.AppendUvarint(buf, uint64(len(value)))
		buf = append(buf, value...)
		return len(buf) < checkpointBuffer || drain()
	})
	m.buf = buf
	if err == nil && drain() {
		_, err = f.Write(binary.BigEndian.AppendUint64(nil, sum.Sum64()))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err = f.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", name, err)
	}
	return nil
}

// load reads the newest checkpoint and removes what a crash left of others.
func (m *Memory) load() error {
	if err := makeDir(m.fs, m.dir); err != nil {
		return err
	}
	newest, stale, err := m.find()
	if err != nil {
		return err
	}
	if err := m.read(newest); err != nil {
		return err
	}
	return m.removeStale(stale)
}

// find returns the number of the newest checkpoint, 0 if there is none, and the files
// that it makes superfluous.
func (m *Memory) find() (newest uint64, stale []string, err error) {
	names, err := m.fs.List(m.dir)
	if err != nil {
		return 0, nil, fmt.Errorf("list the directory: %w", err)
	}
	for _, name := range names {
		digits, ours := strings.CutPrefix(name, checkpointPrefix)
		if !ours {
			continue
		}
		number, err := strconv.ParseUint(digits, 10, 64)
		switch {
		case strings.HasSuffix(name, temporarySuffix):
			stale = append(stale, m.fs.PathJoin(m.dir, name))
		case err != nil || number == 0:
			return 0, nil, corruptf("file %s has the name of a checkpoint but no valid number", name)
		case number > newest:
			if newest != 0 {
				stale = append(stale, m.checkpointPath(newest))
			}
			newest = number
		default:
			stale = append(stale, m.checkpointPath(number))
		}
	}
	return newest, stale, nil
}

// read makes a checkpoint the state; number 0 is the empty one.
func (m *Memory) read(number uint64) error {
	if number != 0 {
		name := m.checkpointPath(number)
		if err := m.readCheckpoint(name, number); err != nil {
			return fmt.Errorf("checkpoint %s cannot be used: %w", name, err)
		}
	}
	m.checkpoint = number
	return nil
}

// removeStale removes files that the newest checkpoint makes superfluous. That
// checkpoint's own name may not be durable yet.
func (m *Memory) removeStale(stale []string) error {
	if len(stale) == 0 {
		return nil
	}
	if err := syncDir(m.fs, m.dir); err != nil {
		return err
	}
	for _, name := range stale {
		if err := m.fs.Remove(name); err != nil {
			return fmt.Errorf("remove %s: %w", name, err)
		}
	}
	return nil
}

func (m *Memory) readCheckpoint(name string, number uint64) error {
	f, err := m.fs.Open(name, vfs.SequentialReadsOption)
	if err != nil {
		return err
	}
	b, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if len(b) < checkpointHeader+checkpointTrailer || string(b[:len(checkpointMagic)]) != checkpointMagic {
		return corruptf("it is damaged: it does not start like a checkpoint")
	}
	body, trailer := b[:len(b)-checkpointTrailer], b[len(b)-checkpointTrailer:]
	if xxhash.Sum64(body) != binary.BigEndian.Uint64(trailer) {
		return corruptf("it is damaged: its checksum does not match")
	}
	// Only now is the version one that somebody wrote, and not damage.
	if v := b[len(checkpointMagic)]; v != checkpointVersion {
		return fmt.Errorf("it has format version %d, this build knows %d", v, checkpointVersion)
	}
	header := body[len(checkpointMagic)+1:]
	if n := binary.BigEndian.Uint64(header); n != number {
		return corruptf("it is checkpoint %d under another one's name", n)
	}
	return m.readPairs(body[checkpointHeader:], binary.BigEndian.Uint64(header[8:]))
}

func (m *Memory) readPairs(b []byte, count uint64) error {
	field := func() ([]byte, bool) {
		n, w := binary.Uvarint(b)
		if w <= 0 || n > uint64(len(b)-w) {
			return nil, false
		}
		v := bytes.Clone(b[w : w+int(n)])
		b = b[w+int(n):]
		return v, true
	}
	for range count {
		key, ok := field()
		value, ok2 := field()
		if !ok || !ok2 {
			return corruptf("it is damaged: it ends within a pair")
		}
		m.tree.set(key, value)
	}
	if len(b) != 0 || uint64(m.tree.count) != count {
		return corruptf("it is damaged: it does not hold as many pairs as it says")
	}
	return nil
}
