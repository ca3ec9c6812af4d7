package client

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// BenchmarkClient measures operations of 256 goroutines through one client against
// a server in the same process that answers at once, for one group and for 64 partitions.
func BenchmarkClient(b *testing.B) {
	for _, partitions := range []uint32{0, 64} {
		for _, kind := range []string{"put", "get"} {
			name := kind
			if partitions > 0 {
				name = fmt.Sprintf("%s/partitions=%d", kind, partitions)
			}
			b.Run(name, func(b *testing.B) { benchmarkClient(b, kind, partitions) })
		}
	}
}

func benchmarkClient(b *testing.B, kind string, partitions uint32) {
	s := serve(b, 1, "", func(req *kvpb.Request) *kvpb.Response {
		return &kvpb.Response{Code: kvpb.Code_OK, Session: 1, Results: []*kvpb.OpResult{{Applied: true, Version: 1}}}
	})
	if partitions > 0 {
		s.table.Store(&kvpb.RoutingTable{Version: 1, Partitions: partitions, Seed: 1})
	}
	c := dial(b, Config{}, s)
	ctx := patient(b)
	value := make([]byte, 256)
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for g := range 256 {
		wg.Go(func() {
			key := fmt.Appendf(nil, "key-%012d", g)
			for left.Add(-1) >= 0 {
				var err error
				if kind == "put" {
					_, err = c.Put(ctx, key, value)
				} else {
					_, err = c.Get(ctx, key)
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}
