package live

import (
	"context"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/kv/client"
	"github.com/holdfastdb/holdfast/testsuite/live/target"
)

// holdfastClient is the client library as a target.Client.
type holdfastClient struct {
	*client.Client
	patience target.Patience
}

var (
	_ target.Client  = holdfastClient{}
	_ target.Several = holdfastClient{}
)

// Do implements target.Client.
func (c holdfastClient) Do(ctx context.Context, in history.Input, how target.How) (history.Result, history.Outcome, error) {
	op := kinds[in.Kind]
	op.Key, op.Value, op.ExpectValue = []byte(in.Key), []byte(in.Value), []byte(in.ExpectValue)
	op.ExpectVersion, op.NoSession, op.Stale, op.Follower = in.ExpectVersion, how.NoSession, in.Stale, how.Follower
	answer, err := c.Client.Do(ctx, op)
	if err != nil {
		return history.Result{}, outcomeOf(err), err
	}
	return resultOf(&in, &answer), history.OK, nil
}

// DoSeveral implements target.Several by MultiGet or MultiPut.
func (c holdfastClient) DoSeveral(ctx context.Context, ins []history.Input, how target.How) []target.Answer {
	op := client.Op{Kind: client.KindMultiPut, NoSession: how.NoSession, Stale: ins[0].Stale, Follower: how.Follower}
	if ins[0].Kind == history.Get {
		op.Kind = client.KindMultiGet
	}
	for i := range ins {
		op.Items = append(op.Items, client.Item{Kind: kinds[ins[i].Kind].Kind, Key: []byte(ins[i].Key), Value: []byte(ins[i].Value)})
	}
	all, err := c.Client.Do(ctx, op)
	out := make([]target.Answer, len(ins))
	for i := range ins {
		if all.Items == nil { // it ended before it was divided
			out[i] = target.Answer{Outcome: outcomeOf(err), Why: err}
			continue
		}
		item := &all.Items[i]
		if item.Outcome != client.OK {
			out[i] = target.Answer{Outcome: outcomeOf(item.Err), Why: item.Err}
			continue
		}
		one := client.Result{ItemResult: *item, Partition: item.Partition, Index: item.Index, Node: item.Node}
		out[i] = target.Answer{Result: resultOf(&ins[i], &one), Outcome: history.OK}
	}
	return out
}

// Scan implements target.Several, page by page.
func (c holdfastClient) Scan(ctx context.Context, page int, how target.How) (map[string]history.Result, history.Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, c.patience.Operation)
	defer cancel()
	found := map[string]history.Result{}
	op := client.Op{Kind: client.KindScan, Limit: page, Follower: how.Follower}
	for {
		p, err := c.Client.Do(ctx, op)
		if err != nil {
			return nil, outcomeOf(err), err
		}
		for _, pair := range p.Pairs {
			found[string(pair.Key)] = history.Result{
				Found: true, Value: string(pair.Value), Version: pair.Version, Node: p.Node, Partition: p.Partition, Index: p.Index,
			}
		}
		if op.Cursor = p.Cursor; op.Cursor == nil {
			return found, history.OK, nil
		}
	}
}
