package machine_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/raft"
)

// image is what the engine holds of the state in force, keys without group and image.
func image(t require.TestingT, e env.Reader) map[string]string {
	lo, _ := machine.Span(group)
	record, found, err := e.Get(append(lo, 0x70))
	require.NoError(t, err)
	require.True(t, found)
	live := record[1+5] // after the version and the five bytes that owner takes
	all := map[string]string{}
	for k, v := range contents(t, e) {
		if kind := k[len(lo)] ^ live; kind < 0x40 {
			all[string([]byte{kind})+k[len(lo)+1:]] = v
		}
	}
	return all
}

func stageID(x *machine.Export) machine.StageID {
	index, term, hash := x.Position()
	return machine.StageID{Index: index, Term: term, Hash: hash}
}

func markOf(id machine.StageID) raft.Mark {
	return raft.Mark{Index: id.Index, Term: id.Term, Config: []byte("config")}
}

func export(t require.TestingT, m *machine.Machine) *machine.Export {
	x, err := m.Export()
	require.NoError(t, err)
	return x
}

// copyChunks moves at most n chunks (below 0: all) and reports whether the stage is complete.
func copyChunks(t require.TestingT, x *machine.Export, s *machine.Stage, maxBytes, n int) bool {
	for ; n != 0 && !s.Complete(); n-- {
		number, after, _ := s.Next()
		data, _, _, err := x.Read(after, maxBytes)
		require.NoError(t, err)
		require.NoError(t, s.Write(number, data))
	}
	return s.Complete()
}

// receiver is a machine whose process fails again and again.
type receiver struct {
	t     *rapid.T
	fs    *vfs.MemFS
	every int
	e     env.Engine
	m     *machine.Machine
}

func newReceiver(t *rapid.T) *receiver {
	r := &receiver{t: t, fs: vfs.NewCrashableMem(), every: rapid.IntRange(1, 4).Draw(t, "flush every")}
	r.start()
	return r
}

func (r *receiver) start() {
	r.e = openEngine(r.t, r.fs, r.every)
	r.m = open(r.t, r.e, tinyLimits())
}

// crash loses power and starts again.
func (r *receiver) crash() {
	seed := rapid.Uint64().Draw(r.t, "crash")
	r.fs = r.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: int(seed % 101), RNG: rand.New(rand.NewPCG(seed, 0))})
	r.start()
}

// receive stages the export with crashes in between, until the stage is complete.
func (r *receiver) receive(x *machine.Export, id machine.StageID) *machine.Stage {
	for {
		s, err := r.m.Stage(id)
		require.NoError(r.t, err)
		size := rapid.SampledFrom([]int{1, 30, 300, 5000}).Draw(r.t, "chunk")
		n := rapid.IntRange(-1, 6).Draw(r.t, "chunks until crash")
		if copyChunks(r.t, x, s, size, n) {
			return s
		}
		r.crash()
	}
}

