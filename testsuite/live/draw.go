package live

import (
	"fmt"

	"github.com/holdfastdb/holdfast/checker/history"
)

// The shares of operations, in percent; the rest are gets.
const (
	shareOnce     = 5 // puts under keys of their own (LIVE-5)
	sharePut      = 30
	shareErase    = 8
	shareVersion  = 8
	shareValue    = 8
	shareIfAbsent = 8
	// shareNoSession is that of puts without a session, which are not sent again after doubt.
	shareNoSession = 40
)

// draw chooses the next operation.
func (w *worker) draw() (in history.Input, noSession bool) {
	in.Key = fmt.Sprintf("%skey-%02d", w.load.cfg.Prefix, w.rng.IntN(w.load.cfg.Keys))
	known := w.seen[in.Key]
	p := w.rng.IntN(100)
	below := func(share int) bool {
		p -= share
		return p < 0
	}
	w.count++
	switch {
	case below(shareOnce):
		in.Kind, in.Key = history.Put, fmt.Sprintf("%sonce-%d-%d", w.load.cfg.Prefix, w.number, w.count)
	case below(sharePut):
		in.Kind = history.Put
		noSession = w.rng.IntN(100) < shareNoSession && !w.load.cfg.Sessions
	case below(shareErase):
		in.Kind = history.Erase
	case below(shareVersion) && known.Version != 0:
		in.Kind, in.ExpectVersion = history.CASVersion, known.Version
	case below(shareValue) && known.Value != "":
		in.Kind, in.ExpectValue = history.CASValue, known.Value
	case below(shareIfAbsent):
		in.Kind = history.PutIfAbsent
	default:
		in.Kind = history.Get
	}
	if in.Kind.CarriesValue() {
		in.Value = fmt.Sprintf("%d.%d", w.number, w.count)
	}
	return in, noSession
}

// remember keeps what the worker now knows of a key.
func (w *worker) remember(in *history.Input, r history.Result) {
	if known, ok := in.Known(&r); ok {
		w.seen[in.Key] = known
	}
}
