package raft

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// pipe is the cheapest possible cluster: no harness, no checks, disks that are
// done at once.
type pipe struct {
	nodes []*Raft
	now   time.Duration
	reads int
}

func newPipe(b *testing.B, n int) *pipe {
	p := &pipe{}
	for i := range n {
		cfg := testConfig(ReplicaID(i+1), n)
		cfg.MaxAppendBytes, cfg.MaxInflightBytes, cfg.MaxUncommittedBytes, cfg.MaxCacheBytes = 1<<20, 1<<24, 1<<24, 1<<20
		cfg.MaxPendingReads = 1 << 20
		r, err := New(cfg, Restored{}, 0)
		require.NoError(b, err)
		p.nodes = append(p.nodes, r)
	}
	for p.nodes[0].Role() != Leader || p.nodes[0].Applicable() == 0 {
		p.now = max(p.now, p.nodes[0].Deadline())
		p.nodes[0].Tick(p.now)
		p.settle()
	}
	return p
}

func (p *pipe) settle() {
	for busy := true; busy; {
		busy = false
		for _, r := range p.nodes {
			out := r.Output()
			p.reads += len(out.Reads)
			for _, m := range out.Messages {
				p.nodes[m.To-1].Receive(p.now, m)
			}
			if out.HasPersist {
				r.Persisted(out.Persist.Seq)
			}
			busy = busy || len(out.Messages) > 0 || out.HasPersist
			r.SetApplied(r.Applicable())
		}
	}
}

// One iteration is one entry through a group of three, from proposal to commit.
func BenchmarkReplicate(b *testing.B) {
	for _, batch := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			p := newPipe(b, 3)
			payloads := make([][]byte, batch)
			for i := range payloads {
				payloads[i] = make([]byte, 256)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; i < b.N; i += batch {
				if _, _, err := p.nodes[0].Propose(p.now, payloads); err != nil {
					b.Fatal(err)
				}
				p.settle()
			}
		})
	}
}

// One iteration is one read grant by a group of three, 64 reads a round.
func BenchmarkRead(b *testing.B) {
	p := newPipe(b, 3)
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i += 64 {
		for id := range uint64(64) {
			p.nodes[0].Read(p.now, id)
		}
		p.settle()
	}
	b.StopTimer()
	require.GreaterOrEqual(b, p.reads, b.N)
}

func BenchmarkHeartbeatCodec(b *testing.B) {
	m := Message{Type: MsgHeartbeat, Group: 12, From: 1, To: 2, Term: 9, Commit: 123456, Round: 4711}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendMessage(buf[:0], &m)
		if _, err := DecodeMessage(buf); err != nil {
			b.Fatal(err)
		}
	}
}

// One iteration is one timed round of an idle group of three.
func BenchmarkIdleRound(b *testing.B) {
	p := newPipe(b, 3)
	b.ReportAllocs()
	for b.Loop() {
		p.now = p.nodes[0].Deadline()
		p.nodes[0].Tick(p.now)
		p.settle()
	}
}

// One iteration is one sleep of an idle group of three, with the proposal that ends it.
func BenchmarkSleepAndWake(b *testing.B) {
	p := newPipe(b, 3)
	for _, r := range p.nodes {
		r.cfg.QuiesceAfter = 1
	}
	payload := [][]byte{make([]byte, 256)}
	b.ReportAllocs()
	for b.Loop() {
		for !p.nodes[2].Quiescent() {
			p.now = p.nodes[0].Deadline()
			p.nodes[0].Tick(p.now)
			p.settle()
		}
		if _, _, err := p.nodes[0].Propose(p.now, payload); err != nil {
			b.Fatal(err)
		}
		p.settle()
	}
}

// One iteration is one check of all invariants on a leader.
func BenchmarkCheckInvariants(b *testing.B) {
	p := newPipe(b, 5)
	b.ReportAllocs()
	for b.Loop() {
		if err := p.nodes[0].CheckInvariants(); err != nil {
			b.Fatal(err)
		}
	}
}
