package bench

import (
	"fmt"
	"math/rand/v2"

	"github.com/holdfastdb/holdfast/checker/history"
)

// workload makes the operations of one client.
type workload struct {
	opts   *Options
	rng    *rand.Rand
	client uint64
	prefix string
	count  uint64
	filler []byte
	seen   map[string]uint64 // versions this client saw, for compare-and-set
}

func newWorkload(o *Options, client int, prefix string) *workload {
	w := &workload{
		opts: o, rng: rand.New(rand.NewPCG(o.Seed, uint64(client)+1)), client: uint64(client) + 1, prefix: prefix,
		filler: make([]byte, o.ValueSize), seen: map[string]uint64{},
	}
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	for i := range w.filler {
		w.filler[i] = letters[w.rng.IntN(len(letters))]
	}
	return w
}

// next draws an operation.
func (w *workload) next() history.Input {
	in := history.Input{Kind: history.Put, Key: keyName(w.prefix, w.rng.IntN(w.opts.Keys), w.opts.KeySize)}
	switch {
	case w.rng.Float64() < w.opts.reads():
		in.Kind = history.Get
		return in
	case w.opts.Mix == All:
		in.Kind = []history.Kind{history.Put, history.Put, history.Erase, history.PutIfAbsent, history.CASVersion}[w.rng.IntN(5)]
	}
	if in.Kind == history.CASVersion {
		in.ExpectVersion = w.seen[in.Key]
		if in.ExpectVersion == 0 {
			in.Kind = history.Put
		}
	}
	if in.Kind != history.Erase {
		in.Value = w.value()
	}
	return in
}

// saw notes a version for later compare-and-sets.
func (w *workload) saw(key string, version uint64) {
	if w.opts.Mix == All && version > 0 {
		w.seen[key] = version
	}
}

// value is different from all others of the run when it is recorded (BENCH-3), and
// has ValueSize bytes where they suffice for that.
func (w *workload) value() string {
	w.count++
	if !w.opts.Record {
		// Different enough to be no constant, and cheap.
		if n := len(w.filler); n > 0 {
			w.filler[w.count%uint64(n)] ^= 1
		}
		return string(w.filler)
	}
	text := fmt.Sprintf("%d.%d.", w.client, w.count)
	if len(text) < len(w.filler) {
		text += string(w.filler[len(text):])
	}
	return text
}

// keyName is the name of key n, padded with zeros to size bytes.
func keyName(prefix string, n, size int) string {
	return fmt.Sprintf("%s%0*d", prefix, max(size-len(prefix), 1), n)
}
