package history

import "sync"

// SyncRecorder is a Recorder for many goroutines, for runs against real
// processes. The lock makes the event numbers agree with real time: an Invoke
// that starts after a Complete returned has a higher number.
type SyncRecorder struct {
	mu       sync.Mutex
	recorder Recorder
}

// NewSyncRecorder returns an empty recorder.
func NewSyncRecorder() *SyncRecorder { return &SyncRecorder{} }

// Invoke is Recorder.Invoke.
func (r *SyncRecorder) Invoke(client uint64, in Input, at int64) OpID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.recorder.Invoke(client, in, at)
}

// Complete is Recorder.Complete.
func (r *SyncRecorder) Complete(id OpID, outcome Outcome, result Result, message string, at int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.recorder.Complete(id, outcome, result, message, at)
}

// Counts is Recorder.Counts.
func (r *SyncRecorder) Counts() (ok, failed, unknown int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.recorder.Counts()
}

// History is Recorder.History.
func (r *SyncRecorder) History(h Header) *History {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.recorder.History(h)
}
