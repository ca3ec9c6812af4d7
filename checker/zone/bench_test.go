package zone_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/checker/zone"
)

// large is a history of a correct store: on every key some clients work without pause, all
// kinds of operations alike. Answers are as the store gives them: writes and reads tell versions,
// erasures tell their place in the log only.
func large(keys, perKey, clients int, lossy float64) *history.History {
	rng := rand.New(rand.NewPCG(uint64(keys), uint64(perKey)))
	h := &history.History{Operations: make([]history.Operation, 0, keys*perKey)}
	for k := range keys {
		one := simulate(rng, shape{operations: perKey, clients: clients, lossy: lossy, places: true})
		key := fmt.Sprintf("key%d", k)
		for i := range one.Operations {
			one.Operations[i].Key = key
		}
		h.Operations = append(h.Operations, one.Operations...)
	}
	return h
}

func benchmark(b *testing.B, h *history.History) {
	n := len(h.Operations)
	runtime.GC()
	b.ReportAllocs()
	begin := cpuTime(b)
	for b.Loop() {
		res := zone.CheckAll(h)
		if len(res.Rejected)+len(res.Undecided) > 0 {
			b.Fatalf("%d rejected, %d undecided", len(res.Rejected), len(res.Undecided))
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "ops/s")
	b.ReportMetric((cpuTime(b)-begin).Seconds()/float64(b.N), "cpu-s/op")
}

// cpuTime is what the process has used of all processors, which tells more than the time that passes on
// a machine that others use too.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkZoneMillionOperationsThousandKeys(b *testing.B) {
	benchmark(b, large(1000, 1000, 8, 0.01))
}

// BenchmarkZoneOneKey64Clients is one key with all clients on it, by the share of outcomes that are not known and by
// what answers tell of versions.
func BenchmarkZoneOneKey64Clients(b *testing.B) {
	for _, lossy := range []float64{0, 0.01, 0.05} {
		for _, told := range []struct {
			name string
			shape
		}{
			{"places", shape{places: true}},
			{"versions", shape{eraseVersions: true}},
			{"no-versions-of-erasures", shape{}},
			{"no-versions", shape{hide: 1, unversioned: true}},
		} {
			of := told.shape
			of.operations, of.clients, of.lossy = 100_000, 64, lossy
			b.Run(fmt.Sprintf("unknown=%v/%s", lossy, told.name), func(b *testing.B) {
				benchmark(b, simulate(rand.New(rand.NewPCG(1, 100_000)), of))
			})
		}
	}
}

func BenchmarkZoneTenMillionOperations(b *testing.B) {
	if testing.Short() {
		b.Skip("takes some gigabytes")
	}
	benchmark(b, large(10_000, 1000, 8, 0.01))
}
