package wal

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft"
)

// newPrunedSpecimen is a log of three segments or more whose first ones are deleted: commits of entries and of
// marks of group 1, and a few of an idle group 2.
func newPrunedSpecimen(t testing.TB) (s *specimen, deleted map[string][]byte) {
	s = &specimen{fs: vfs.NewMem(), models: []model{{}}}
	s.options = testOptions(s.fs)
	s.options.SegmentBytes = 1024
	l, _ := mustOpen(t, s.options)
	do := func(g raft.GroupID, p *raft.Persist) {
		b := NewBatch()
		b.Add(g, replica3, p)
		require.NoError(t, l.Commit(b))
		s.models = append(s.models, s.models[len(s.models)-1].with(g, p))
		s.frames = append(s.frames, framePos{l.active.path, l.active.end - int64(b.Bytes()), l.active.end})
	}
	do(2, persist(5, 1, 0, entries(1, 2, 4, 1)))
	deleted = make(map[string][]byte)
	for i := range uint64(30) {
		p := persist(i+1, 2, i, entries(i+1, 1, i+1, 50))
		if i > 0 && i%10 == 0 {
			p.Mark = raft.Mark{Index: i - 7, Term: i - 7, Config: []byte("config")}
		}
		do(1, p)
		if l.Prunable() {
			for path, data := range readDir(t, s.fs, s.options.Dir) {
				deleted[path] = data
			}
			require.NoError(t, l.Prune())
		}
	}
	do(1, persist(31, 2, 30, entries(31, 1, 31, 50)))
	s.end = l.active.end
	s.files = readDir(t, s.fs, s.options.Dir)
	require.Greater(t, len(s.files), 2)
	for path := range s.files {
		delete(deleted, path)
	}
	require.Greater(t, len(deleted), 1)
	return s, deleted
}

func (s *specimen) paths() []string {
	var out []string
	for path := range s.files {
		out = append(out, path)
	}
	slices.Sort(out)
	return out
}

// Goal: no flipped bit of a pruned log, in checkpoint, floor, batch, header or zeros, makes it forget: it is
// refused, harmless, or taken for an interrupted write of the newest frame (WAL-5).
// Method: flip every bit up to the end of the frames, and some behind.
func TestNoFlippedBitOfAPrunedLogMakesItForget(t *testing.T) {
	s, _ := newPrunedSpecimen(t)
	paths := s.paths()
	all := s.models[len(s.models)-1]
	for _, path := range paths {
		last := path == paths[len(paths)-1]
		end := lastNonZero(s.files[path])
		if last {
			end = s.end
		}
		for bit := int64(0); bit < int64(len(s.files[path]))*8; bit++ {
			if bit >= end*8 {
				bit += 38
			}
			if bit >= int64(len(s.files[path]))*8 {
				break
			}
			o := s.damaged(t, path, s.flipped(path, bit))
			l, r, err := Open(o)
			newest := s.frames[len(s.frames)-1]
			if last && bit >= newest.from*8 {
				require.NoError(t, err)
				want := all
				if bit < newest.end*8 {
					require.Positive(t, r.TornBytes)
					want = s.models[len(s.models)-2]
				}
				want.check(t, l, r)
				continue
			}
			var corrupt *CorruptError
			require.True(t, errors.As(err, &corrupt), "bit %d of %s: %v", bit, path, err)
			require.Equal(t, path, corrupt.File)
		}
	}
}

// Goal: a segment that is missing at the floor or above is refused, also the last one if the floor was
// raised in it (WAL-5).
// Method: remove each.
func TestMissingSegmentOfAPrunedLogIsRefused(t *testing.T) {
	s, _ := newPrunedSpecimen(t)
	paths := s.paths()
	for _, path := range paths[:len(paths)-1] {
		_, _, err := Open(s.damaged(t, path, nil))
		requireCorrupt(t, err, path, 0)
	}
	// The floor is raised in the last segment, then the log goes on there.
	o := s.damaged(t, "", nil)
	l, r := mustOpen(t, o)
	m := s.models[len(s.models)-1]
	m.check(t, l, r)
	p := persist(31, 2, 30, nil)
	p.Mark = raft.Mark{Index: 31, Term: 31}
	commit(t, l, 1, p)
	require.NoError(t, l.rotate())
	p = persist(31, 2, 30, entries(32, 1, 31, 5))
	commit(t, l, 1, p)
	files := readDir(t, o.FS, o.Dir)
	require.NoError(t, l.Prune())
	newest := l.active.path
	s.files = files
	o = s.damaged(t, newest, readDir(t, o.FS, o.Dir)[newest])
	m = m.with(1, &raft.Persist{State: p.State, Mark: raft.Mark{Index: 31, Term: 31}}).with(1, p)
	require.Len(t, requireModel(t, o, m).Obsolete, len(files)-1)
	require.Len(t, segments(t, o), 1)
}

// Goal: segments below the floor, as a crash may bring them back, are not read but deleted, whatever is in
// them (WAL-9).
// Method: bring back some or all, intact, damaged or of another log.
func TestSegmentsBelowTheFloorAreIgnoredAndDeleted(t *testing.T) {
	s, deleted := newPrunedSpecimen(t)
	want := s.models[len(s.models)-1]
	var back []string
	for path := range deleted {
		back = append(back, path)
	}
	slices.Sort(back)
	for mask := 1; mask < 1<<len(back); mask++ {
		o := s.damaged(t, "", nil)
		n := 0
		for i, path := range back {
			if mask>>i&1 == 0 {
				continue
			}
			n++
			data := slices.Clone(deleted[path])
			if mask%3 == 1 {
				data[100] ^= 1
			} else if mask%3 == 2 {
				data = []byte("rubbish")
			}
			writeFile(t, o.FS, path, data)
		}
		var out bytes.Buffer
		require.NoError(t, Dump(o.FS, o.Dir, &out))
		require.Equal(t, n, bytes.Count(out.Bytes(), []byte("the next start deletes it\n")))
		require.Len(t, requireModel(t, o, want).Obsolete, n)
		require.Len(t, segments(t, o), len(s.files))
	}
}

