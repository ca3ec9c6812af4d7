package machine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/holdfastdb/holdfast/kv/env"
)

// StageID identifies the state that is staged: all exports of a group with the same
// position have the same content, whichever replica they come from.
type StageID struct{ Index, Term, Hash uint64 }

// stageVersion is the format version of the stage record.
const stageVersion = 1

// progress is how far a stage has come: one engine record (kindStage), written in the
// batch of the pairs it counts (MACH-11).
type progress struct {
	id     StageID
	image  byte
	final  bool   // all pairs are there
	chunks uint64 // written so far
	bytes  uint64 // of keys and values
	last   []byte // the last pair's key inside the image
	tally
}

func (p *progress) append(dst []byte) []byte {
	dst = append(dst, stageVersion, p.image, 0)
	if p.final {
		dst[len(dst)-1] = 1
	}
	dst = binary.AppendUvarint(dst, p.id.Index)
	dst = binary.AppendUvarint(dst, p.id.Term)
	dst = binary.BigEndian.AppendUint64(dst, p.id.Hash)
	dst = binary.AppendUvarint(dst, p.chunks)
	dst = binary.AppendUvarint(dst, p.pairs)
	dst = binary.AppendUvarint(dst, p.bytes)
	dst = binary.BigEndian.AppendUint64(dst, p.sum)
	return appendBytes(dst, p.last)
}

func decodeProgress(b []byte) (progress, error) {
	r := cursor{b: b}
	if v := r.byte(); !r.bad && v != stageVersion {
		return progress{}, errVersion
	}
	p := progress{image: r.byte(), final: r.byte() == 1}
	p.id = StageID{Index: r.uvarint(), Term: r.uvarint(), Hash: r.uint64()}
	p.chunks = r.uvarint()
	p.pairs, p.bytes, p.sum = r.uvarint(), r.uvarint(), r.uint64()
	p.last = bytes.Clone(r.bytes())
	switch {
	case r.bad:
		return progress{}, errTruncated
	case len(r.b) != 0:
		return progress{}, errTrailing
	}
	return p, nil
}

// Stage takes in a snapshot beside the state in force, in the other image. Write and Abort
// may run on another lane than the machine's (env.LaneSnapshot), one at a time. They touch
// the engine alone, in keys that Apply does not.
type Stage struct {
	keys    layout // of the image that is staged
	engine  env.Engine
	at      progress
	failed  error // final, from the engine
	ended   bool  // installed, aborted, or replaced by another stage
	keyBuf  []byte
	scratch []byte
}

var errStageEnded = errors.New("the stage has been installed, aborted or replaced by another")

// Stage begins to take in the snapshot, or goes on where the engine has a part of it,
// also after a restart. A part of any other snapshot is wiped. It is called on the
// machine's lane and ends an earlier stage, none of whose calls may be under way.
func (m *Machine) Stage(id StageID) (*Stage, error) {
	if m.failed != nil {
		return nil, m.failed
	}
	s := &Stage{keys: m.keys.other(), engine: m.engine}
	record, found, err := m.engine.Get(m.keys.own(kindStage))
	if err != nil {
		return nil, fmt.Errorf("machine: partition %d: look for a staged snapshot: %w", m.keys.group, err)
	}
	if found {
		// A record that cannot be read is of no use: the stage starts again.
		s.at, _ = decodeProgress(record)
	}
	if s.at.id != id || s.at.image != s.keys.image || s.at.chunks == 0 {
		s.at = progress{id: id, image: s.keys.image}
		b := m.engine.NewBatch()
		b.DeleteRange(s.keys.bounds())
		b.Set(s.keys.own(kindStage), s.at.append(nil))
		if err := m.engine.Apply(b); err != nil {
			return nil, m.fail(fmt.Errorf("begin to stage a snapshot: %w", err))
		}
	}
	if m.stage != nil {
		m.stage.ended = true
	}
	m.stage = s
	return s, nil
}

// ID is the identity of what is staged.
func (s *Stage) ID() StageID { return s.at.id }

// Next is where to go on: the number of the next chunk, from 0, the key it starts
// behind (Export.Read), and the sum of all pairs before it.
func (s *Stage) Next() (number uint64, after []byte, sum uint64) {
	return s.at.chunks, s.at.last, s.at.sum
}

// Progress is what has been staged so far.
func (s *Stage) Progress() (pairs, bytes uint64) { return s.at.pairs, s.at.bytes }

