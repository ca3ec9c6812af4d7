package wal

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/raft"
)

// Goal: after a failed write, sync, or creation of a segment every later call fails with
// that error, and the sync is not tried again (WAL-7).
// Method: fail one operation of a commit once; count the operations of later calls.
func TestFirstFailureIsFinal(t *testing.T) {
	for op, need := range map[netsim.Op]int{netsim.OpWrite: 1, netsim.OpSync: 1, netsim.OpCreate: 40, netsim.OpSyncDir: 40} {
		d := netsim.NewDisk(1, netsim.DiskConfig{})
		o := testOptions(d)
		l, _ := mustOpen(t, o)
		d.Inject(netsim.Fault{Ops: op, Count: 1})
		var first error
		b := NewBatch()
		for i := 0; i < need && first == nil; i++ {
			b.Reset()
			b.Add(1, replica3, persist(1, 0, 0, entries(uint64(i)+1, 1, 1, 300)))
			first = l.Commit(b)
		}
		require.True(t, netsim.Injected(first), "%v", first)
		require.ErrorContains(t, first, o.Dir)
		before := d.Ops()
		require.Same(t, first, l.Commit(b))
		require.Same(t, first, l.Commit(NewBatch()))
		_, err := l.ReadEntries(1, 1, 1, 10)
		require.Same(t, first, err)
		require.Same(t, first, l.Close())
		require.Equal(t, before, d.Ops())
	}
}

// Goal: a batch larger than a segment is committed, in a segment of its own.
// Method: small, huge and small batches, opened again.
func TestLargeBatchGetsItsOwnSegment(t *testing.T) {
	o := testOptions(vfs.NewMem())
	l, _ := mustOpen(t, o)
	m := model{}
	for i, size := range []int{10, 3 * maxSection, 10, 5000} {
		p := persist(1, 0, 0, entries(uint64(i)*20+1, 20, 1, size/20))
		commit(t, l, 1, p)
		m = m.with(1, p)
	}
	require.Equal(t, uint64(4), l.active.number)
	require.Len(t, l.groups[1].index.extents, 3+4, "a large hand-off is split, so that reading a part is cheap")
	l, r := mustOpen(t, o)
	m.check(t, l, r)
}

// Goal: ReadEntries keeps its bounds.
// Method: one group, different ranges and byte limits.
func TestReadEntriesBounds(t *testing.T) {
	l, _ := mustOpen(t, testOptions(vfs.NewMem()))
	for i := range uint64(10) {
		commit(t, l, 1, persist(2, 0, 0, entries(i*3+1, 3, 1, 10)))
	}
	commit(t, l, 2, persist(1, 0, 0, nil))
	size := (&entries(10, 1, 1, 10)[0]).Size()
	for _, c := range []struct {
		lo, hi uint64
		bytes  int
		n      int
	}{
		{10, 10, 1 << 20, 1},
		{10, 12, 1 << 20, 3},
		{11, 29, 1 << 20, 19},
		{11, 99, 1 << 20, 20},
		{10, 30, 0, 1},
		{10, 30, size - 1, 1},
		{10, 30, size, 1},
		{10, 30, 2*size - 1, 1},
		{10, 30, 7 * size, 7},
		{30, 30, 0, 1},
		{10, 1<<64 - 1, 1 << 20, 21},
	} {
		got, err := l.ReadEntries(1, c.lo, c.hi, c.bytes)
		require.NoError(t, err)
		requireEntries(t, entries(c.lo, c.n, 1, 10), got)
	}
	for _, c := range []struct{ group, lo, hi uint64 }{{1, 31, 40}, {1, 0, 5}, {1, 5, 4}, {2, 1, 1}, {3, 1, 1}} {
		_, err := l.ReadEntries(raft.GroupID(c.group), c.lo, c.hi, 100)
		require.ErrorIs(t, err, ErrNoEntries)
	}
	require.NoError(t, l.Close())
	_, err := l.ReadEntries(1, 1, 1, 10)
	require.ErrorIs(t, err, ErrClosed)
	require.ErrorIs(t, l.Commit(NewBatch()), ErrClosed)
	require.NoError(t, l.Close())
}

