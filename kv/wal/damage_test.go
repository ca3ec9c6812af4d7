package wal

import (
	"errors"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft"
)

// specimen is a log on disk together with what it held after each commit.
type specimen struct {
	fs      *vfs.MemFS
	options Options
	files   map[string][]byte // by path
	models  []model           // models[0] is the empty log
	frames  []framePos        // frames[i] holds what models[i+1] has more than models[i]
	end     int64             // of the frames, in the last segment
}

type framePos struct {
	path      string
	from, end int64
}

// newSpecimen writes commits of one entry each and of a hard state alone, in
// segments of the size given, with or without a close at the end.
func newSpecimen(t testing.TB, commits int, segmentBytes int64, closed bool) *specimen {
	s := &specimen{fs: vfs.NewMem(), models: []model{{}}}
	s.options = testOptions(s.fs)
	s.options.SegmentBytes = segmentBytes
	l, _ := mustOpen(t, s.options)
	for i := range uint64(commits) {
		g, p := raft.GroupID(1), persist(i+1, i%3, i, entries(i/2+1, 1, i+1, 5))
		if i%2 == 1 {
			g, p = 2, persist(i+1, 1, 0, nil)
		}
		b := NewBatch()
		b.Add(g, replica3, p)
		require.NoError(t, l.Commit(b))
		s.models = append(s.models, s.models[i].with(g, p))
		s.frames = append(s.frames, framePos{l.active.path, l.active.end - int64(b.Bytes()), l.active.end})
	}
	if closed {
		require.NoError(t, l.Close())
	}
	s.end = l.active.end
	s.files = readDir(t, s.fs, s.options.Dir)
	return s
}

func readDir(t testing.TB, fs vfs.FS, dir string) map[string][]byte {
	out := make(map[string][]byte)
	numbers, err := listSegments(fs, dir)
	require.NoError(t, err)
	for _, n := range numbers {
		path := fs.PathJoin(dir, segmentName(n))
		data, err := readSegment(fs, path, nil)
		require.NoError(t, err)
		out[path] = data
	}
	return out
}

