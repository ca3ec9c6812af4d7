package netsim

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/holdfastdb/holdfast/kv/env"
)

// echo passes on each message it gets, so that a fixed number of messages is
// always under way.
type echo struct {
	h     env.Host
	peers []env.NodeID
	n     int
}

func (e *echo) Receive(_ env.NodeID, payload []byte) {
	e.n++
	e.h.Send(e.peers[e.n%len(e.peers)], env.ChannelControl, payload)
}
func (e *echo) Tick() {}
func (e *echo) Turn() {}

// BenchmarkEvents measures one delivered message, of 100 bytes, among five processes
// with 100 messages under way.
func BenchmarkEvents(b *testing.B) {
	w := New(1, DefaultConfig())
	ids := []env.NodeID{1, 2, 3, 4, 5}
	for _, id := range ids {
		p := w.AddProcess(id, func(h env.Host, _ *Disk) (env.Program, error) {
			return &echo{h: h, peers: ids}, nil
		})
		if err := p.Start(); err != nil {
			b.Fatal(err)
		}
	}
	for i := range 100 {
		w.Processes()[i%5].Host().Send(ids[i%5], env.ChannelControl, make([]byte, 100))
	}
	b.ReportAllocs()
	for b.Loop() {
		w.Step()
	}
}

// logger appends to a file and syncs it, in a job, over and over.
type logger struct {
	h env.Host
	f env.File
	p []byte
}

func (l *logger) Receive(env.NodeID, []byte) {}
func (l *logger) Tick()                      {}
func (l *logger) Turn()                      {}
func (l *logger) Done()                      { l.h.Submit(env.LaneWAL, l) }
func (l *logger) Run() {
	if _, err := l.f.WriteAt(l.p, 0); err != nil {
		panic(err)
	}
	if err := l.f.SyncData(); err != nil {
		panic(err)
	}
}

// BenchmarkJobs measures one event of a job, Run or Done; each Run writes 500 bytes
// and syncs them.
func BenchmarkJobs(b *testing.B) {
	w := New(1, DefaultConfig())
	p := w.AddProcess(1, func(h env.Host, d *Disk) (env.Program, error) {
		f, err := d.Create("log", vfs.WriteCategoryUnspecified)
		return &logger{h: h, f: f, p: make([]byte, 500)}, err
	})
	if err := p.Start(); err != nil {
		b.Fatal(err)
	}
	p.Inject(func(q env.Program) { q.(*logger).Done() })
	b.ReportAllocs()
	for b.Loop() {
		w.Step()
	}
}