// Goal: entries can be read while commits run, and are always of one committed
// version (run with -race).
// Method: a writer that overwrites suffixes with rising terms, and readers.
func TestReadsDuringCommits(t *testing.T) {
	l, _ := mustOpen(t, testOptions(vfs.NewMem()))
	commit(t, l, 1, persist(1, 0, 0, entries(1, 10, 1, 20)))
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				got, err := l.ReadEntries(1, 1, 10, 1<<20)
				if err != nil || len(got) != 10 {
					t.Errorf("%d entries, %v", len(got), err)
					return
				}
				for i, e := range got {
					if i > 0 && e.Term < got[i-1].Term {
						t.Errorf("terms %d, %d at %d", got[i-1].Term, e.Term, e.Index)
						return
					}
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for term := uint64(2); term < 150; term++ {
		first := term%9 + 1
		commit(t, l, 1, persist(term, 0, 0, entries(first, int(11-first), term, 20)))
	}
	close(done)
	readers.Wait()
}

// Goal: what no correct core hands over is refused before it reaches the disk.
// Method: one wrong hand-off at a time; opened again, the log is as before.
func TestImpossibleHandOffsPanic(t *testing.T) {
	base := persist(3, 0, 0, entries(1, 3, 2, 5))
	base.Mark = raft.Mark{Index: 1, Term: 2}
	marked := func(p *raft.Persist, index, term uint64) *raft.Persist {
		p.Mark = raft.Mark{Index: index, Term: term}
		return p
	}
	for _, c := range []struct {
		says    string
		group   raft.GroupID
		replica raft.ReplicaID
		p       *raft.Persist
	}{
		{"group 0", 0, 3, persist(1, 0, 0, nil)},
		{"replica 0", 1, 0, persist(1, 0, 0, nil)},
		{"leave a gap", 1, 3, persist(3, 0, 0, entries(5, 1, 2, 5))},
		{"leave a gap", 2, 3, persist(3, 0, 0, entries(2, 1, 2, 5))},
		{"leave a gap", 1, 3, marked(persist(3, 0, 0, entries(11, 1, 3, 5)), 9, 3)},
		{"term of group 1 would go back from 3 to 2", 1, 3, persist(2, 0, 0, nil)},
		{"entry 0 at", 1, 3, persist(3, 0, 0, entries(0, 1, 1, 5))},
		{"entry 3 at", 1, 3, persist(3, 0, 0, []raft.Entry{{Index: 1}, {Index: 3}})},
		{"goes back from 2 to 1", 1, 3, persist(3, 0, 0, []raft.Entry{{Index: 1, Term: 2}, {Index: 2, Term: 1}})},
		{"above the hard state's", 1, 3, persist(3, 0, 0, entries(4, 1, 4, 5))},
		{"term 1 of entry 4 of group 1 is out of order", 1, 3, persist(3, 0, 0, entries(4, 1, 1, 5))},
		{"above the hard state's", 1, 3, marked(persist(3, 0, 0, nil), 3, 4)},
		{"follows one at 1 of term 2", 1, 3, marked(persist(3, 0, 0, nil), 1, 3)},
		{"follows one at 1 of term 2", 1, 3, marked(persist(3, 0, 0, nil), 9, 1)},
		{"whose generation is not lower", 1, 4, persist(3, 0, 0, nil)},
		{"whose generation is not lower", 1, raft.MakeReplicaID(4, 0), persist(3, 0, 0, nil)},
	} {
		o := testOptions(vfs.NewMem())
		l, _ := mustOpen(t, o)
		commit(t, l, 1, base)
		func() {
			defer func() { require.Contains(t, recover(), c.says) }()
			b := NewBatch()
			b.Add(c.group, c.replica, c.p)
			t.Errorf("%v was committed: %v", c.p, l.Commit(b))
		}()
		requireModel(t, o, model{}.with(1, base))
	}
}

// Goal: a batch holds copies and can be used again.
// Method: change the entries after Add, commit, reset, commit again.
func TestBatchCopiesAndCanBeReused(t *testing.T) {
	l, _ := mustOpen(t, testOptions(vfs.NewMem()))
	b := NewBatch()
	require.Zero(t, b.Len())
	require.NoError(t, l.Commit(b))
	end := l.active.end
	es := entries(1, 2, 1, 5)
	b.Add(1, replica3, persist(1, 0, 0, es))
	require.Equal(t, 1, b.Len())
	clear(es[0].Data)
	require.NoError(t, l.Commit(b))
	require.Equal(t, end+int64(b.Bytes()), l.active.end)
	b.Reset()
	b.Add(1, replica3, persist(1, 0, 0, entries(3, 1, 1, 5)))
	require.NoError(t, l.Commit(b))
	got, err := l.ReadEntries(1, 1, 9, 1<<20)
	require.NoError(t, err)
	requireEntries(t, entries(1, 3, 1, 5), got)
}

// Goal: Dump shows every frame and how the log ends, and changes nothing.
// Method: an open, a closed, a torn and a damaged log.
func TestDumpShowsTheLog(t *testing.T) {
	s := newSpecimen(t, 3, 4096, true)
	dump := func(o Options) (string, error) {
		var out bytes.Buffer
		before := readDir(t, o.FS, o.Dir)
		err := Dump(o.FS, o.Dir, &out)
		require.Equal(t, before, readDir(t, o.FS, o.Dir))
		return out.String(), err
	}
	out, err := dump(s.options)
	require.NoError(t, err)
	require.Equal(t, strings.Join([]string{
		"data/wal/wal-0000000000000001.log: segment 1 of node 3, cluster 7, store 0000000000000abc, format 2, from frame 1",
		"          64 frame 1 batch, 76 bytes",
		"             group 1 replica 3.0 term 1 vote 0 commit 0 entries 1-1",
		"         176 frame 2 batch, 64 bytes",
		"             group 2 replica 3.0 term 2 vote 1 commit 0",
		"         272 frame 3 batch, 76 bytes",
		"             group 1 replica 3.0 term 3 vote 2 commit 2 entries 2-2",
		"         384 frame 4 close, 0 bytes",
		"ends where the node closed it",
		"",
	}, "\n"), out)

	path := s.frames[0].path
	out, err = dump(s.damaged(t, path, s.files[path][:320]))
	require.NoError(t, err)
	require.Contains(t, out, "ends with an interrupted write of 41 bytes")
	out, err = dump(s.damaged(t, path, s.flipped(path, 200*8)))
	requireCorrupt(t, err, path, 176)
	require.Contains(t, out, "at offset 176: a frame is damaged, since frame 3 follows at offset 272")

	r, err := Verify(s.fs, s.options.Dir)
	require.NoError(t, err)
	require.Equal(t, s.models[3].restored(), r.Groups)
	require.Equal(t, int64(4), r.Frames)
}
