package machine_test

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/kv/storage"
	"github.com/holdfastdb/holdfast/raft"
)

// benchmarkPuts applies session puts of 256 bytes under 100k keys, in batches of
// 100 from 16 sessions with up to 8 requests open each. One op is one put.
func benchmarkPuts(b *testing.B, e env.Engine) {
	const batch, sessions, keys = 100, 16, 100_000
	m, err := machine.Open(group, owner, e, machine.DefaultLimits())
	require.NoError(b, err)
	var index uint64
	var entries []raft.Entry
	add := func(c machine.Command) {
		index++
		c.Time = int64(index)
		entries = append(entries, raft.Entry{Index: index, Term: 1, Data: machine.AppendCommand(nil, &c)})
	}
	for range sessions {
		add(machine.Command{Kind: machine.CmdOpenSession})
	}
	_, err = m.Apply(entries, nil)
	require.NoError(b, err)
	value := string(make([]byte, 256))
	var results []machine.Result
	n := uint64(0)
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; done += batch {
		b.StopTimer()
		entries = entries[:0]
		for range batch {
			seq := n/sessions + 1
			c := put(n%sessions+1, seq, fmt.Sprintf("key-%011d", n*7919%keys), value)
			c.Acked = max(seq, 8) - 8
			add(c)
			n++
		}
		b.StartTimer()
		results, err = m.Apply(entries, results[:0])
		require.NoError(b, err)
	}
	require.Equal(b, machine.StatusOK, results[0].Status)
}

func BenchmarkPutsOnMemory(b *testing.B) {
	benchmarkPuts(b, openEngine(b, vfs.NewMem(), 0))
}

func BenchmarkPutsOnPebble(b *testing.B) {
	e, err := storage.OpenPebble(b.TempDir(), vfs.Default, storage.PebbleOptions{})
	require.NoError(b, err)
	defer e.Close()
	benchmarkPuts(b, e)
}

// nullEngine drops what is applied, to measure the machine alone.
type nullEngine struct{ env.Engine }

type nullBatch struct{ env.Batch }

func (nullBatch) Set(_, _ []byte)        {}
func (nullBatch) Delete(_ []byte)        {}
func (nullEngine) NewBatch() env.Batch   { return nullBatch{} }
func (nullEngine) Apply(env.Batch) error { return nil }

func BenchmarkPutsOnNothing(b *testing.B) {
	benchmarkPuts(b, nullEngine{openEngine(b, vfs.NewMem(), 0)})
}

// benchmarkTransfer moves a state of 20k keys with values of 1 KiB from one engine to another in
// chunks of 256 KiB. One op is one chunk, read and staged.
func benchmarkTransfer(b *testing.B, from, to env.Engine) {
	m, err := machine.Open(group, owner, from, machine.DefaultLimits())
	require.NoError(b, err)
	value := string(make([]byte, 1<<10))
	for i := range 20_000 {
		c := put(0, 0, fmt.Sprintf("key-%011d", i), value)
		_, err = m.Apply([]raft.Entry{{Index: uint64(i + 1), Term: 1, Data: machine.AppendCommand(nil, &c)}}, nil)
		require.NoError(b, err)
	}
	require.NoError(b, from.Flush())
	x, err := m.Export()
	require.NoError(b, err)
	defer x.Close()
	receiver, err := machine.Open(group, owner, to, machine.DefaultLimits())
	require.NoError(b, err)
	id := stageID(x)
	s, err := receiver.Stage(id)
	require.NoError(b, err)
	b.SetBytes(256 << 10)
	b.ReportAllocs()
	for b.Loop() {
		if s.Complete() {
			require.NoError(b, s.Abort())
			s, err = receiver.Stage(id)
			require.NoError(b, err)
		}
		copyChunks(b, x, s, 256<<10, 1)
	}
}

func BenchmarkTransferOnPebble(b *testing.B) {
	var engines []env.Engine
	for range 2 {
		e, err := storage.OpenPebble(b.TempDir(), vfs.Default, storage.PebbleOptions{})
		require.NoError(b, err)
		defer e.Close()
		engines = append(engines, e)
	}
	benchmarkTransfer(b, engines[0], engines[1])
}