// Complete reports whether the last chunk has been written.
func (s *Stage) Complete() bool { return s.at.final }

// Write takes in the chunk with the given number, which must be the next one. A chunk that
// is malformed, out of order or not a part of the snapshot is an error and changes
// nothing: another copy of it may follow. An error of the engine is final.
func (s *Stage) Write(number uint64, data []byte) error {
	if err := s.write(number, data); err != nil {
		return fmt.Errorf("machine: partition %d: stage chunk %d of the snapshot at entry %d: %w",
			s.keys.group, number, s.at.id.Index, err)
	}
	return nil
}

func (s *Stage) write(number uint64, data []byte) error {
	switch {
	case s.failed != nil:
		return s.failed
	case s.ended:
		return errStageEnded
	case s.at.final:
		return errors.New("the last chunk was written before")
	case number != s.at.chunks:
		return fmt.Errorf("chunk %d is the next one", s.at.chunks)
	}
	c, err := decodeChunk(data)
	if err != nil {
		return err
	}
	if c.before != s.at.tally {
		return fmt.Errorf("the chunk follows %d pairs with sum %#x, but staged are %d with sum %#x",
			c.before.pairs, c.before.sum, s.at.pairs, s.at.sum)
	}
	b := s.engine.NewBatch()
	next, err := s.fill(b, &c)
	if err != nil {
		return err
	}
	b.Set(s.keys.own(kindStage), next.append(nil))
	if err := s.engine.Apply(b); err != nil {
		s.failed = err
		return err
	}
	s.at = next
	return nil
}

// fill checks the chunk's pairs, puts them into the batch, and returns the progress with them.
func (s *Stage) fill(b env.Batch, c *chunk) (progress, error) {
	next := s.at
	next.chunks++
	next.final = c.final
	r := cursor{b: c.body}
	for n := range c.pairs {
		key, value := r.bytes(), r.bytes()
		if r.bad {
			return next, fmt.Errorf("pair %d: %w", n, errChunkShort)
		}
		if err := s.checkPair(next.last, key, value); err != nil {
			return next, fmt.Errorf("pair %d: %w", n, err)
		}
		s.keyBuf = append(s.keys.key(s.keyBuf[:0], key[0]), key[1:]...)
		b.Set(s.keyBuf, value)
		s.scratch = next.add(s.scratch, key, value)
		next.bytes += uint64(len(key) + len(value))
		next.last = key
	}
	switch {
	case len(r.b) != 0:
		return next, errors.New("bytes follow the chunk's last pair")
	case next.tally != c.after:
		return next, fmt.Errorf("it leads to %d pairs with sum %#x, but claims %d with sum %#x: it was altered on its way",
			next.pairs, next.sum, c.after.pairs, c.after.sum)
	case c.pairs == 0 && !c.final:
		return next, errors.New("it has no pair, and is not the last")
	}
	next.last = bytes.Clone(next.last)
	return next, nil
}

// checkPair refuses what is not a part of the snapshot.
func (s *Stage) checkPair(last, key, value []byte) error {
	if len(key) == 0 {
		return errors.New("the key is empty")
	}
	if bytes.Compare(key, last) <= 0 {
		return fmt.Errorf("key % x is not above the one before, % x", key, last)
	}
	r := record{kind: key[0], rest: key[1:], value: value}
	if err := r.check(s.at.id.Index); err != nil {
		return err
	}
	if r.kind == kindMeta {
		at, err := decodeMeta(value)
		if err != nil {
			return err
		}
		if (StageID{at.index, at.term, at.hash}) != s.at.id {
			return fmt.Errorf("the state is that of entry %d of term %d with hash %#x, not of entry %d of term %d with hash %#x",
				at.index, at.term, at.hash, s.at.id.Index, s.at.id.Term, s.at.id.Hash)
		}
	}
	return nil
}

// Abort wipes what was staged and ends the stage.
func (s *Stage) Abort() error {
	if s.failed != nil {
		return s.failed
	}
	if s.ended {
		return nil
	}
	s.ended = true
	b := s.engine.NewBatch()
	b.DeleteRange(s.keys.bounds())
	b.Delete(s.keys.own(kindStage))
	if err := s.engine.Apply(b); err != nil {
		s.failed = fmt.Errorf("machine: partition %d: wipe the staged snapshot: %w", s.keys.group, err)
		return s.failed
	}
	return nil
}
