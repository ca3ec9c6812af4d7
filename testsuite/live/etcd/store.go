package etcd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/testsuite/live"
	"github.com/holdfastdb/holdfast/testsuite/live/target"
)

// Store is the adapter: target.Store.
type Store struct {
	*live.Fleet
	// public and listen are the clients' ports, of node i at i-1.
	public, listen []string
	// asker asks the nodes themselves, not through their proxies.
	asker *clientv3.Client
}

var _ target.Store = (*Store)(nil)

// New is a cluster that does not run yet. binary is a program that calls Serve with its arguments if the first is Word.
func New(binary, dir string, nodes int) (*Store, error) {
	s := &Store{}
	fleet, err := live.NewFleet(live.ClusterConfig{
		Dir: dir, Name: "etcd", Nodes: nodes,
		Command: func(c *live.Cluster, id uint64) (string, []string) { return binary, s.args(c, id) },
	})
	if err != nil {
		return nil, err
	}
	s.Fleet = fleet
	for _, id := range fleet.Ids() {
		public, listen, err := fleet.Port(id)
		if err != nil {
			return nil, errors.Join(err, fleet.Close())
		}
		s.public, s.listen = append(s.public, public), append(s.listen, listen)
	}
	if s.asker, err = dial(s.listen, time.Second); err != nil {
		return nil, errors.Join(err, fleet.Close())
	}
	return s, nil
}

func (s *Store) args(c *live.Cluster, id uint64) []string {
	var members []string
	for i, address := range c.Addresses() {
		members = append(members, fmt.Sprintf("n%d=http://%s", i+1, address))
	}
	return []string{
		Word, fmt.Sprintf("n%d", id), c.Data(id), c.Listen(id), c.Addresses()[id-1], s.listen[id-1], s.public[id-1], strings.Join(members, ","),
	}
}

func dial(endpoints []string, timeout time.Duration) (*clientv3.Client, error) {
	c, err := clientv3.New(clientv3.Config{Endpoints: endpoints, DialTimeout: timeout, Logger: zap.NewNop()})
	if err != nil {
		return nil, fmt.Errorf("etcd: connecting: %w", err)
	}
	return c, nil
}

// Name implements target.Store.
func (s *Store) Name() string { return "etcd" }

// Begin implements target.Store.
func (s *Store) Begin(ctx context.Context) error {
	for _, id := range s.Ids() {
		if err := s.Launch(id); err != nil {
			return err
		}
	}
	for ctx.Err() == nil {
		if s.Leader(ctx) != 0 {
			return nil
		}
	}
	return fmt.Errorf("etcd: waiting for a leader: %w", ctx.Err())
}

// Leader implements target.Store: who says of itself that it leads, in the newest term.
func (s *Store) Leader(ctx context.Context) (leader uint64) {
	term := uint64(0)
	for _, id := range s.Up() {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		r, err := s.asker.Status(ctx, s.listen[id-1])
		cancel()
		if err == nil && r.Leader == r.Header.MemberId && r.RaftTerm > term {
			leader, term = id, r.RaftTerm
		}
	}
	return leader
}

// Close implements target.Store.
func (s *Store) Close() error { return errors.Join(s.asker.Close(), s.Fleet.Close()) }

// Client implements target.Store. Each client prefers another node.
func (s *Store) Client(_ context.Context, number int, patience target.Patience) (target.Client, error) {
	c, err := dial([]string{s.public[number%len(s.public)], s.public[(number+1)%len(s.public)]}, patience.Attempt)
	return &client{c, patience.Operation}, err
}

type client struct {
	*clientv3.Client
	patience time.Duration
}

// Do implements target.Client.
func (c *client) Do(ctx context.Context, in history.Input, _ target.How) (history.Result, history.Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	put, get := clientv3.OpPut(in.Key, in.Value), clientv3.OpGet(in.Key)
	txn := c.Txn(ctx)
	switch in.Kind {
	case history.Get:
		txn = txn.Then(get)
	case history.Put:
		txn = txn.Then(put)
	case history.Erase:
		txn = txn.Then(clientv3.OpDelete(in.Key))
	case history.CASVersion:
		txn = txn.If(clientv3.Compare(clientv3.ModRevision(in.Key), "=", int64(in.ExpectVersion))).Then(put).Else(get)
	case history.CASValue:
		txn = txn.If(clientv3.Compare(clientv3.Value(in.Key), "=", in.ExpectValue)).Then(put).Else(get)
	case history.PutIfAbsent:
		txn = txn.If(clientv3.Compare(clientv3.CreateRevision(in.Key), "=", 0)).Then(put).Else(get)
	}
	r, err := txn.Commit()
	switch {
	case err == nil:
		return result(&in, r), history.OK, nil
	case in.Kind == history.Get:
		return history.Result{}, history.Failed, err
	}
	return history.Result{}, history.Unknown, err // ETCD-1
}

// result is what a transaction of one operation tells.
func result(in *history.Input, r *clientv3.TxnResponse) history.Result {
	one := r.Responses[0]
	switch {
	case one.GetResponsePut() != nil:
		return history.Result{Swapped: in.Kind.Conditional(), Version: uint64(r.Header.Revision)}
	case one.GetResponseDeleteRange() != nil:
		return history.Result{Found: one.GetResponseDeleteRange().Deleted > 0}
	}
	kvs := one.GetResponseRange().Kvs
	if len(kvs) == 0 {
		return history.Result{}
	}
	return history.Result{Found: true, Value: string(kvs[0].Value), Version: uint64(kvs[0].ModRevision)}
}
