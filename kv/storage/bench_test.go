package storage_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/storage"
)

// eachBenchEngine runs a benchmark on both engines, filled with 10k pairs of 256 bytes.
func eachBenchEngine(b *testing.B, run func(b *testing.B, e env.Engine)) {
	memory, err := storage.OpenMemory(vfs.NewMem(), dataDir, storage.MemoryOptions{})
	require.NoError(b, err)
	onDisk, err := storage.OpenPebble(b.TempDir(), vfs.Default, storage.PebbleOptions{})
	require.NoError(b, err)
	defer onDisk.Close()
	for _, c := range []struct {
		name string
		e    env.Engine
	}{{"memory", memory}, {"pebble", onDisk}} {
		batch := c.e.NewBatch()
		for i := range 10_000 {
			batch.Set(benchKey(i), make([]byte, 256))
		}
		require.NoError(b, c.e.Apply(batch))
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			run(b, c.e)
		})
	}
}

func benchKey(i int) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 0, 16), uint64(i*7919%10_000))
}

func BenchmarkApply(b *testing.B) {
	eachBenchEngine(b, func(b *testing.B, e env.Engine) {
		for _, n := range []int{2, 100} {
			b.Run(fmt.Sprintf("writes=%d", n), func(b *testing.B) {
				value := make([]byte, 256)
				for i := range b.N {
					batch := e.NewBatch()
					for j := range n {
						batch.Set(benchKey(i*n+j), value)
					}
					if err := e.Apply(batch); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	})
}

func BenchmarkGet(b *testing.B) {
	eachBenchEngine(b, func(b *testing.B, e env.Engine) {
		for i := range b.N {
			if _, found, err := e.Get(benchKey(i)); err != nil || !found {
				b.Fatal(found, err)
			}
		}
	})
}

func BenchmarkFlushOfOneWriteOn10kPairs(b *testing.B) {
	eachBenchEngine(b, func(b *testing.B, e env.Engine) {
		for i := range b.N {
			batch := e.NewBatch()
			batch.Set(benchKey(i), nil)
			if err := e.Apply(batch); err != nil {
				b.Fatal(err)
			}
			if err := e.Flush(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
