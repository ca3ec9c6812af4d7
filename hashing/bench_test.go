package hashing

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkPartition is what every request pays.
func BenchmarkPartition(b *testing.B) {
	key := []byte("user:1234567890")
	b.ReportAllocs()
	for b.Loop() {
		Partition(42, 16, key)
	}
}

// BenchmarkPlace is what a change of nodes costs the metadata group's leader.
func BenchmarkPlace(b *testing.B) {
	for _, x := range []struct{ partitions, nodes, replicas int }{{16, 5, 3}, {256, 16, 3}, {1024, 64, 7}} {
		cfg := Config{Seed: 42, Partitions: x.partitions, Replicas: x.replicas}
		nodes := alike(x.nodes)
		zoned := alike(x.nodes)
		for i := range zoned {
			zoned[i].Zone = fmt.Sprint(i % 3)
		}
		before := mustPlace(b, cfg, nodes, nil)
		for _, run := range []struct {
			name    string
			nodes   []Node
			current Placement
		}{
			{"scratch", nodes, nil},
			{"same", nodes, before},
			{"join", alike(x.nodes + 1), before},
			{"leave", alike(x.nodes - 1), before},
			{"zones", zoned, before},
		} {
			b.Run(fmt.Sprintf("%dx%dx%d/%s", x.partitions, x.nodes, x.replicas, run.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					_, err := Place(cfg, run.nodes, run.current)
					require.NoError(b, err)
				}
			})
		}
	}
}
