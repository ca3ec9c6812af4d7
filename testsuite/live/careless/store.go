package careless

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/holdfastdb/holdfast/checker/history"
	"github.com/holdfastdb/holdfast/testsuite/live"
	"github.com/holdfastdb/holdfast/testsuite/live/target"
)

// Store is the adapter: target.Store.
type Store struct {
	*live.Fleet
	http http.Client
	// PrimaryOnly has clients read at the primary, which hides the staleness of the others.
	PrimaryOnly bool
	// Patience is how long a node waits for a silent one before it goes on without it.
	Patience time.Duration
}

var _ target.Store = (*Store)(nil)

// New is a cluster that does not run yet. binary is a program that calls Serve with its arguments if the first is Word.
func New(binary, dir string, nodes int) (*Store, error) {
	s := &Store{http: http.Client{Transport: &http.Transport{}}, Patience: sendTime}
	fleet, err := live.NewFleet(live.ClusterConfig{
		Dir: dir, Name: "careless", Nodes: nodes,
		Command: func(c *live.Cluster, id uint64) (string, []string) {
			return binary, append([]string{Word, fmt.Sprint(id), s.Patience.String(), c.Listen(id)}, c.Addresses()...)
		},
	})
	if err != nil {
		return nil, err
	}
	s.Fleet = fleet
	return s, nil
}

// Name implements target.Store.
func (s *Store) Name() string { return "careless" }

// Begin implements target.Store: it waits until all nodes agree on the primary.
func (s *Store) Begin(ctx context.Context) error {
	for _, id := range s.Ids() {
		if err := s.Launch(id); err != nil {
			return err
		}
	}
	for agreed := 0; agreed < len(s.Ids()); {
		agreed = 0
		for _, id := range s.Ids() {
			if s.primaryOf(ctx, id) == 1 {
				agreed++
			}
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("careless: waiting for the nodes: %w", err)
		}
		time.Sleep(pingEvery)
	}
	return nil
}

func (s *Store) primaryOf(ctx context.Context, id uint64) (primary uint64) {
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	if post(ctx, &s.http, s.Listen(id), "/primary", nil, &primary) != nil {
		return 0
	}
	return primary
}

// Leader implements target.Store.
func (s *Store) Leader(ctx context.Context) uint64 {
	for _, id := range s.Up() {
		if primary := s.primaryOf(ctx, id); primary != 0 {
			return primary
		}
	}
	return 0
}

// Close implements target.Store.
func (s *Store) Close() error {
	s.http.CloseIdleConnections()
	return s.Fleet.Close()
}

// Client implements target.Store.
func (s *Store) Client(_ context.Context, number int, patience target.Patience) (target.Client, error) {
	c := &client{addresses: s.Addresses(), patience: patience, primaryOnly: s.PrimaryOnly, http: http.Client{Transport: &http.Transport{}}}
	c.turn.Store(uint64(number))
	return c, nil
}

type client struct {
	addresses   []string
	patience    target.Patience
	primaryOnly bool
	http        http.Client
	turn        atomic.Uint64
}

func (c *client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// Do implements target.Client. It asks one node after the other; one that does not do it says whom it takes for the primary.
func (c *client) Do(ctx context.Context, in history.Input, _ target.How) (history.Result, history.Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, c.patience.Operation)
	defer cancel()
	req := request{Primary: c.primaryOnly, Kind: in.Kind, Key: in.Key, Value: in.Value, ExpectValue: in.ExpectValue, ExpectVersion: in.ExpectVersion}
	at := c.turn.Add(1) % uint64(len(c.addresses))
	why := errors.New("no node took it")
	for range 2 * len(c.addresses) {
		a, err := c.attempt(ctx, c.addresses[at], &req)
		switch {
		case err == nil && a.Primary == 0:
			return a.Result, history.OK, nil
		case err == nil:
			at = a.Primary - 1
			continue
		case in.Kind != history.Get && !neverSent(err):
			return history.Result{}, history.Unknown, err
		}
		why = err
		at = (at + 1) % uint64(len(c.addresses))
	}
	return history.Result{}, history.Failed, why
}

func (c *client) attempt(ctx context.Context, address string, req *request) (a answer, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.patience.Attempt)
	defer cancel()
	err = post(ctx, &c.http, address, "/do", req, &a)
	return a, err
}

// neverSent: there was not even a connection.
func neverSent(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}
