package live

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/kv/client"
)

var kinds = map[history.Kind]client.Op{
	history.Get: {Kind: client.KindGet}, history.Put: {Kind: client.KindPut}, history.Erase: {Kind: client.KindErase},
	history.CASVersion: {Kind: client.KindCASVersion}, history.CASValue: {Kind: client.KindCASValue},
	history.PutIfAbsent: {Kind: client.KindPutIfAbsent},
}

// perform carries out one operation, recorded from its call to its end, which err
// tells if it is not OK.
func (l *Load) perform(ctx context.Context, number int, in history.Input, noSession bool) (history.Result, error) {
	op := kinds[in.Kind]
	op.Key, op.Value, op.ExpectValue = []byte(in.Key), []byte(in.Value), []byte(in.ExpectValue)
	op.ExpectVersion, op.NoSession = in.ExpectVersion, noSession
	phase := l.phase.Load()
	id := l.recorder.Invoke(uint64(number), in, time.Now().UnixNano())
	answer, err := l.clients[number%len(l.clients)].Do(ctx, op)
	now := time.Now().UnixNano()
	if err != nil {
		l.recorder.Complete(id, outcomeOf(err), history.Result{}, err.Error(), now)
		return history.Result{}, err
	}
	result := resultOf(&in, &answer)
	l.recorder.Complete(id, history.OK, result, "", now)
	if phase == l.phase.Load() {
		phase.count(in.Kind)
	}
	return result, nil
}

func outcomeOf(err error) history.Outcome {
	var e *client.Error
	switch {
	case !errors.As(err, &e):
		panic(fmt.Sprintf("live: the client returned an error without an outcome: %v", err))
	case e.Outcome == client.Failed:
		return history.Failed
	}
	return history.Unknown
}

// resultOf is what a client learnt, in the terms of a history.
func resultOf(in *history.Input, r *client.Result) history.Result {
	out := history.Result{Found: r.Found, Node: r.Node, Partition: r.Partition, Index: r.Index}
	switch {
	case in.Kind == history.Erase:
	case in.Kind == history.Put:
		out.Found, out.Version = false, r.Version
	case in.Kind.Conditional() && !r.ConditionFailed:
		out.Found, out.Swapped, out.Version = false, true, r.Version
	default:
		out.Value, out.Version = string(r.Value), r.Version
	}
	return out
}
