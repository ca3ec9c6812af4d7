package machine_test

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/machine"
)

// sum is the running sum of pairs, after doc.go.
func sum(before uint64, key, value string) uint64 {
	b := binary.BigEndian.AppendUint64(nil, before)
	b = binary.AppendUvarint(b, uint64(len(key)))
	b = append(b, key...)
	return xxhash.Sum64(binary.BigEndian.AppendUint64(b, xxhash.Sum64String(value)))
}

// chunk encodes the first chunk of a snapshot, after doc.go.
func chunk(final byte, pairs ...string) []byte {
	b := binary.BigEndian.AppendUint32([]byte{1, final}, uint32(len(pairs)/2))
	b = binary.BigEndian.AppendUint64(b, uint64(len(pairs)/2))
	b = binary.BigEndian.AppendUint64(b, 0)
	var after uint64
	for i := 0; i < len(pairs); i += 2 {
		after = sum(after, pairs[i], pairs[i+1])
	}
	b = binary.BigEndian.AppendUint64(b, after)
	for _, s := range pairs {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return b
}

// metaRecord is the record of a position.
func metaRecord(id machine.StageID) string {
	b := binary.BigEndian.AppendUint64(nil, id.Index)
	b = binary.BigEndian.AppendUint64(b, id.Term)
	b = binary.BigEndian.AppendUint64(b, id.Hash)
	return string(binary.BigEndian.AppendUint64(b, 0))
}

// Goal: a chunk that is malformed, altered or not a part of the snapshot is refused with its
// reason and changes nothing; a good one is still taken after it. Method: one of each kind.
func TestABadChunkIsRefused(t *testing.T) {
	id := machine.StageID{Index: 9, Term: 2, Hash: 5}
	other := machine.StageID{Index: 8, Term: 2, Hash: 5}
	format, meta := "\x00", "\x01"
	session := "\x02" + strings.Repeat("\x00", 7) + "\x03"
	good := chunk(0, format, "\x01", meta, metaRecord(id))
	require.EqualValues(t, good, append([]byte(nil), good...))
	for name, bad := range map[string]struct {
		data []byte
		why  string
	}{
		"empty":                   {nil, "ends early"},
		"header cut":              {good[:20], "ends early"},
		"pairs cut":               {good[:len(good)-1], "ends early"},
		"longer":                  {append(append([]byte(nil), good...), 0), "follow"},
		"version":                 {append([]byte{2}, good[1:]...), "version"},
		"flags":                   {append([]byte{1, 2}, good[2:]...), "flags"},
		"sum":                     {flip(good, 25), "altered"},
		"not the first":           {flip(good, 13), "follows"},
		"altered":                 {flip(chunk(0, format, "\x01", meta, metaRecord(id), "\x10k", "\x01v"), -1), "altered"},
		"no pair":                 {chunk(0), "no pair"},
		"out of order":            {chunk(0, meta, metaRecord(id), format, "\x01"), "not above"},
		"twice":                   {chunk(0, format, "\x01", format, "\x01"), "not above"},
		"empty key":               {chunk(0, "", "\x01"), "empty"},
		"other image":             {chunk(0, "\x80", "\x01"), "0x80"},
		"group record":            {chunk(0, "\x70", "\x01"), "0x70"},
		"unknown kind":            {chunk(0, "\x11", "\x01"), "0x11"},
		"format version":          {chunk(0, format, "\x02"), "format version 2"},
		"another position":        {chunk(0, format, "\x01", meta, metaRecord(other)), "entry 8"},
		"broken position":         {chunk(0, meta, "x"), "ends early"},
		"long position":           {chunk(0, meta+"x", metaRecord(id)), "kind 0x01"},
		"data from the future":    {chunk(0, "\x10k", "\x0av"), "version 10"},
		"data without version":    {chunk(0, "\x10k", ""), "version"},
		"empty data key":          {chunk(0, "\x10", "\x01v"), "empty"},
		"session from the future": {chunk(0, session, "\x00\x0a\x00\x00"), "entry 10"},
		"session cut":             {chunk(0, session, "\x00"), "ends early"},
		"session key cut":         {chunk(0, session[:4], "\x00\x04\x00\x00"), "kind 0x02"},
		"saved result cut":        {chunk(0, "\x03"+session[1:]+session[1:], "\x00\x05"), "ends early"},
	} {
		t.Run(name, func(t *testing.T) {
			r := target(t)
			s, err := r.m.Stage(id)
			require.NoError(t, err)
			before := contents(t, r.engine)
			err = s.Write(0, bad.data)
			require.ErrorContains(t, err, bad.why)
			require.ErrorContains(t, err, "chunk 0 of the snapshot at entry 9")
			require.Equal(t, before, contents(t, r.engine))
			require.ErrorContains(t, s.Write(1, good), "chunk 0 is the next")
			require.NoError(t, s.Write(0, good))
			require.ErrorContains(t, s.Write(0, good), "chunk 1 is the next")
			require.ErrorContains(t, s.Write(1, good), "follows 0 pairs")
		})
	}
}

// flip alters one byte of a copy of b; a negative place counts from the end.
func flip(b []byte, at int) []byte {
	c := append([]byte(nil), b...)
	if at < 0 {
		at += len(c)
	}
	c[at] ^= 1
	return c
}

// Goal: a complete stage whose records do not make a state is refused by Install, and the
// machine goes on (SNAP-16). Method: snapshots without position, without format.
func TestACompleteStageWithoutAStateIsRefused(t *testing.T) {
	id := machine.StageID{Index: 9, Term: 2, Hash: 5}
	for _, data := range [][]byte{
		chunk(1), chunk(1, "\x00", "\x01"), chunk(1, "\x01", metaRecord(id)), chunk(1, "\x10k", "\x01v"),
	} {
		r := target(t)
		s, err := r.m.Stage(id)
		require.NoError(t, err)
		require.NoError(t, s.Write(0, data))
		require.Error(t, r.m.Install(s, markOf(id)))
		r.do(put(0, 0, "a", "on"))
		require.NoError(t, s.Abort())
		require.Len(t, contents(t, r.engine), 5)
	}
}

// Goal: another snapshot's part is wiped before the next is staged, and Abort leaves
// nothing. Method: stage a part, then another one; look at all the engine has.
func TestPartsOfOtherSnapshotsAreWiped(t *testing.T) {
	src, r := source(t), target(t)
	plain := contents(t, r.engine)
	x, err := src.m.Export()
	require.NoError(t, err)
	s, err := r.m.Stage(stageID(x))
	require.NoError(t, err)
	copyChunks(t, x, s, 1, 4)
	require.Len(t, contents(t, r.engine), len(plain)+5)
	id := stageID(x)
	id.Hash++
	s, err = r.m.Stage(id)
	require.NoError(t, err)
	require.Len(t, contents(t, r.engine), len(plain)+1)
	number, after, seen := s.Next()
	require.Zero(t, number)
	require.Empty(t, after)
	require.Zero(t, seen)
	require.NoError(t, s.Abort())
	require.Equal(t, plain, contents(t, r.engine))
	require.NoError(t, s.Abort())
	require.Error(t, s.Write(0, chunk(1)))
}

// Goal: Apply and Install do not disturb a stage nor the reverse: their keys are apart.
// Method: interleave a stage chunk by chunk with commands; compare with a machine that staged nothing.
func TestStagingLeavesTheStateAlone(t *testing.T) {
	src, r, plain := source(t), target(t), target(t)
	x, err := src.m.Export()
	require.NoError(t, err)
	s, err := r.m.Stage(stageID(x))
	require.NoError(t, err)
	for n := 0; !s.Complete(); n++ {
		copyChunks(t, x, s, 1, 1)
		if n < 3 {
			c := put(0, 0, "k", strings.Repeat("v", n))
			require.Equal(t, plain.do(c), r.do(c))
		}
	}
	require.Equal(t, image(t, plain.engine), image(t, r.engine))
	pairs, _ := s.Progress()
	require.EqualValues(t, len(image(t, src.engine)), pairs)
	require.NoError(t, r.m.Install(s, markOf(stageID(x))))
	require.Equal(t, image(t, src.engine), image(t, r.engine))
}

// Goal: what another replica of the group left is wiped with everything, and what was wiped
// does not come back; one's own is kept, and what nobody owns is adopted (MACH-12, MEMB-11).
// Method: open with another id, also with a stage in progress; remove the owner's record.
func TestOnlyTheOwnersStateIsKept(t *testing.T) {
	src, r := source(t), target(t)
	s, id := stage(t, src, r.m)
	_ = s
	b := r.engine.NewBatch()
	neighbour := append(bytes8(uint64(group)+1), 0)
	b.Set(neighbour, []byte("kept"))
	require.NoError(t, r.engine.Apply(b))
	all := contents(t, r.engine)
	r.reopen(tinyLimits())
	require.Equal(t, all, contents(t, r.engine))
	require.Equal(t, owner, r.m.Owner())

	m, err := machine.Open(group, owner+1, r.engine, tinyLimits())
	require.NoError(t, err)
	index, _ := m.Applied()
	require.Zero(t, index)
	_, installed := m.Installed()
	require.False(t, installed)
	require.Len(t, contents(t, r.engine), 1)
	_, kept, err := r.engine.Get(neighbour)
	require.NoError(t, err)
	require.True(t, kept)
	_, err = m.Export()
	require.ErrorContains(t, err, "nothing has been applied")

	s, err = m.Stage(id)
	require.NoError(t, err)
	number, _, _ := s.Next()
	require.Zero(t, number)
	r.m = open(t, r.engine, tinyLimits())
	require.Len(t, contents(t, r.engine), 1)

	lo, _ := machine.Span(group)
	live := append(lo, 0x70)
	b = src.engine.NewBatch()
	b.Delete(live)
	require.NoError(t, src.engine.Apply(b))
	src.reopen(tinyLimits())
	_, found, err := src.engine.Get(live)
	require.NoError(t, err)
	require.True(t, found)
	_, err = machine.Open(group, 0, src.engine, tinyLimits())
	require.ErrorContains(t, err, "replica")

	stage(t, src, r.m)
	b = r.engine.NewBatch()
	b.Delete(live)
	require.NoError(t, r.engine.Apply(b))
	_, err = machine.Open(group, owner, r.engine, tinyLimits())
	require.ErrorIs(t, err, machine.ErrDamaged)
}

func bytes8(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// Goal: a state behind the snapshot that was installed in it is refused (SNAP-15). Method: give
// the image an older position.
func TestAStateBehindItsSnapshotIsRefused(t *testing.T) {
	src, r := source(t), target(t)
	s, id := stage(t, src, r.m)
	require.NoError(t, r.m.Install(s, markOf(id)))
	lo, _ := machine.Span(group)
	id.Index--
	b := r.engine.NewBatch()
	b.Set(append(lo, 0x81), []byte(metaRecord(id)))
	require.NoError(t, r.engine.Apply(b))
	_, err := machine.Open(group, owner, r.engine, tinyLimits())
	require.ErrorIs(t, err, machine.ErrDamaged)
	require.ErrorContains(t, err, "installed")
}

// Goal: an engine's error ends a stage for good. Method: an engine that refuses a batch.
func TestAnEngineErrorEndsAStage(t *testing.T) {
	e := &failingEngine{Engine: openEngine(t, vfs.NewMem(), 0)}
	m := open(t, e, tinyLimits())
	s, err := m.Stage(machine.StageID{Index: 1, Term: 1})
	require.NoError(t, err)
	e.fail = true
	for range 2 {
		require.ErrorIs(t, s.Write(0, chunk(0, "\x00", "\x01")), errEngine)
	}
	require.ErrorIs(t, s.Abort(), errEngine)
	require.Error(t, m.Install(s, markOf(s.ID())))
}

var errRead = errors.New("read failed")

// Goal: Verify finds what is wrong with any record, names group and record, and finds nothing
// wrong in what machines write. Method: a group with a part of a snapshot staged; harm each record.
func TestVerifyFindsEveryDamage(t *testing.T) {
	build := func() *rig {
		r := source(t)
		r.do(put(0, 0, "z", "z"))
		x, err := source(t).m.Export()
		require.NoError(t, err)
		id := stageID(x)
		id.Index += 10
		s, err := r.m.Stage(stageID(x))
		require.NoError(t, err)
		copyChunks(t, x, s, 1, 4)
		return r
	}
	clean := build()
	reports := requireIntact(t, clean.engine)
	require.Len(t, reports, 1)
	g := reports[0]
	require.Equal(t, group, g.Group)
	require.Equal(t, owner, g.Owner)
	index, term := clean.m.Applied()
	require.Equal(t, []uint64{index, term, clean.m.Hash()}, []uint64{g.Index, g.Term, g.Hash})
	require.EqualValues(t, []uint64{4, 2, 3, 4}, []uint64{g.Keys, g.Sessions, g.SavedResults, g.Staged})

	for key, value := range contents(t, clean.engine) {
		harms := map[string]func(b env.Batch){
			"cut":   func(b env.Batch) { b.Set([]byte(key), []byte(value[:0])) },
			"moved": func(b env.Batch) { b.Delete([]byte(key)); b.Set([]byte(key+"xxxxxxxxx"), []byte(value)) },
		}
		kind := key[8]
		if kind != 0x70 && kind != 0x71 && kind != 0x10 && kind != 0x02 {
			harms["gone"] = func(b env.Batch) { b.Delete([]byte(key)) }
		}
		if kind == 0x10 {
			delete(harms, "moved") // it is another key then
		}
		for name, harm := range harms {
			r := build()
			b := r.engine.NewBatch()
			harm(b)
			require.NoError(t, r.engine.Apply(b))
			reports, err := machine.Verify(r.engine)
			require.NoError(t, err)
			require.Len(t, reports, 1)
			require.NotEmpty(t, reports[0].Problems, "% x %s", key, name)
		}
	}
}

// brokenEngine cannot be read.
type brokenEngine struct{ env.Engine }

func (brokenEngine) Scan(_, _ []byte, _ func(_, _ []byte) bool) error { return errRead }

// Goal: Verify goes through all groups, bounds what it says, and reports an engine that
// cannot be read. Method: stray keys in several groups.
func TestVerifyGoesThroughAllGroups(t *testing.T) {
	e := openEngine(t, vfs.NewMem(), 0)
	b := e.NewBatch()
	for i := range 30 {
		b.Set(append(bytes8(3), 0x11, byte(i)), nil)
	}
	b.Set([]byte{1}, nil)
	b.Set(append(bytes8(1<<64-2), 0x60), nil)
	require.NoError(t, e.Apply(b))
	open(t, e, tinyLimits())
	reports, err := machine.Verify(e)
	require.NoError(t, err)
	require.Len(t, reports, 4)
	require.Empty(t, reports[1].Problems)
	require.Equal(t, group, reports[1].Group)
	require.Len(t, reports[0].Problems, machine.MaxProblems)
	require.Equal(t, 10, reports[0].Omitted)
	require.NotEmpty(t, reports[2].Problems)
	require.NotEmpty(t, reports[3].Problems)
	_, err = machine.Verify(brokenEngine{e})
	require.ErrorIs(t, err, errRead)
}
