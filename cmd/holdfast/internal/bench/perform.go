package bench

import (
	"context"
	"fmt"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/store"
)

// Perform carries out an operation of a history on a store.
func Perform(ctx context.Context, s store.Store, in history.Input) (history.Result, error) {
	key := []byte(in.Key)
	switch in.Kind {
	case history.Get:
		r, err := s.Get(ctx, key, in.Stale)
		return placed(history.Result{Found: r.Found, Value: string(r.Value), Version: r.Version}, r.Place), err
	case history.Put:
		w, err := s.Put(ctx, key, []byte(in.Value))
		return placed(history.Result{Version: w.Version}, w.Place), err
	case history.Erase:
		e, err := s.Erase(ctx, key)
		return placed(history.Result{Found: e.Found, Version: e.Version}, e.Place), err
	case history.CASVersion, history.CASValue, history.PutIfAbsent:
		expect := store.Expect{Absent: in.Kind == history.PutIfAbsent, Version: in.ExpectVersion, Value: []byte(in.ExpectValue)}
		w, err := s.CompareAndSet(ctx, key, []byte(in.Value), expect)
		res := history.Result{Swapped: w.Swapped}
		if w.Swapped || w.Found {
			res.Version = w.Version
		}
		if !w.Swapped && w.Found {
			res.Found, res.Value = true, string(w.Value)
		}
		return placed(res, w.Place), err
	}
	panic(fmt.Sprintf("bench: no operation %v", in.Kind))
}

func placed(r history.Result, p store.Place) history.Result {
	r.Partition, r.Index, r.Node = p.Partition, p.Index, p.Node
	return r
}
