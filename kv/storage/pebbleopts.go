package storage

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"

	"github.com/holdfastdb/holdfast/kv/env"
)

// PebbleOptions configure OpenPebble; zero fields mean the defaults.
type PebbleOptions struct {
	// CacheBytes is the size of the block cache, by default 64 MiB.
	CacheBytes int64
	// MemTableBytes is how much is written before Pebble flushes by itself, by default
	// 32 MiB. Up to four such tables exist when the disk is slow; then Apply waits.
	MemTableBytes uint64
	// MaxOpenFiles bounds open table files, by default 1000.
	MaxOpenFiles int
	// Log takes Pebble's messages; by default they are dropped.
	Log func(message string)
	// OnFailure is called once, from any goroutine, with the error that made the engine
	// stop. Calls of the engine may hang from then on, so the process should end soon.
	// It must not call the engine. Without it some failures panic.
	OnFailure func(err error)

	readOnly bool
}

func (o *PebbleOptions) setDefaults() {
	if o.CacheBytes == 0 {
		o.CacheBytes = 64 << 20
	}
	if o.MemTableBytes == 0 {
		o.MemTableBytes = 32 << 20
	}
	if o.MaxOpenFiles == 0 {
		o.MaxOpenFiles = 1000
	}
	if o.Log == nil {
		o.Log = func(string) {}
	}
	if o.OnFailure == nil {
		o.OnFailure = func(error) {}
	}
}

// options translates to Pebble's.
func (p *Pebble) options(fs env.FS) *pebble.Options {
	o := &pebble.Options{
		FS:       fs,
		ReadOnly: p.opts.readOnly,
		// The Raft log is the redo log (DESIGN §4).
		DisableWAL: true,
		// Pebble's default is its oldest format. Measured for its log, the newest notices
		// damage that the oldest does not (DESIGN §4); for the manifest it makes no
		// such difference (STO-4).
		FormatMajorVersion:          pebble.FormatNewest,
		CacheSize:                   p.opts.CacheBytes,
		MemTableSize:                p.opts.MemTableBytes,
		MemTableStopWritesThreshold: 4,
		MaxOpenFiles:                p.opts.MaxOpenFiles,
		// Consensus must not starve on a small machine: one compaction at a time, and
		// writes stop late, since a stall stops every partition of the node.
		CompactionConcurrencyRange: func() (int, int) { return 1, 1 },
		L0StopWritesThreshold:      64,
		Logger:                     pebbleLogger{p},
		EventListener: &pebble.EventListener{
			BackgroundError: func(err error) {
				p.fail(fmt.Errorf("background work: %w", err))
			},
			DataCorruption: func(info pebble.DataCorruptionInfo) {
				p.fail(fmt.Errorf("file %s is damaged: %w", info.Path, info.Details))
			},
		},
	}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	return o
}

// pebbleLogger hands Pebble's messages on.
type pebbleLogger struct{ p *Pebble }

func (l pebbleLogger) Infof(format string, args ...any) {
	l.p.opts.Log(fmt.Sprintf(format, args...))
}

func (l pebbleLogger) Errorf(format string, args ...any) {
	l.p.opts.Log(fmt.Sprintf(format, args...))
}

// Fatalf must not return: Pebble calls it where it cannot go on, for example after
// a failed write of its manifest, with locks held. Whoever listens to OnFailure is
// left the time to end the process in order; otherwise it ends here.
func (l pebbleLogger) Fatalf(format string, args ...any) {
	err := l.p.fail(fmt.Errorf(format, args...))
	if !l.p.ready.Load() || !l.p.heard {
		panic(err)
	}
	l.p.wedged.Store(true)
	select {}
}