func writeFile(t testing.TB, fs vfs.FS, path string, data []byte) {
	f, err := fs.Create(path, "test")
	require.NoError(t, err)
	_, err = f.Write(slices.Clone(data))
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// damaged puts the specimen on a new disk, with the file changed; nil removes it.
func (s *specimen) damaged(t testing.TB, path string, data []byte) Options {
	o := s.options
	fs := vfs.NewMem()
	o.FS = fs
	require.NoError(t, fs.MkdirAll(o.Dir, 0o755))
	for p, d := range s.files {
		if p == path {
			d = data
		}
		if d != nil {
			writeFile(t, fs, p, d)
		}
	}
	return o
}

// flipped is the file with one bit changed.
func (s *specimen) flipped(path string, bit int64) []byte {
	data := slices.Clone(s.files[path])
	data[bit/8] ^= 1 << (bit % 8)
	return data
}

func requireCorrupt(t testing.TB, err error, path string, offset int64) {
	t.Helper()
	var corrupt *CorruptError
	require.ErrorAs(t, err, &corrupt)
	require.Equal(t, path, corrupt.File)
	require.Equal(t, offset, corrupt.Offset)
}

// requireModel opens the log and requires it to hold the given model.
func requireModel(t testing.TB, o Options, m model) *Recovery {
	t.Helper()
	l, r, err := Open(o)
	require.NoError(t, err)
	m.check(t, l, r)
	require.NoError(t, l.Close())
	return r
}

// Goal: a file that ends anywhere in the last frame is an interrupted write, which
// is cut off and reported (WAL-3).
// Method: cut at every byte; open; commit again and open again.
func TestLogCutInItsLastFrameLosesThatFrameOnly(t *testing.T) {
	s := newSpecimen(t, 6, 4096, false)
	last := s.frames[5]
	for cut := last.from; cut < last.end; cut++ {
		o := s.damaged(t, last.path, s.files[last.path][:cut])
		l, r := mustOpen(t, o)
		s.models[5].check(t, l, r)
		require.LessOrEqual(t, r.TornBytes, cut-last.from)
		p := persist(9, 3, 1, entries(3, 2, 9, 30))
		commit(t, l, 1, p)
		require.NoError(t, l.Close())
		require.True(t, requireModel(t, o, s.models[5].with(1, p)).Clean)
	}
}

// Goal: damage to any bit of a frame that has a successor, in the same segment or
// the next, is reported with its place and nothing is forgotten (WAL-5).
// Method: flip every bit of each such frame; nothing on disk may have changed after Open.
func TestDamageInTheMiddleIsRefused(t *testing.T) {
	s := newSpecimen(t, 14, 1024, false)
	require.Len(t, s.files, 2)
	for i, f := range s.frames[:13] {
		for bit := f.from * 8; bit < f.end*8; bit++ {
			data := s.flipped(f.path, bit)
			o := s.damaged(t, f.path, data)
			_, _, err := Open(o)
			requireCorrupt(t, err, f.path, f.from)
			if bit%97 == 0 {
				require.Equal(t, data, readDir(t, o.FS, o.Dir)[f.path], "frame %d", i)
			}
		}
	}
}

// Goal: damage to the newest frame of a log that was not closed is taken for an interrupted
// write, never for other data; after a close it is refused (WAL-5).
// Method: flip every bit of the newest batch, without and with a closing frame.
func TestDamageToTheNewestFrame(t *testing.T) {
	open, closed := newSpecimen(t, 4, 4096, false), newSpecimen(t, 4, 4096, true)
	last := open.frames[3]
	for bit := last.from * 8; bit < last.end*8; bit++ {
		r := requireModel(t, open.damaged(t, last.path, open.flipped(last.path, bit)), open.models[3])
		require.Positive(t, r.TornBytes)
		_, _, err := Open(closed.damaged(t, last.path, closed.flipped(last.path, bit)))
		requireCorrupt(t, err, last.path, last.from)
	}
	for bit := last.end * 8; bit < closed.end*8; bit++ {
		r := requireModel(t, closed.damaged(t, last.path, closed.flipped(last.path, bit)), closed.models[4])
		require.False(t, r.Clean)
	}
}

// Goal: a byte that appears behind the newest frame is cut off, and does not hide
// damage to that frame (WAL-5).
// Method: put a byte into the zeros behind the frames, then damage the frame's payload too.
func TestStrayBytesBehindTheLog(t *testing.T) {
	s := newSpecimen(t, 4, 4096, false)
	last := s.frames[3]
	data := slices.Clone(s.files[last.path])
	data[last.end+900] = 1
	require.Equal(t, int64(901), requireModel(t, s.damaged(t, last.path, data), s.models[4]).TornBytes)
	data[last.from+frameHdrSize+3] ^= 1
	_, _, err := Open(s.damaged(t, last.path, data))
	requireCorrupt(t, err, last.path, last.from)
}

// Goal: damage to the header of a segment that holds frames, or has a successor, is
// refused (WAL-5).
// Method: flip every bit of both headers.
func TestDamagedSegmentHeaderIsRefused(t *testing.T) {
	s := newSpecimen(t, 14, 1024, false)
	for path := range s.files {
		for bit := range int64(segmentHdrSize * 8) {
			_, _, err := Open(s.damaged(t, path, s.flipped(path, bit)))
			requireCorrupt(t, err, path, 0)
		}
	}
}

// Goal: a missing segment is refused wherever a later one shows that it is missing.
// Method: remove each of several but the last; swap two; cut one between two frames.
func TestMissingSegmentIsRefused(t *testing.T) {
	s := newSpecimen(t, 30, 1500, false)
	require.Len(t, s.files, 3)
	name := func(n uint64) string { return s.fs.PathJoin(s.options.Dir, segmentName(n)) }
	for n := uint64(1); n <= 2; n++ {
		_, _, err := Open(s.damaged(t, name(n), nil))
		requireCorrupt(t, err, name(n), 0)
	}
	_, _, err := Open(s.damaged(t, name(2), s.files[name(3)]))
	requireCorrupt(t, err, name(2), 0)

	second := s.frames[slices.IndexFunc(s.frames, func(f framePos) bool { return f.path == name(2) })]
	_, _, err = Open(s.damaged(t, name(2), s.files[name(2)][:second.end]))
	requireCorrupt(t, err, name(3), 0)
}

// Goal: a segment whose creation was interrupted is created again, as the first and
// as a later one.
// Method: cut a new segment's file at every length, and zero every single byte.
func TestInterruptedCreationOfASegmentIsRepeated(t *testing.T) {
	for _, commits := range []int{0, 8} {
		s := newSpecimen(t, commits, 1024, false)
		path := s.fs.PathJoin(s.options.Dir, segmentName(1))
		if commits > 0 {
			path = s.fs.PathJoin(s.options.Dir, segmentName(2))
			s.files[path] = s.nextSegment(t)
			clear(s.files[path][segmentHdrSize:])
		}
		for n := range int64(segmentHdrSize) {
			data := slices.Clone(s.files[path])
			data[n] = 0
			require.Equal(t, commits == 0, requireModel(t, s.damaged(t, path, s.files[path][:n]), s.models[commits]).Fresh)
			requireModel(t, s.damaged(t, path, data), s.models[commits])
		}
		data := slices.Clone(s.files[path])
		data[1] = 'x'
		_, _, err := Open(s.damaged(t, path, data))
		requireCorrupt(t, err, path, 0)
		data[1], data[500] = 0, 1
		_, _, err = Open(s.damaged(t, path, data))
		requireCorrupt(t, err, path, 0)
	}
}

// nextSegment is the file that the log's next rotation would create.
func (s *specimen) nextSegment(t testing.TB) []byte {
	o := s.damaged(t, "", nil)
	l, _ := mustOpen(t, o)
	require.NoError(t, l.rotate())
	return readDir(t, o.FS, o.Dir)[l.active.path]
}

// Goal: logs of other owners and of newer formats get errors of their own, and
// other files are not touched.
// Method: open with another node, another cluster, and headers of formats 1 and 3.
func TestForeignLogsAreRefused(t *testing.T) {
	s := newSpecimen(t, 3, 4096, false)
	var owner *WrongOwnerError
	for _, change := range []func(o *Options){func(o *Options) { o.Node = 4 }, func(o *Options) { o.Cluster = 8 }} {
		o := s.damaged(t, "", nil)
		change(&o)
		_, _, err := Open(o)
		require.ErrorAs(t, err, &owner)
		require.ErrorContains(t, err, "was written by node 3 of cluster 7")
	}
	path := s.frames[0].path
	data := slices.Clone(s.files[path])
	var format *FormatError
	for version, remedy := range map[uint32]string{1: "there is no conversion", 3: "start a newer holdfast"} {
		h := segmentHeader{version: version, cluster: 7, node: 3, number: 1, frame: 1}
		copy(data, h.encode())
		_, _, err := Open(s.damaged(t, path, data))
		require.ErrorAs(t, err, &format)
		require.Equal(t, version, format.Version)
		require.ErrorContains(t, err, remedy)
	}

	o := s.damaged(t, "", nil)
	for _, name := range []string{"wal-1.log", "wal-000000000000000A.log", "LOCK", "wal-0000000000000002.log.tmp"} {
		writeFile(t, o.FS, o.FS.PathJoin(o.Dir, name), []byte("x"))
	}
	requireModel(t, o, s.models[3])
}

// Goal: bytes of frames, from elsewhere or inside a payload, are never taken for
// frames (WAL-6).
// Method: write a value that is a copy of the log's own frames, then destroy the header of
// its frame: what follows must count as part of an interrupted write. Then put an old frame's
// bytes behind the log.
func TestCopiedFramesAreNotFrames(t *testing.T) {
	s := newSpecimen(t, 4, 4096, false)
	last := s.frames[3]
	l, _ := mustOpen(t, s.options)
	commit(t, l, 1, persist(5, 0, 0, []raft.Entry{{Index: 3, Term: 5, Data: s.files[last.path][segmentHdrSize:last.end]}}))
	s.files = readDir(t, s.fs, s.options.Dir)
	require.Positive(t, requireModel(t, s.damaged(t, last.path, s.flipped(last.path, last.end*8+70)), s.models[4]).TornBytes)

	data := slices.Clone(s.files[last.path][:last.end])
	data = append(data, s.files[last.path][last.from:last.end]...)
	require.Positive(t, requireModel(t, s.damaged(t, last.path, data), s.models[4]).TornBytes)

	// The same offset of another segment.
	s = newSpecimen(t, 14, 1024, false)
	early, late := s.frames[7], s.frames[12]
	require.NotEqual(t, early.path, late.path)
	require.Greater(t, early.from, late.end)
	data = slices.Clone(s.files[late.path])
	copy(data[early.from:], s.files[early.path][early.from:early.end])
	require.Positive(t, requireModel(t, s.damaged(t, late.path, data), s.models[14]).TornBytes)
}

// Goal: frames of another history of the same log, as from a backup, do not mix with
// this one's (WAL-6).
// Method: two logs that differ in one vote; put the end of one behind the start of the
// other, before opening and under an open log.
func TestFramesOfAnotherHistoryAreRefused(t *testing.T) {
	write := func(vote uint64) (Options, *Log, string) {
		o := testOptions(vfs.NewMem())
		l, _ := mustOpen(t, o)
		commit(t, l, 1, persist(1, vote, 0, entries(1, 1, 1, 5)))
		commit(t, l, 1, persist(1, vote, 0, entries(2, 1, 1, 5)))
		return o, l, l.active.path
	}
	o, l, path := write(1)
	other, _, _ := write(2)
	ours, theirs := readDir(t, o.FS, o.Dir)[path], readDir(t, other.FS, other.Dir)[path]
	second := int64(segmentHdrSize + (l.active.end-segmentHdrSize)/2)
	writeFile(t, o.FS, path, slices.Concat(ours[:second], theirs[second:]))
	_, err := l.ReadEntries(1, 1, 1, 100)
	require.NoError(t, err)
	_, err = l.ReadEntries(1, 2, 2, 100)
	requireCorrupt(t, err, path, second+frameHdrSize)
	_, _, err = Open(o)
	requireCorrupt(t, err, path, second)
}

// Goal: damage that appears while the log is open is found when entries are read (WAL-5).
// Method: flip every bit of a section's bytes under an open log.
func TestReadEntriesChecksWhatItReads(t *testing.T) {
	s := newSpecimen(t, 4, 4096, false)
	f := s.frames[2]
	l, _ := mustOpen(t, s.options)
	defer l.Close()
	size := int64(sectionHdrSize + len(entries(2, 1, 3, 5)[0].Data) + 3)
	for bit := (f.from + frameHdrSize) * 8; bit < (f.from+frameHdrSize+size)*8; bit++ {
		writeFile(t, s.fs, f.path, s.flipped(f.path, bit))
		_, err := l.ReadEntries(1, 2, 2, 100)
		requireCorrupt(t, err, f.path, f.from+frameHdrSize)
	}
	writeFile(t, s.fs, f.path, s.files[f.path][:f.from+50])
	_, err := l.ReadEntries(1, 2, 2, 100)
	require.Error(t, err)
	require.False(t, errors.Is(err, ErrNoEntries))
}
