package client

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// BenchmarkClient measures operations of 256 goroutines through one client against
// a server in the same process that answers at once.
func BenchmarkClient(b *testing.B) {
	for _, kind := range []string{"put", "get"} {
		b.Run(kind, func(b *testing.B) {
			s := serve(b, 1, "", func(req *kvpb.Request) *kvpb.Response {
				return &kvpb.Response{Code: kvpb.Code_OK, Session: 1, Results: []*kvpb.OpResult{{Applied: true, Version: 1}}}
			})
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
		})
	}
}