// Goal: an interrupted rotation is repeated: a checkpoint that ends anywhere leaves the log as it was before (WAL-9).
// Method: cut the newest segment at every byte of its checkpoint, and zero every one; with the segment before gone it is
// damage.
func TestInterruptedCheckpointIsRepeated(t *testing.T) {
	s, _ := newPrunedSpecimen(t)
	o := s.damaged(t, "", nil)
	l, r := mustOpen(t, o)
	m := s.models[len(s.models)-1]
	m.check(t, l, r)
	require.NoError(t, l.rotate())
	s.files = readDir(t, o.FS, o.Dir)
	path, begin := l.active.path, l.active.begin
	for at := int64(segmentHdrSize); at < begin; at++ {
		for _, data := range [][]byte{s.files[path][:at], slices.Concat(s.files[path][:at], make([]byte, 100))} {
			o := s.damaged(t, path, data)
			requireModel(t, o, m)
			require.Equal(t, s.files[path][:begin], readDir(t, o.FS, o.Dir)[path][:begin], "the same checkpoint again")
		}
	}
	before := o.FS.PathJoin(o.Dir, segmentName(l.active.number-1))
	_, _, err := Open(s.damaged(t, before, nil))
	requireCorrupt(t, err, before, 0)
	alone := *s
	alone.files = map[string][]byte{path: s.files[path]}
	_, _, err = Open(alone.damaged(t, path, s.flipped(path, (segmentHdrSize+40)*8)))
	requireCorrupt(t, err, path, segmentHdrSize)
}

// Goal: an intact frame that no correct program wrote is refused (WAL-5).
// Method: write such frames with the log's own writer: floors that go back or too far, a checkpoint in the middle, one
// that is not what the log adds up to, deleted segments that a group needs, sections that contradict each other.
func TestProgramErrorsInTheLogAreRefused(t *testing.T) {
	frame := func(payload ...byte) []byte { return append(make([]byte, frameHdrSize), payload...) }
	floor := func(n uint64) []byte { return le.AppendUint64(frame(), n) }
	section := func(replica raft.ReplicaID, p *raft.Persist) []byte {
		b := NewBatch()
		b.Add(1, replica, p)
		return b.buf
	}
	for _, c := range []struct {
		says string
		kind byte
		buf  []byte
	}{
		{"goes from segment 1 to segment 1", frameFloor, floor(1)},
		{"the log's floor is segment 0", frameFloor, floor(0)},
		{"the log's floor is segment 9", frameFloor, floor(9)},
		{"is not a segment's number", frameFloor, frame(1)},
		{"entries of group 1 up to 2 are in no segment from 2 on", frameFloor, floor(2)},
		{"where none belongs", frameCheckpoint, floor(1)},
		{"a closing frame has a payload", frameClose, frame(1)},
		{"a section is cut short", frameBatch, frame(1, 2)},
		{"whose generation is not lower", frameBatch, section(4, persist(9, 0, 0, nil))},
		{"leave a gap", frameBatch, section(3, persist(9, 0, 0, entries(9, 1, 9, 1)))},
		{"out of order", frameBatch, section(3, persist(9, 0, 0, entries(3, 1, 2, 1)))},
		{"would go back", frameBatch, section(3, persist(2, 0, 0, nil))},
	} {
		o := testOptions(vfs.NewMem())
		l, _ := mustOpen(t, o)
		commit(t, l, 1, persist(3, 0, 0, entries(1, 2, 3, 1)))
		require.NoError(t, l.rotate())
		_, err := l.write(c.buf, c.kind)
		require.NoError(t, err)
		_, err = l.write(frame(), frameClose)
		require.NoError(t, err)
		_, _, err = Open(o)
		var corrupt *CorruptError
		require.ErrorAs(t, err, &corrupt, c.says)
		require.ErrorContains(t, err, c.says)
		require.ErrorContains(t, err, "program error")
	}
	o := testOptions(vfs.NewMem())
	l, _ := mustOpen(t, o)
	commit(t, l, 1, persist(3, 0, 0, entries(1, 2, 3, 1)))
	l.groups[1].state.hard.Vote = 2
	require.NoError(t, l.rotate())
	_, _, err := Open(o)
	require.ErrorContains(t, err, "the checkpoint is not what the frames before it add up to")
}

// Goal: Dump shows what a pruned log consists of.
// Method: the lines for a checkpoint, a group in it, a mark and a floor.
func TestDumpShowsCheckpointsMarksAndFloors(t *testing.T) {
	s, _ := newPrunedSpecimen(t)
	o := s.damaged(t, "", nil)
	var out bytes.Buffer
	require.NoError(t, Dump(o.FS, o.Dir, &out))
	for _, want := range []string{
		`: segment \d+ of node 3, cluster 7, store 0000000000000abc, format 2, from frame \d+\n +64 frame \d+ checkpoint, \d+ bytes\n +floor segment \d+\n`,
		` +group 1 replica 3\.0 term \d+ vote 2 commit \d+ mark \d+ of term \d+ has entries \d+-\d+\n +group 2 replica 3\.0 term 5 vote 1 commit 0 has entries 1-2\n`,
		` frame \d+ floor, 8 bytes\n +floor segment \d+\n`,
		` +group 1 replica 3\.0 term 31 vote 2 commit 30 entries 31-31\nends without having been closed\n`,
	} {
		require.Regexp(t, want, out.String())
	}
}