// Goal: a machine that installs a snapshot is the one it was taken of: data, sessions,
// saved results, answers, hash; also when power fails between any two batches (SNAP-01, SNAP-07,
// SESS-01, SESS-02, COMM-12, COMM-13). Method: export at a random point, go on
// applying, stage with crashes and other chunk sizes, install, then apply the same entries to both.
func TestAnInstalledSnapshotIsTheStateItWasTakenOf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawLog(t)
		at := rapid.IntRange(1, len(d.entries)).Draw(t, "export at")
		ea := openEngine(t, vfs.NewMem(), 0)
		a := open(t, ea, tinyLimits())
		feed(t, a, d.entries[:at])
		x, want := export(t, a), image(t, ea)
		id := stageID(x)
		require.Equal(t, machine.StageID{Index: uint64(at), Term: d.entries[at-1].Term, Hash: a.Hash()}, id)
		after := feed(t, a, d.entries[at:])

		r := newReceiver(t)
		behind := rapid.IntRange(0, at-1).Draw(t, "receiver has")
		feed(t, r.m, d.entries[:behind])
		s := r.receive(x, id)
		require.NoError(t, r.m.Install(s, markOf(id)))
		restarts := rapid.IntRange(0, 1).Draw(t, "restarts")
		for again := range restarts + 1 {
			index, term := r.m.Applied()
			require.Equal(t, id, machine.StageID{Index: index, Term: term, Hash: r.m.Hash()})
			mark, installed := r.m.Installed()
			require.True(t, installed)
			require.Equal(t, markOf(id), mark)
			require.Equal(t, want, image(t, r.e))
			require.Len(t, contents(t, r.e), len(want)+1, "something of the old state or of the stage is left")
			if again < restarts {
				r.crash() // what Install said is durable
			}
		}
		got := feed(t, r.m, d.entries[at:])
		for i := range got {
			requireSame(t, cloneResult(after[i]), cloneResult(got[i]))
		}
		require.Equal(t, a.Hash(), r.m.Hash())
		require.Equal(t, a.LogTime(), r.m.LogTime())
		require.Equal(t, a.Sessions(), r.m.Sessions())
		require.Equal(t, image(t, ea), image(t, r.e))
		require.NoError(t, x.Close())
		requireIntact(t, r.e)
	})
}

// requireIntact checks that nothing in the engine looks wrong.
func requireIntact(t require.TestingT, e env.Reader) []machine.GroupReport {
	reports, err := machine.Verify(e)
	require.NoError(t, err)
	for _, g := range reports {
		require.Empty(t, g.Problems)
	}
	return reports
}

// Goal: a stage goes on with the export of another replica at the same index, and what
// is installed in turn can be exported. Method: two replicas with the same log, split
// differently; half from each, with other chunk sizes; then from the receiver to a third.
func TestAnyReplicasExportContinuesAStage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawLog(t)
		var exports []*machine.Export
		for range 2 {
			m := open(t, openEngine(t, vfs.NewMem(), 0), tinyLimits())
			feed(t, m, d.entries)
			exports = append(exports, export(t, m))
		}
		id := stageID(exports[0])
		require.Equal(t, id, stageID(exports[1]))
		m := open(t, openEngine(t, vfs.NewMem(), 0), tinyLimits())
		for range 2 {
			s, err := m.Stage(id)
			require.NoError(t, err)
			for n := 0; !s.Complete(); n++ {
				size := rapid.SampledFrom([]int{1, 60, 3000}).Draw(t, "chunk")
				copyChunks(t, exports[n%len(exports)], s, size, rapid.IntRange(1, 3).Draw(t, "chunks"))
			}
			require.NoError(t, m.Install(s, markOf(id)))
			exports = []*machine.Export{export(t, m)}
			m = open(t, openEngine(t, vfs.NewMem(), 0), tinyLimits())
		}
	})
}

// Goal: a chunk depends on the state, the key it follows and its size alone, and has at
// least one pair. Method: read all chunks in order, then again in any order and from a fresh export.
func TestChunksAreDeterministic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawLog(t)
		m := open(t, openEngine(t, vfs.NewMem(), 0), tinyLimits())
		feed(t, m, d.entries)
		x := export(t, m)
		size := rapid.SampledFrom([]int{1, 100, 1000}).Draw(t, "chunk")
		type piece struct{ after, data, last []byte }
		var pieces []piece
		for after, done := []byte(nil), false; !done; {
			p := piece{after: after}
			var err error
			p.data, p.last, done, err = x.Read(after, size)
			require.NoError(t, err)
			require.Positive(t, bytes.Compare(p.last, after))
			after = p.last
			pieces = append(pieces, p)
		}
		for range 10 {
			i := rapid.IntRange(0, len(pieces)-1).Draw(t, "piece")
			if rapid.Bool().Draw(t, "fresh") {
				x = export(t, m)
			}
			data, last, done, err := x.Read(pieces[i].after, size)
			require.NoError(t, err)
			require.Equal(t, pieces[i].data, data)
			require.Equal(t, pieces[i].last, last)
			require.Equal(t, i == len(pieces)-1, done)
		}
	})
}
