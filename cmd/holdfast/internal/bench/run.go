package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/store"
)

// Run is one measurement.
type Run struct {
	Options Options
	// Stores are the connections; clients are spread over them.
	Stores []store.Store
	// Progress is called about once a second during the measurement; it may be nil.
	Progress func(Tick)

	tally    tally
	recorder *history.SyncRecorder
	prefix   string
	begin    time.Time
	end      time.Time
	table    *timetable
	missed   atomic.Int64
	// fatal ends the run: an error that every further operation would meet too.
	fatal atomic.Pointer[store.Error]
	stop  context.CancelFunc
}

// Tick is what happened since the last one.
type Tick struct {
	Elapsed time.Duration
	OK      int64
	Failed  int64
}

// Do measures, and returns the report and, if asked for, the history.
func (r *Run) Do(ctx context.Context) (*Report, *history.History, error) {
	o := &r.Options
	if err := o.Check(); err != nil {
		return nil, nil, err
	}
	r.prefix = "k"
	if o.Record {
		r.recorder = history.NewSyncRecorder()
		r.prefix = fmt.Sprintf("bench-%08x-", rand.Uint32())
	} else if o.Prefill && o.reads() > 0 {
		if err := r.prefill(ctx); err != nil {
			return nil, nil, fmt.Errorf("storing the keys to be read: %w", err)
		}
	}
	if o.Rate > 0 {
		r.table = newTimetable(o.Rate, o.Duration)
	}
	ctx, r.stop = context.WithCancel(ctx)
	defer r.stop()
	r.begin = time.Now()
	r.end = r.begin.Add(o.Duration)
	done := r.watch()
	r.each(func(client int) { r.client(ctx, client) })
	took := time.Since(r.begin)
	done()
	if err := r.fatal.Load(); err != nil {
		return nil, r.history(), err
	}
	return r.tally.report(o, len(r.Stores), took, r.missed.Load()), r.history(), nil
}

func (r *Run) history() *history.History {
	if r.recorder == nil {
		return nil
	}
	return r.recorder.History(history.Header{Source: "bench", Clock: "wall", Seed: r.Options.Seed})
}

// each runs f for every client and waits for all.
func (r *Run) each(f func(client int)) {
	var wg sync.WaitGroup
	for client := range r.Options.Clients {
		wg.Go(func() { f(client) })
	}
	wg.Wait()
}

func (r *Run) store(client int) store.Store { return r.Stores[client%len(r.Stores)] }

// prefill stores every key once.
func (r *Run) prefill(ctx context.Context) error {
	var next atomic.Int64
	var once sync.Once
	var failed error
	r.each(func(client int) {
		w := newWorkload(&r.Options, client, r.prefix)
		for n := next.Add(1) - 1; n < int64(r.Options.Keys); n = next.Add(1) - 1 {
			opCtx, cancel := context.WithTimeout(ctx, r.Options.Timeout)
			_, err := r.store(client).Put(opCtx, []byte(keyName(r.prefix, int(n), r.Options.KeySize)), []byte(w.value()))
			cancel()
			if err != nil {
				once.Do(func() { failed = err })
				next.Store(int64(r.Options.Keys))
				return
			}
		}
	})
	return failed
}

// client sends operations, one after the other, until the end.
func (r *Run) client(ctx context.Context, client int) {
	w := newWorkload(&r.Options, client, r.prefix)
	for ctx.Err() == nil {
		due, more := r.due(ctx)
		if !more {
			return
		}
		r.operation(ctx, client, w, due)
	}
}

// due waits until the next operation may begin and returns from when its latency
// counts; false at the end.
func (r *Run) due(ctx context.Context) (time.Time, bool) {
	if r.table == nil {
		now := time.Now()
		return now, now.Before(r.end)
	}
	for {
		after, more := r.table.next()
		if !more {
			return time.Time{}, false
		}
		at := r.begin.Add(after)
		if time.Until(at) <= 0 && time.Now().After(r.end) {
			r.missed.Add(1)
			continue
		}
		return at, sleepUntil(ctx, at)
	}
}

// sleepUntil reports whether the time came before ctx ended.
func sleepUntil(ctx context.Context, at time.Time) bool {
	wait := time.Until(at)
	if wait <= 0 {
		return true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// operation sends one operation and notes how it ended.
func (r *Run) operation(ctx context.Context, client int, w *workload, due time.Time) {
	in := w.next()
	ctx, cancel := context.WithTimeout(ctx, r.Options.Timeout)
	defer cancel()
	var id history.OpID
	if r.recorder != nil {
		id = r.recorder.Invoke(w.client, in, time.Now().UnixNano())
	}
	result, err := Perform(ctx, r.store(client), in)
	now := time.Now()
	outcome, message := history.OK, ""
	if err != nil {
		outcome, message = outcomeOf(err), err.Error()
	}
	if r.recorder != nil {
		r.recorder.Complete(id, outcome, result, message, now.UnixNano())
	}
	if err != nil {
		r.failed(err)
		return
	}
	w.saw(in.Key, result.Version)
	r.tally.ok.Add(1)
	switch {
	case in.Kind == history.Get && !result.Found:
		r.tally.notFound.Add(1)
	case in.Kind.Conditional() && !result.Swapped:
		r.tally.conditionFailed.Add(1)
	}
	r.tally.latency(client, in.Kind, now.Sub(due))
}

// failed counts an error; one that is sure to come again ends the run.
func (r *Run) failed(err error) {
	var e *store.Error
	if !errors.As(err, &e) {
		e = &store.Error{Ending: store.Unknown, Err: err}
	}
	switch e.Ending {
	case store.NotApplied:
		r.tally.notApplied.Add(1)
	case store.Denied:
		r.tally.denied.Add(1)
		r.fatal.CompareAndSwap(nil, e)
		r.stop()
	default:
		r.tally.unknown.Add(1)
	}
}

func outcomeOf(err error) history.Outcome {
	var e *store.Error
	if errors.As(err, &e) && e.Ending != store.Unknown {
		return history.Failed
	}
	return history.Unknown
}

// watch calls Progress every second until the returned function is called.
func (r *Run) watch() (done func()) {
	if r.Progress == nil {
		return func() {}
	}
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		var last Tick
		for {
			select {
			case <-quit:
				return
			case now := <-ticker.C:
				sum := Tick{
					Elapsed: now.Sub(r.begin), OK: r.tally.ok.Load(),
					Failed: r.tally.notApplied.Load() + r.tally.unknown.Load() + r.tally.denied.Load(),
				}
				r.Progress(Tick{Elapsed: sum.Elapsed, OK: sum.OK - last.OK, Failed: sum.Failed - last.Failed})
				last = sum
			}
		}
	}()
	return func() {
		close(quit)
		<-ended
	}
}
