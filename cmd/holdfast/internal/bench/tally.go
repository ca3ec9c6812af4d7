package bench

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/holdfastdb/holdfast/checker/history"
)

// Latencies are kept in microseconds with three digits, up to five minutes.
const (
	maxLatency = 5 * time.Minute
	digits     = 3
	shards     = 16
)

// tally collects what happened, from all clients.
type tally struct {
	ok, notApplied, unknown, denied atomic.Int64
	notFound, conditionFailed       atomic.Int64
	shards                          [shards]shard
}

// shard holds a part of the latencies, so that clients seldom wait for each other.
type shard struct {
	mu     sync.Mutex
	byKind map[history.Kind]*hdrhistogram.Histogram
}

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, maxLatency.Microseconds(), digits)
}

// latency records the latency of an answered operation.
func (t *tally) latency(client int, kind history.Kind, d time.Duration) {
	s := &t.shards[client%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byKind == nil {
		s.byKind = map[history.Kind]*hdrhistogram.Histogram{}
	}
	h := s.byKind[kind]
	if h == nil {
		h = newHistogram()
		s.byKind[kind] = h
	}
	// Longer than the bound cannot be recorded; it counts as the bound.
	_ = h.RecordValue(min(max(d.Microseconds(), 1), maxLatency.Microseconds()))
}

// merged returns the latencies of all clients by kind.
func (t *tally) merged() map[history.Kind]*hdrhistogram.Histogram {
	all := map[history.Kind]*hdrhistogram.Histogram{}
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for kind, h := range s.byKind {
			if all[kind] == nil {
				all[kind] = newHistogram()
			}
			all[kind].Merge(h)
		}
		s.mu.Unlock()
	}
	return all
}
